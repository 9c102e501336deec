/** L6: what is not settled is asked again until it is, at the lowest price; L5: whatever was left out is taken up. */
import { afterEach, expect, test } from 'vitest';
import type { Source } from '../../activities/types.js';
import { rfc2822 } from '../../simulator/dates.js';
import { demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { World } from '../../simulator/world.js';
import type { DailySyncSummary } from '../../workflows/daily-sync.js';
import { call, conversation } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';
import { expectTables } from './expect-tables.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

const march = { from: '2025-03-01', to: '2025-03-02' };

async function begin(world: World, sources: Source[] = ['twilio']): Promise<System> {
  system = await startSystem({ world, mapping: demoMapping, sources });
  await system.startWorker();
  return system;
}

async function sync(nominalTime: string, lookbackDays = 0): Promise<DailySyncSummary> {
  const handle = await system!.start('dailySync', { nominalTime, lookbackDays });
  return (await handle.result()) as DailySyncSummary;
}

/** What a sync asks of the provider: the days that it lists, and how many records by their ids. */
async function requestsOf(
  nominalTime: string,
): Promise<{ listed: string[]; calls: number; details: number }> {
  const { simulator, db } = system!;
  simulator.stats.reset();
  const handle = await system!.start('dailySync', { nominalTime, lookbackDays: 0 });
  await handle.result();
  const { call: one, conversation } = simulator.stats.requests;
  const days = await db.query<{ day: string }>(
    'select day::text from hourledger.day_runs where run_id = $1 order by day',
    [(await handle.describe()).runId],
  );
  return { listed: days.map(({ day }) => day), calls: one.total, details: conversation.total };
}

async function unsettled(): Promise<Record<string, number>> {
  const rows = await system!.db.query<{ day: string; unsettled: string }>(
    'select day::text, unsettled from sync_days where unsettled > 0 order by day',
  );
  return Object.fromEntries(rows.map(({ day, unsettled: count }) => [day, Number(count)]));
}

test('a day with several open calls is listed again, a single one is asked by its id, and settled days cost nothing', async () => {
  const world = new World();
  for (const sid of ['CA1', 'CA2', 'CA3']) world.addCall(call(sid, '2025-03-01T10:00:00Z'));
  world.addCall(call('CA4', '2025-03-02T10:00:00Z'));
  for (const sid of ['CA1', 'CA2', 'CA3', 'CA4']) world.settleLate('call', sid, { until: '2025-03-09' });
  world.setNow('2025-03-08T12:00:00Z');
  await begin(world);
  await system!.backfill({ source: 'twilio', ...march });
  expect(await unsettled()).toEqual({ '2025-03-01': 3, '2025-03-02': 1 });
  // The day itself, the day that is listed again, and the one call.
  expect(await requestsOf('2025-03-08T00:00:00Z')).toEqual({
    listed: ['2025-03-01', '2025-03-07'],
    calls: 1,
    details: 0,
  });
  expect(await unsettled()).toEqual({ '2025-03-01': 3, '2025-03-02': 1 });
  world.setNow('2025-03-10T00:00:00Z');
  await sync('2025-03-09T00:00:00Z');
  expect(await unsettled()).toEqual({});
  await expectTables(system!.db, world);
  expect(await requestsOf('2025-03-10T00:00:00Z')).toEqual({
    listed: ['2025-03-09'],
    calls: 0,
    details: 0,
  });
});

test('only conversations that are not settled are asked again, and given up after 14 days, with their ids', async () => {
  const world = new World();
  for (const id of ['conv_1', 'conv_2', 'conv_3']) {
    world.addConversation(conversation(id, '2025-03-01T10:00:00Z'));
  }
  world.settleLate('conversation', 'conv_2', { serves: 2 });
  world.settleLate('conversation', 'conv_3', { serves: 1_000 });
  const { db } = await begin(world, ['elevenlabs']);
  await system!.backfill({ source: 'elevenlabs', ...march });
  expect((await requestsOf('2025-03-08T00:00:00Z')).details).toBe(2);
  expect((await requestsOf('2025-03-09T00:00:00Z')).details).toBe(2);
  expect(await unsettled()).toEqual({ '2025-03-01': 1 });
  expect((await requestsOf('2025-03-15T00:00:00Z')).details).toBe(1);
  expect((await requestsOf('2025-03-15T10:00:01Z')).details).toBe(0);
  const [status] = await db.query<{ given: object }>(
    `select ledger_status() #> '{unsettled,elevenlabs}' as given`,
  );
  expect(status!.given).toMatchObject({ givenUp: 1, givenUpIds: ['conv_3'] });
  const unsettledThere = await db.query('select sum(unsettled_conversations) as n from elevenlabs_snapshots');
  expect(unsettledThere).toEqual([{ n: '1' }]);
});

test('a call that starts later than it was created moves to its hour and day, also when only its old day is listed', async () => {
  const world = new World();
  const queued = { status: 'queued', start_time: null, end_time: null, duration: null, price: null };
  const created = Date.parse('2025-03-01T23:50:00Z');
  for (const sid of ['CA-hour', 'CA-day', 'CA-later']) {
    world.addCall(call(sid, '2025-03-01T23:50:00Z', { ...queued, date_created: rfc2822(created) }));
  }
  const { db } = await begin(world);
  await system!.backfill({ source: 'twilio', ...march });
  const start = (sid: string, at: string) =>
    world.upsertCall(sid, { ...call(sid, at), date_created: rfc2822(created) });
  start('CA-hour', '2025-03-01T23:59:59Z');
  start('CA-day', '2025-03-02T00:00:01Z');
  await sync('2025-03-02T00:00:00Z');
  await expectTables(db, world);
  start('CA-later', '2025-03-03T00:00:01Z');
  await sync('2025-03-07T00:00:00Z');
  await expectTables(db, world);
  expect(await unsettled()).toEqual({});
});

test('a call that is gone is counted and kept, with its cost', async () => {
  const world = new World();
  world.addCall(call('CA1', '2025-03-01T10:00:00Z', { price: null }));
  world.addCall(call('CA2', '2025-03-01T10:00:00Z'));
  const { db } = await begin(world);
  await system!.backfill({ source: 'twilio', ...march });
  world.setGone('call', 'CA1');
  const { sources } = await sync('2025-03-08T00:00:00Z');
  expect(sources.twilio?.askedAgain).toMatchObject({ gone: 1 });
  // Asked again by each run, and counted once in its day.
  await sync('2025-03-09T00:00:00Z');
  expect(await db.query('select day::text, gone from sync_days where gone > 0')).toEqual([
    { day: '2025-03-01', gone: '1' },
  ]);
  expect(await db.query('select total_calls, unpriced_calls from twilio_snapshots')).toEqual([
    { total_calls: '2', unpriced_calls: '1' },
  ]);
});

test('after an outage the next sync takes every day that was left out, late records and prices of past days included', async () => {
  const world = generateWorld({ calls: 600, conversations: 60, days: 20, from: '2025-03-01' });
  const { db } = await begin(world, ['twilio', 'elevenlabs']);
  world.setNow('2025-03-02T00:00:00Z');
  await sync('2025-03-02T00:00:00Z');
  world.setNow('2025-03-21T00:00:00Z');
  const { sources } = await sync('2025-03-21T00:00:00Z');
  expect(sources.twilio?.days).toMatchObject({ planned: 19, completed: 18 + 1, failed: 0 });
  expect(sources.elevenlabs?.days.planned).toBe(19);
  await expectTables(db, world);
  world.addCall(call('CA-late', '2025-03-19T10:00:00Z'));
  await sync('2025-03-21T00:00:00Z', 2);
  await expectTables(db, world);
});

test('a backfill and two syncs over the same days at once leave what one of them would', async () => {
  const world = generateWorld({ calls: 3_000, conversations: 300, days: 4, from: '2025-03-01' });
  const { db } = await begin(world, ['twilio', 'elevenlabs']);
  const range = { from: '2025-03-01', to: '2025-03-04' };
  const handles = await Promise.all([
    system!.start('backfill', { source: 'twilio', ...range }),
    system!.start('backfill', { source: 'elevenlabs', ...range, reprocess: 'completed' }),
    system!.start('dailySync', { nominalTime: '2025-03-05T00:00:00Z', lookbackDays: 3 }),
    system!.start('dailySync', { nominalTime: '2025-03-05T00:00:00Z', lookbackDays: 3 }),
  ]);
  await Promise.all(handles.map((handle) => handle.result()));
  await expectTables(db, world);
  const states = await db.query('select distinct state, error from sync_days');
  expect(states).toEqual([{ state: 'completed', error: null }]);
}, 120_000);
