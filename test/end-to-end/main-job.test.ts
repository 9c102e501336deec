/** The main job on all the real parts: from the providers' wire to snapshots, twice, and by way of daily syncs. */
import { afterEach, expect, test } from 'vitest';
import { demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { World } from '../../simulator/world.js';
import { call, conversation } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';
import { waitFor } from '../support/wait-for.js';
import { expectTables } from './expect-tables.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

const march = { from: '2025-03-01', to: '2025-03-03' };

test('a backfill stores every record once, and a second one changes nothing and asks for no detail', async () => {
  const world = generateWorld({ calls: 3_000, conversations: 400, days: 3, from: march.from });
  system = await startSystem({ world, mapping: demoMapping });
  await system.startWorker();
  const counts = { fetched: 3_000, inserted: 3_000, updated: 0, unchanged: 0, rejected: 0 };
  expect(await system.backfill({ source: 'twilio', ...march })).toMatchObject({ records: counts });
  await system.backfill({ source: 'elevenlabs', ...march });
  await expectTables(system.db, world);

  const tables = () =>
    system!.db.query('select md5(string_agg(c::text, chr(10) order by id)) as all_calls from calls c');
  const before = await tables();
  system.simulator.stats.reset();
  expect(await system.backfill({ source: 'twilio', ...march, reprocess: 'completed' })).toMatchObject({
    records: { fetched: 3_000, inserted: 0, updated: 0, unchanged: 3_000 },
  });
  await system.start('dailySync', { nominalTime: '2025-03-04T00:00:00Z' }).then((h) => h.result());
  expect(await tables()).toEqual(before);
  expect(system.simulator.stats.requests.conversation.total).toBe(0);
  await expectTables(system.db, world);
});

test('money comes out digit for digit, however long', async () => {
  const world = new World();
  world.addCall(call('CA1', '2025-03-01T10:00:00Z', { price: '-0.00750000000000000001' }));
  world.addCall(call('CA2', '2025-03-01T10:30:00Z', { price: '-0.10000000000000000009' }));
  const detail = JSON.stringify(conversation('conv_1', '2025-03-01T10:10:00Z'));
  system = await startSystem({ world, mapping: demoMapping });
  world.addConversation(
    detail
      .replace('"phone_call":null', '"charging":{"llm_price":0.12345678901234567891},"phone_call":null')
      .replace(/\{"text":"(\d+)"\}/g, '$1'),
  );
  await system.startWorker();
  await system.backfill({ source: 'twilio', ...march });
  await system.backfill({ source: 'elevenlabs', ...march });
  expect(await system.db.query('select total_cost::text as cost from twilio_snapshots')).toEqual([
    { cost: '0.10750000000000000010' },
  ]);
  expect(await system.db.query('select llm_price::text as price from elevenlabs_snapshots')).toEqual([
    { price: '0.12345678901234567891' },
  ]);
});

test('a price that comes late is fetched by the next daily sync, by its id, and then never again', async () => {
  const world = new World();
  world.addCall(call('CA1', '2025-03-01T10:00:00Z'));
  world.addCall(call('CA2', '2025-03-05T10:00:00Z'));
  world.settleLate('call', 'CA1', { serves: 1 });
  system = await startSystem({ world, mapping: demoMapping, sources: ['twilio'] });
  await system.startWorker();
  await system.backfill({ source: 'twilio', ...march });
  expect(await system.db.query('select unpriced_calls, total_cost from twilio_snapshots')).toEqual([
    { unpriced_calls: '1', total_cost: '0' },
  ]);
  const sync = async (nominalTime: string) => {
    await (await system!.start('dailySync', { nominalTime })).result();
  };
  await sync('2025-03-08T00:00:00Z');
  await expectTables(system.db, world);
  system.simulator.stats.reset();
  await sync('2025-03-09T00:00:00Z');
  expect(system.simulator.stats.requests.call.total).toBe(0);
});

test('the worker drains what a person changes with SQL, without any workflow', async () => {
  const world = generateWorld({ calls: 300, days: 1, from: march.from });
  system = await startSystem({ world, mapping: demoMapping, sources: ['twilio'] });
  await system.startWorker();
  await system.backfill({ source: 'twilio', from: march.from, to: march.from });
  const { db } = system;
  await db.query('update workspace_phones set workspace_id = 6');
  const moved = demoMapping.workspace_phones.map((phone) => ({ ...phone, workspace_id: 6 }));
  await waitFor(
    async () =>
      (await db.query('select from twilio_snapshots where workspace_id not in (1, 6)')).length === 0,
    { what: 'all snapshots to move to workspace 6' },
  );
  await waitFor(
    async () =>
      (await db.query('select from hourledger.dirty_keys union all select from hourledger.dirty_hours'))
        .length === 0,
    { what: 'all dirt to be drained' },
  );
  await expectTables(db, world, { ...demoMapping, workspace_phones: moved });
});
