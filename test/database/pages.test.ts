// What pages do to rows and counts: records that repeat, pages that shift, records of other days, totals of a day.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { num, stringifyJson, type JsonObject } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';

let database: TestDatabase;
let ledger: LedgerWorld;
let run = '';
let runs = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
});

beforeEach(() => {
  run = `run-${++runs}`;
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

const text = (name: string, fields: JsonObject = {}, start = at) =>
  stringifyJson(call(`${run}-${name}`, start, fields));

/** Reads a day in several pages, each asked when the one before was answered. */
async function readPages(pages: readonly string[][]) {
  let askedTicket: string | number = await ledger.beginDays(run, 'twilio', [day]);
  for (const [index, records] of pages.entries()) {
    const pageId = `${run}/${index}`;
    const staged = await ledger.stage({ pageId, source: 'twilio', runId: run, day, records, askedTicket });
    askedTicket = staged.nextTicket;
    await ledger.merge(pageId);
  }
  const { fetched, inserted, updated, unchanged, rejected, gone } = await ledger.completeDays(run, 'twilio', [
    day,
  ]);
  const counts = { fetched, inserted, updated, unchanged, rejected, gone };
  const noted = await ledger.rows(
    `select fetched::integer, inserted::integer, updated::integer, unchanged::integer, rejected::integer, gone::integer
     from sync_days where source = 'twilio' and day = $1`,
    [day],
  );
  expect(noted).toEqual([counts]);
  expect(inserted + updated + unchanged + rejected + gone).toBe(fetched);
  return counts;
}

it('a record on two pages is stored and counted once', async () => {
  const counts = await readPages([
    [text('a'), text('b')],
    [text('b'), text('c')],
  ]);
  expect(counts).toMatchObject({ fetched: 3, inserted: 3, updated: 0, unchanged: 0 });
});

it('a record that changed between two pages is stored as the later answer has it, and counted once', async () => {
  const counts = await readPages([[text('a', { price: null })], [text('a', { price: '-2' })]]);
  expect(counts).toMatchObject({ fetched: 1, inserted: 1, updated: 0 });
  expect(await ledger.rows('select cost::text from calls where id = $1', [`${run}-a`])).toEqual([
    { cost: '2' },
  ]);
});

it('a record that one page cannot store and the next one can is counted once', async () => {
  const counts = await readPages([
    [text('a', { price: 'abc' })],
    [text('a')],
    [text('b', { price: 'abc' })],
    [text('b', { price: 'abc' })],
  ]);
  expect(counts).toMatchObject({ fetched: 2, inserted: 1, rejected: 1, unchanged: 0 });
  expect(await ledger.rows('select id from rejected_records where id like $1', [`${run}-%`])).toEqual([
    { id: `${run}-b` },
  ]);
});

it('a record twice in one page is stored once; with differing contents it is asked again', async () => {
  const askedTicket = await ledger.beginDays(run, 'twilio', [day]);
  const records = [text('a'), text('a'), text('b', { price: '-1' }), text('b', { price: '-2' }), text('c')];
  await ledger.stage({ pageId: run, source: 'twilio', runId: run, day, records, askedTicket });
  expect(await ledger.merge(run)).toMatchObject({
    fetched: 3,
    inserted: 3,
    updated: 0,
    unchanged: 0,
    unordered: 1,
  });
  const asked = await ledger.unordered(`${run}-asker`, 'twilio', [day]);
  expect(asked.ids).toEqual([`${run}-b`]);
});

it('a page that shifted while it was read loses and repeats nothing', async () => {
  // A new call arrived at the top between the pages: the last record of the first page is the first of the second.
  await readPages([
    [text('d'), text('c')],
    [text('c'), text('b')],
    [text('b'), text('a')],
  ]);
  run += '-again';
  const before = run.replace('-again', '');
  const known = ['d', 'c', 'b', 'a'].map((name) => stringifyJson(call(`${before}-${name}`, at)));
  const counts = await readPages([
    [text('e'), known[0]!],
    [known[0]!, known[1]!],
    [known[2]!, known[3]!],
  ]);
  expect(counts).toMatchObject({ fetched: 5, inserted: 1, updated: 0, unchanged: 4 });
});

it('records of other days in a page are none of its business', async () => {
  const edges = [
    '2025-10-03T23:59:59Z',
    '2025-10-04T00:00:00Z',
    '2025-10-04T23:59:59Z',
    '2025-10-05T00:00:00Z',
  ];
  const counts = await readPages([edges.map((edge, index) => text(String(index), {}, edge))]);
  expect(counts).toMatchObject({ fetched: 2, inserted: 2 });
  const rows = await ledger.rows('select id from calls where id like $1 order by id', [`${run}-%`]);
  expect(rows).toEqual([{ id: `${run}-1` }, { id: `${run}-2` }]);
});

it('unchanged rows are not written, and leave no dirt', async () => {
  await ledger.readDay(`${run}-1`, 'twilio', day, [text('a')]);
  await ledger.drain();
  const before = await ledger.rows('select xmin, * from calls where id = $1', [`${run}-a`]);
  expect(await ledger.readDay(`${run}-2`, 'twilio', day, [text('a')])).toMatchObject({
    unchanged: 1,
    updated: 0,
  });
  expect(await ledger.rows('select xmin, * from calls where id = $1', [`${run}-a`])).toEqual(before);
  expect(await ledger.rollupDirt()).toMatchObject({ taken: 0, left: 0 });
  expect(await ledger.classifyDirt()).toMatchObject({ taken: 0, left: 0 });
});

it('an unchanged answer by id is unchanged, notes that it was asked, and makes nothing stale', async () => {
  await ledger.readDay(`${run}-1`, 'twilio', day, [text('a')]);
  await ledger.drain();
  const { ticket } = await ledger.unordered(run, 'twilio', [day]);
  const counts = await ledger.answerByIds(run, 'twilio', { [`${run}-a`]: text('a') }, ticket);
  expect(counts).toMatchObject({ fetched: 1, updated: 0, unchanged: 1 });
  const [row] = await ledger.rows(
    'select asked_ticket, asked_at is not null as asked from calls where id = $1',
    [`${run}-a`],
  );
  expect(row).toEqual({ asked_ticket: String(ticket), asked: true });
  expect(await ledger.rollupDirt()).toMatchObject({ taken: 0 });
});

it('details that are gone are counted in their day, and delete nothing', async () => {
  const [here, gone] = [`${run}-here`, `${run}-gone`];
  await ledger.readDay(`${run}-1`, 'elevenlabs', day, [
    stringifyJson(conversation(gone, at, { cost: null })),
  ]);
  const askedTicket = await ledger.beginDays(run, 'elevenlabs', [day]);
  const records = [stringifyJson(conversation(here, at, { cost: num('7') }))];
  const details = { source: 'elevenlabs', runId: run, day, askedTicket, isList: false } as const;
  await ledger.stage({ ...details, pageId: `${run}/from`, records, ids: [gone, here], gone: 1 });
  await ledger.stage({ ...details, pageId: run, records: [], ids: [here, gone], isList: true });
  await ledger.merge(`${run}/from`);
  await ledger.merge(run);
  const totals = await ledger.completeDays(run, 'elevenlabs', [day]);
  expect(totals).toMatchObject({ fetched: 2, inserted: 1, unchanged: 0, gone: 1 });
  expect(
    await ledger.rows('select from elevenlabs_conversations where conversation_id = $1', [gone]),
  ).toHaveLength(1);
});

it('a retry asks for the details that are missing, and finds the pages of those that its first attempt staged', async () => {
  const ids = ['a', 'b', 'c'].map((name) => `${run}-${name}`);
  const askedTicket = await ledger.beginDays(run, 'elevenlabs', [day]);
  const details = { source: 'elevenlabs', runId: run, day, askedTicket, isList: false } as const;
  const args = { p_ids: ids, p_run_id: run, p_day: day, p_ask_settled: true };
  expect(await ledger.call('conversations_to_ask', args)).toMatchObject({ ids, hasAnswers: false });
  for (const id of ids.slice(0, 2)) {
    await ledger.stage({
      ...details,
      pageId: `${id}/from`,
      records: [stringifyJson(conversation(id, at))],
      ids: [id],
    });
  }
  await ledger.merge(`${ids[0]!}/from`);
  expect(await ledger.call('conversations_to_ask', args)).toMatchObject({
    ids: [ids[2]],
    waitingPages: [`${ids[1]!}/from`],
    hasAnswers: true,
  });
});

it.each([
  ['a comma too many', '{"sid":"CA1",,"price":"1"}'],
  ['a text that JSON does not allow', '{"sid":"CA1","price":"\t"}'],
  ['a bracket of the wrong kind', '{"sid":"CA1","x":[1}]'],
  ['more brackets than can be read', `{"sid":"CA1","x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
])('a page with %s is told to be no JSON, stores nothing, and is gone', async (_, bad) => {
  const askedTicket = await ledger.beginDays(run, 'twilio', [day]);
  const page = { pageId: run, source: 'twilio', runId: run, day, askedTicket } as const;
  await ledger.stage({ ...page, records: [text('a'), bad], recordsKey: 'calls' });
  const merged = await ledger.merge(run);
  expect(merged).toEqual({ missing: true, day, malformed: expect.stringMatching(/json|stack/) as unknown });
  expect(await ledger.merge(run)).toEqual({ missing: true });
  expect(await ledger.rows('select from calls where id = $1', [`${run}-a`])).toEqual([]);
  expect(await ledger.rows('select from hourledger.staged_texts where page_id = $1', [run])).toEqual([]);
});

it('an answer by ids that is no JSON is told to be none as often as it is merged, since no day reads it again', async () => {
  const askedTicket = await ledger.nextTicket();
  await ledger.beginDays(run, 'twilio', [day]);
  const page = { pageId: run, source: 'twilio', runId: run, day: null, askedTicket, isList: false } as const;
  await ledger.stage({ ...page, records: ['{"sid":,}'], ids: ['CA1'] });
  const merged = await ledger.merge(run);
  expect(merged).toEqual({ missing: true, day: null, malformed: expect.stringMatching(/json/) as unknown });
  expect(await ledger.merge(run)).toEqual(merged);
});

it('a call that the list of its day does not give any more stays', async () => {
  await readPages([[text('a'), text('b')]]);
  const first = run;
  run += '-again';
  await readPages([[stringifyJson(call(`${first}-a`, at))]]);
  expect(await ledger.rows('select from calls where id = $1', [`${first}-b`])).toHaveLength(1);
});
