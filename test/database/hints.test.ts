// Hints: noted as often as one likes, given out until an answer to a later request is merged, and never lost.
import { afterEach, beforeEach, expect, it } from 'vitest';
import { conversation } from '../simulator/records.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

interface ToAsk {
  ids: string[];
  more: boolean;
  ticket: number;
}

let database: TestDatabase;
let pages = 0;

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(() => database.close());

const note = (id: string, source = 'elevenlabs') => database.query('select note_hint($1, $2)', [source, id]);

async function toAsk(run = 'run-1', limit = 10): Promise<ToAsk> {
  const sql = `select hints_to_ask('elevenlabs', 'ask-hinted', $1, $2) as asked`;
  const [row] = await database.query<{ asked: ToAsk }>(sql, [run, limit]);
  return row!.asked;
}

/** An answer to what was asked with the ticket: these conversations, or (gone) none of them. */
async function stage(ids: string[], { ticket }: ToAsk, gone = false): Promise<string> {
  const page = `page-${++pages}`;
  const records = gone ? [] : ids.map((id) => conversation(id, '2025-03-01T10:00:00Z'));
  const body = JSON.stringify(records).replaceAll(/\{"text":"(\d+)"\}/g, '$1');
  const facts = {
    page_id: page,
    source: 'elevenlabs',
    run_id: 'run-1',
    is_list: false,
    ids,
    asked_ticket: ticket,
  };
  const line = JSON.stringify({ ...facts, gone: gone ? ids.length : 0 });
  await database.query('select stage_page($1)', [Buffer.from(`${line}\n${body}`)]);
  return page;
}

const merge = (page: string) => database.query('select merge_page($1)', [page]);

it('a hint is given out until its answer is merged, and then no more', async () => {
  await note('conv_1');
  await note('conv_1');
  const asked = await toAsk();
  expect(asked).toMatchObject({ ids: ['conv_1'], more: true });
  expect((await toAsk()).ids).toEqual(['conv_1']);
  const page = await stage(['conv_1'], asked);
  expect((await toAsk()).ids).toEqual(['conv_1']);
  await merge(page);
  expect(await toAsk()).toMatchObject({ ids: [], more: false });
  expect(await database.query('select conversation_id as id from elevenlabs_conversations')).toEqual([
    { id: 'conv_1' },
  ]);
});

it('a hint that comes while its record is being asked is asked once more', async () => {
  await note('conv_1');
  const asked = await toAsk();
  await note('conv_1');
  await merge(await stage(['conv_1'], asked));
  const again = await toAsk();
  expect(again.ids).toEqual(['conv_1']);
  await merge(await stage(['conv_1'], again));
  expect((await toAsk()).ids).toEqual([]);
});

it('a hint of a record that the provider does not know ends', async () => {
  await note('conv_1');
  await merge(await stage(['conv_1'], await toAsk(), true));
  expect(await toAsk()).toMatchObject({ ids: [], more: false });
});

it('hints are given out oldest first, of one source, so many at a time; after two weeks no more', async () => {
  for (const id of ['conv_3', 'conv_1', 'conv_2', 'conv_old']) await note(id);
  await note('CA1', 'twilio');
  await database.query(
    `update hourledger.hints set noted_at = now() - interval '15 days' where id = 'conv_old'`,
  );
  const asked = await toAsk('run-1', 2);
  expect(asked).toMatchObject({ ids: ['conv_3', 'conv_1'], more: true });
  await merge(await stage(asked.ids, asked));
  expect((await toAsk('run-1', 2)).ids).toEqual(['conv_2']);
  expect(await database.query('select id from hourledger.hints order by id')).toEqual([
    { id: 'CA1' },
    { id: 'conv_2' },
  ]);
});

it.each([
  ['vonage', 'conv_1'],
  ['twilio', ''],
  ['twilio', 'x'.repeat(201)],
])('a hint of source %s with such an id is refused', async (source, id) => {
  await expect(note(id, source)).rejects.toThrow(/hints_(source|id)_check/);
  expect(await database.query('select from hourledger.hints')).toEqual([]);
});
