/** Hints that waited are taken up by the daily sync, and an id that the provider refuses for good holds up nobody. */
import { afterEach, expect, test } from 'vitest';
import { demoMapping } from '../../simulator/demo-data.js';
import { World } from '../../simulator/world.js';
import type { AskHintedSummary } from '../../workflows/ask-hinted.js';
import type { DailySyncSummary } from '../../workflows/daily-sync.js';
import { hourledger } from '../client/cli.js';
import { call, conversation } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

/** Settled calls of a day that no sync lists; the first one's id is no id for Twilio. */
async function begin(): Promise<System> {
  const world = new World();
  for (const sid of ['CA1', 'CA2', 'CA3']) world.addCall(call(sid, '2025-03-01T10:00:00Z'));
  system = await startSystem({ world, mapping: demoMapping, sources: ['twilio'] });
  system.simulator.faults.add({ kind: 'status', status: 400, request: 'call', id: 'CA1' });
  await system.startWorker();
  return system;
}

const note = (id: string) => system!.db.query('select note_hint($1, $2)', ['twilio', id]);

async function stored(): Promise<string[]> {
  return (await system!.db.query<{ id: string }>('select id from calls order by id')).map(({ id }) => id);
}

async function sync(): Promise<DailySyncSummary> {
  const handle = await system!.start('dailySync', { nominalTime: '2025-03-20T00:00:00Z', lookbackDays: 0 });
  return (await handle.result()) as DailySyncSummary;
}

const statusLines = async () => (await hourledger(['status'], system!.env)).stdout.split('\n');
const doctorLines = async () => (await hourledger(['doctor'], system!.env)).stdout.split('\n');

test('hints that nobody asked for are taken up by the next sync; one that is refused is set aside and told', async () => {
  const { simulator } = await begin();
  for (const id of ['CA1', 'CA2', 'CA3']) await note(id);
  expect(await statusLines()).toContain('hints       3 records named by webhooks still to be asked');
  expect(await sync()).toMatchObject({
    sources: { twilio: { askedAgain: { inserted: 2 }, failure: null } },
    setAside: ['twilio: 1 record was refused when asked by id; see: hourledger status'],
  });
  expect(await stored()).toEqual(['CA2', 'CA3']);
  const lines = await statusLines();
  expect(lines).toContain('hints       0 records named by webhooks still to be asked');
  expect(lines).toContain('refused     1 record');
  expect(lines.find((line) => line.includes('twilio CA1'))).toMatch(
    /twilio CA1: Twilio refused the request for call "CA1"/,
  );
  expect((await doctorLines()).find((line) => line.includes('refused'))).toMatch(
    /^note {2}refused +1 record -> /,
  );

  // Nobody asks again until a webhook names it once more.
  simulator.stats.reset();
  expect((await sync()).setAside).toEqual([]);
  expect(simulator.stats.requests.call.total).toBe(0);
  simulator.faults.clear();
  await note('CA1');
  const summary = (await (
    await system!.start('askHinted', { source: 'twilio' })
  ).result()) as AskHintedSummary;
  expect(summary).toMatchObject({ records: { inserted: 1 }, setAside: [] });
  expect(await statusLines()).toContain('refused     0 records');
});

test('so is an unsettled record that is refused: it is asked once a run, and the others are settled', async () => {
  const { db, simulator } = await begin();
  for (const id of ['CA1', 'CA2']) {
    await db.query(
      `insert into calls (id, workspace_id, direction, status, call_date, account_sid, raw_data, asked_ticket, answered_ticket)
       values ($1, 1, 'outbound-api', 'in-progress', $2, 'AC1', '{}', 0, 0)`,
      [id, id === 'CA1' ? '2025-03-08T10:00:00Z' : '2025-03-09T10:00:00Z'],
    );
  }
  for (const run of [1, 2]) {
    simulator.stats.reset();
    expect(await sync(), `run ${run}`).toMatchObject({
      setAside: ['twilio: 1 record was refused when asked by id; see: hourledger status'],
    });
    expect(simulator.stats.requests.call.total).toBe(run === 1 ? 2 : 1);
  }
  expect((await db.query(`select id from calls where settled order by id`)).map(({ id }) => id)).toEqual([
    'CA2',
  ]);
  simulator.faults.clear();
  expect((await sync()).setAside).toEqual([]);
  expect(await statusLines()).toContain('refused     0 records');
});

const day = '2025-03-01';

async function beginWithConversations(count: number): Promise<System> {
  const world = new World();
  for (let n = 1; n <= count; n++) world.addConversation(conversation(`conv_${n}`, `${day}T10:00:00Z`));
  system = await startSystem({ world, mapping: demoMapping, sources: ['elevenlabs'] });
  await system.startWorker();
  return system;
}

const readDay = () => system!.backfill({ source: 'elevenlabs', from: day, to: day, reprocess: 'completed' });

const dayRow = async () =>
  (
    await system!.db.query(
      'select state, fetched::integer, inserted::integer, rejected::integer, error from sync_days',
    )
  )[0];

test('a detail that is refused for good is rejected with the reason, its day completes, and it is asked again', async () => {
  const { db, simulator } = await beginWithConversations(120);
  // On the first page of the list, so that the second is read in spite of it.
  for (const id of ['conv_1', 'conv_120'])
    simulator.faults.add({ kind: 'status', status: 422, request: 'conversation', id });
  await readDay();
  expect(await dayRow()).toEqual({
    state: 'completed',
    fetched: 120,
    inserted: 118,
    rejected: 2,
    error: null,
  });
  const [rejected] = await db.query(`select id, day::text, reason from rejected_records order by id`);
  expect(rejected).toMatchObject({
    id: 'conv_1',
    day,
    reason: expect.stringMatching(/ElevenLabs refused .*422/) as unknown,
  });
  expect(await statusLines()).toContain('rejected    2 records');
  simulator.stats.reset();
  simulator.faults.clear();
  await system!.db.query(`update rejected_records set first_seen_at = '2025-03-10'`);
  expect(await sync()).toMatchObject({ sources: { elevenlabs: { askedAgain: { inserted: 2 } } } });
  expect(simulator.stats.requests.conversation.total).toBe(2);
  expect(await statusLines()).toContain('rejected    0 records');
});

test('where every detail of a page is refused, the day fails with the reason instead of ending empty', async () => {
  const { db, simulator } = await beginWithConversations(12);
  simulator.faults.add({ kind: 'status', status: 400, request: 'conversation' });
  await expect(readDay()).rejects.toThrow();
  expect(await dayRow()).toMatchObject({
    state: 'failed',
    error: expect.stringMatching(/400.*all 12 conversations that were asked/) as unknown,
  });
  expect(await db.query('select from rejected_records')).toEqual([]);
  simulator.faults.clear();
  await readDay();
  expect(await dayRow()).toMatchObject({ state: 'completed', inserted: 12 });
});

test('a conversation that was settled before, and is not asked, is no answer that saves the day', async () => {
  const { db, simulator } = await beginWithConversations(12);
  await db.query(
    `insert into elevenlabs_conversations (conversation_id, workspace_id, status, conversation_date, cost)
     values ('conv_1', 1, 'done', $1, 1)`,
    [`${day}T10:00:00Z`],
  );
  simulator.faults.add({ kind: 'status', status: 400, request: 'conversation' });
  await expect(system!.backfill({ source: 'elevenlabs', from: day, to: day })).rejects.toThrow();
  expect(simulator.stats.requests.conversation.total).toBe(11);
  expect(await dayRow()).toMatchObject({
    state: 'failed',
    error: expect.stringMatching(/400.*all 11 conversations/) as unknown,
  });
  expect(await db.query('select from rejected_records')).toEqual([]);
});
