/** A provider whose pages lead in a circle: the day fails with one line that names the cursor, and nothing loops. */
import { afterEach, expect, test } from 'vitest';
import { demoCredentials } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { startSystem, type System } from '../support/system.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

const range = { from: '2025-03-01', to: '2025-03-02' };
const march1 = Date.parse(range.from) / 1000 - 60;

/** Pages that name each other: first, a, b, c, a, b, c, … */
function leadInACircle(request: 'calls' | 'usage' | 'conversations', first: string): void {
  const account = `/2010-04-01/Accounts/${demoCredentials.twilio.accountSid}`;
  const page = (cursor: string) => {
    if (request === 'conversations') return { conversations: [], has_more: true, next_cursor: cursor };
    const path = request === 'calls' ? 'Calls' : 'Usage/Records/Daily';
    const key = request === 'calls' ? 'calls' : 'usage_records';
    return { [key]: [], next_page_uri: `${account}/${path}.json?PageToken=${cursor}` };
  };
  const links = {
    'circle-a': 'circle-b',
    'circle-b': 'circle-c',
    'circle-c': 'circle-a',
    [first]: 'circle-a',
  };
  for (const [path, next] of Object.entries(links)) {
    const body = JSON.stringify(page(next));
    system!.simulator.faults.add({ kind: 'status', status: 200, request, path, body });
  }
}

async function failureOf(type: string, input: object): Promise<string> {
  const handle = await system!.start(type, input);
  const error: unknown = await handle.result().catch((reason: unknown) => reason);
  const { cause } = error as { cause: Error };
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}

test.each([
  ['twilio', 'calls', `StartTime%3E=${range.from}`],
  [
    'elevenlabs',
    'conversations',
    `call_start_after_unix=${march1}&call_start_before_unix=${march1 + 86_520}&page_size=100`,
  ],
] as const)('of %s: the other days are read, also in a dry run', async (source, request, first) => {
  const world = generateWorld({ calls: 40, conversations: 40, days: 2, from: range.from });
  system = await startSystem({ world, sources: [source] });
  await system.startWorker();
  leadInACircle(request, first);
  for (const dryRun of [true, false]) {
    const message = await failureOf('backfill', { source, ...range, dryRun });
    expect(message).toMatch(/^1 of 2 days failed: 2025-03-01\. .* lead in a circle: .*circle-a" came again/);
  }
  expect(await system.db.query(`select day::text, state from sync_days order by day`)).toEqual([
    { day: '2025-03-01', state: 'failed' },
    { day: '2025-03-02', state: 'completed' },
  ]);
  expect(system.simulator.stats.requests[request].total).toBeLessThan(40);
});

test('of the totals that days are reconciled with: it fails at once', async () => {
  const world = generateWorld({ calls: 40, days: 2, from: range.from });
  system = await startSystem({ world, sources: ['twilio'] });
  await system.startWorker();
  await system.backfill({ source: 'twilio', ...range });
  const counted = system.simulator.stats.requests.usage.total;
  leadInACircle('usage', 'Category=calls&');
  const message = await failureOf('reconcile', { source: 'twilio', ...range });
  expect(message).toMatch(/^Twilio's pages of the usage of .* lead in a circle: .*circle-a" came again/);
  expect(system.simulator.stats.requests.usage.total - counted).toBeLessThan(10);
});
