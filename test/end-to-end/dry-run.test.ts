/** A dry run asks the provider for its days, counts what it lists, and writes no row. */
import { afterEach, expect, test } from 'vitest';
import { generateWorld } from '../../simulator/generate.js';
import { conversation } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

/** How many rows each table has, but for the one in which workers share a provider's limit: they ask, after all. */
async function contents({ db }: System): Promise<Record<string, string>> {
  const tables = await db.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'hourledger')
       and tablename <> 'request_shares'`,
  );
  const counts: Record<string, string> = {};
  for (const { name } of tables) {
    const [row] = await db.query<{ count: string }>(`select count(*) from ${name}`);
    counts[name] = row?.count ?? '';
  }
  return counts;
}

test('counts the records of both sources over several pages, asks for no details, and writes nothing', async () => {
  const [from, to] = ['2025-03-01', '2025-03-02'];
  const world = generateWorld({ calls: 2_400, days: 2, from });
  for (let number = 0; number < 230; number += 1) {
    world.addConversation(conversation(`conv_${number}`, `2025-03-0${1 + (number % 2)}T12:00:00Z`));
  }
  system = await startSystem({ world, sources: ['twilio', 'elevenlabs'] });
  await system.startWorker();
  const before = await contents(system);
  for (const [source, fetched] of [
    ['twilio', 2_400],
    ['elevenlabs', 230],
  ] as const) {
    const result = await system.backfill({ source, from, to, dryRun: true });
    expect(result).toMatchObject({
      days: { completed: 2 },
      failedDays: [],
      records: { fetched, inserted: 0 },
    });
  }
  expect(await contents(system)).toEqual(before);
  const { requests } = system.simulator.stats;
  expect(requests.calls.total).toBeGreaterThanOrEqual(4);
  expect(requests.conversation.total).toBe(0);
});
