/** Two workers at one account find together what it allows: few requests are refused, and a dead worker's share comes back. */
import { afterEach, expect, test } from 'vitest';
import { demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { startSystem, type System } from '../support/system.js';
import { waitFor } from '../support/wait-for.js';

const conversations = 1_800;
const allowed = 6;
let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

interface Shares {
  holders: number;
  share: number;
  at_once: number;
}

async function readShares(): Promise<Shares> {
  const [row] = await system!.db.query<Shares & Record<string, unknown>>(
    `select count(s.*) filter (where share > 0)::integer as holders,
        coalesce(sum(share), 0)::integer as share, at_once
      from hourledger.request_limits l
      left join hourledger.request_shares s on s.source = l.source and s.expires_at > clock_timestamp()
      where l.source = 'elevenlabs' group by at_once`,
  );
  return row!;
}

test('two workers share what the provider allows at once, and one has all of it when the other is killed', async () => {
  const world = generateWorld({ calls: 0, conversations, days: 18 });
  system = await startSystem({ world, mapping: demoMapping, sources: ['elevenlabs'], latencyMs: 30 });
  const { simulator, db } = system;
  simulator.faults.limits.elevenlabs = { maxConcurrent: allowed, retryAfterSeconds: 1 };
  const [, doomed] = await Promise.all([system.startWorker(), system.startWorker()]);
  const done = system.backfill({ source: 'elevenlabs', from: '2025-01-01', to: '2025-01-18' });

  const answered = () => simulator.stats.outcomes(200);
  await waitFor(() => answered() > conversations / 10, { what: 'the rate to settle' });
  const settled = { answered: answered(), refused: simulator.stats.outcomes(429) };
  const both = await waitFor(
    async () => {
      const shares = await readShares();
      expect(shares.share).toBeLessThanOrEqual(shares.at_once);
      return shares.holders === 2 ? shares : null;
    },
    { what: 'both workers to have a share' },
  );
  expect(both.at_once).toBeGreaterThanOrEqual(allowed - 2);
  expect(both.at_once).toBeLessThanOrEqual(allowed + 2);

  await doomed.kill('SIGKILL');
  await waitFor(
    async () => {
      const { holders, share, at_once } = await readShares();
      return holders === 1 && share === at_once;
    },
    { what: 'the share of the dead worker to come back' },
  );
  await done;
  const [row] = await db.query<{ stored: number }>(
    'select count(*)::integer as stored from elevenlabs_conversations',
  );
  expect(row!.stored).toBe(conversations);
  // One in a hundred once the rate had settled, and the doubling before that.
  const refused = simulator.stats.outcomes(429) - settled.refused;
  expect(refused).toBeLessThanOrEqual((answered() - settled.answered) / 100);
}, 120_000);
