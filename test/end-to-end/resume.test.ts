/** L10: whatever process dies at whatever instant, the work goes on where it was, and the tables come out the same. */
import { afterEach, expect, test } from 'vitest';
import { demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { startSystem, type System } from '../support/system.js';
import { waitFor } from '../support/wait-for.js';
import { expectTables } from './expect-tables.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

test('a worker killed twice in the middle of a backfill costs nothing but time', async () => {
  const world = generateWorld({ calls: 6_000, conversations: 900, days: 6, from: '2025-03-01' });
  system = await startSystem({ world, mapping: demoMapping, latencyMs: 5 });
  const { db } = system;
  const range = { from: '2025-03-01', to: '2025-03-06' };
  const handles = await Promise.all([
    system.start('backfill', { source: 'twilio', ...range, maxParallelDays: 2 }),
    system.start('backfill', { source: 'elevenlabs', ...range, maxParallelDays: 2 }),
  ]);
  const staged = async () =>
    Number((await db.query<{ n: string }>('select count(*) as n from hourledger.staged_pages'))[0]!.n);
  for (let kills = 0; kills < 2; kills++) {
    const worker = await system.startWorker();
    const before = await staged();
    await waitFor(async () => (await staged()) > before, { what: 'a page to be staged' });
    await worker.kill('SIGKILL');
  }
  await system.startWorker();
  for (const handle of handles) {
    expect(await handle.result()).toMatchObject({ state: 'completed', days: { completed: 6, failed: 0 } });
  }
  await expectTables(db, world);
  expect(
    await db.query(
      'select source, state, sum(fetched) as fetched from sync_days group by source, state order by source',
    ),
  ).toEqual([
    { source: 'elevenlabs', state: 'completed', fetched: '900' },
    { source: 'twilio', state: 'completed', fetched: '6000' },
  ]);
}, 150_000);

test('SIGTERM lets a worker finish what is under way and end by itself', async () => {
  const world = generateWorld({ calls: 2_000, days: 2, from: '2025-03-01' });
  system = await startSystem({ world, mapping: demoMapping, latencyMs: 20 });
  const first = await system.startWorker();
  const handle = await system.start('backfill', { source: 'twilio', from: '2025-03-01', to: '2025-03-02' });
  await waitFor(() => system!.simulator.stats.underWay.twilio > 0, { what: 'a request to be under way' });
  await first.kill('SIGTERM');
  expect(first.log()).toContain('Worker has stopped');
  await system.startWorker();
  await handle.result();
  await expectTables(system.db, world);
});
