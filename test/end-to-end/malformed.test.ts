/** What providers say and Postgres cannot hold: of a page its day is read again, of a record it is set aside alone. */
import { afterEach, expect, test } from 'vitest';
import { World } from '../../simulator/world.js';
import { call, conversation } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

/** Two days with a call each; the page of the first one has a comma too many, so often. */
async function begin(times?: number): Promise<System> {
  const world = new World();
  for (const day of ['01', '02']) world.addCall(call(`CA${day}`, `2025-03-${day}T10:00:00Z`));
  system = await startSystem({ world, sources: ['twilio'] });
  system.simulator.faults.add({
    kind: 'status',
    status: 200,
    request: 'calls',
    day: '2025-03-01',
    body: '{"calls":[{"sid":"CA01",,"status":"completed"}],"next_page_uri":null}',
    ...(times === undefined ? {} : { times }),
  });
  await system.startWorker();
  return system;
}

const backfill = () => system!.backfill({ source: 'twilio', from: '2025-03-01', to: '2025-03-02' });

const days = () => system!.db.query('select state, inserted::integer, error from sync_days order by day');

test('a passing one costs another request', async () => {
  await begin(2);
  await backfill();
  expect(await days()).toEqual([
    { state: 'completed', inserted: 1, error: null },
    { state: 'completed', inserted: 1, error: null },
  ]);
});

test('one that stays so fails its day with one line, soon, and no other day', async () => {
  await begin();
  await expect(backfill()).rejects.toThrow();
  const line =
    /^It began anew 5 times\. A page of twilio's answers for 2025-03-01 is not whole JSON: invalid .*json/;
  expect(await days()).toEqual([
    { state: 'failed', inserted: 0, error: expect.stringMatching(line) as unknown },
    { state: 'completed', inserted: 1, error: null },
  ]);
});

// Asked for by such an id, the conversation failed its whole day: half a surrogate pair is in no URL, U+0000 in no database.
test('conversations whose ids no text of Postgres holds are rejected alone', async () => {
  const world = new World();
  const at = '2025-03-01T10:00:00Z';
  const odd = ['conv\u0000', 'conv\ud800', '\udc00conv'];
  for (const id of [...odd, 'conv good']) world.addConversation(conversation(id, at));
  system = await startSystem({ world, sources: ['elevenlabs'] });
  await system.startWorker();
  await system.backfill({ source: 'elevenlabs', from: '2025-03-01', to: '2025-03-01' });
  expect(await system.db.query('select conversation_id as id from elevenlabs_conversations')).toEqual([
    { id: 'conv good' },
  ]);
  expect(
    await system.db.query('select state, inserted::integer, rejected::integer from sync_days order by day'),
  ).toEqual([{ state: 'completed', inserted: 1, rejected: 3 }]);
  const rejected = await system.db.query<{ day: string; id: string | null; raw_data: string }>(
    'select day::text, id, raw_data from rejected_records',
  );
  expect(rejected.map(({ day, id }) => [day, id])).toEqual(odd.map(() => ['2025-03-01', null]));
  for (const id of odd) {
    expect(rejected.filter(({ raw_data }) => raw_data.includes(JSON.stringify(id)))).toHaveLength(1);
  }
});

test('a page that waits to be merged record by record is counted by the fetch that brought it', async () => {
  const world = new World();
  world.addCall(call('CA1', '2025-03-01T10:00:00Z', { price: 'dear' }));
  world.addCall(call('CA2', '2025-03-01T10:00:00Z'));
  system = await startSystem({ world, sources: ['twilio'] });
  await system.startWorker();
  const started = await system.start('backfill', { source: 'twilio', from: '2025-03-01', to: '2025-03-01' });
  await started.result();
  const runId = (await started.describe()).runId.slice(0, 8);
  const child = system.client.workflow.getHandle(
    `${started.workflowId}/twilio/2025-03-01..2025-03-01/${runId}`,
  );
  const { events } = await child.fetchHistory();
  const results = (events ?? []).flatMap(
    (event) => event.activityTaskCompletedEventAttributes?.result?.payloads ?? [],
  );
  const fetched = results.map(({ data }) => Buffer.from(data ?? []).toString());
  expect(fetched[0]).toContain('"fetched":2');
  expect(await system.db.query('select record_key from rejected_records')).toEqual([{ record_key: 'CA1' }]);
});
