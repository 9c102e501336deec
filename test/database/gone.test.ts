/** Stored records that the provider does not know any more when they are asked by id: counted once, in their day. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { stringifyJson } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const open = (id: string) => stringifyJson(call(id, `${day}T10:00:00Z`, { price: null }));

let database: TestDatabase;
let ledger: LedgerWorld;
let pages = 0;

beforeEach(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
  await ledger.readDay('list', 'twilio', day, ['CA1', 'CA2', 'CA3'].map(open));
  await ledger.completeDays('list', 'twilio', [day]);
});

afterEach(async () => {
  await ledger.close();
  await database.close();
});

async function counts(source = 'twilio'): Promise<unknown> {
  const [row] = await ledger.rows(
    'select fetched::integer, gone::integer from sync_days where source = $1 and day = $2',
    [source, day],
  );
  return row;
}

/** Asks for records by their ids; those without a text are gone. */
async function ask(
  run: string,
  answers: Record<string, string | null>,
  source: 'twilio' | 'elevenlabs' = 'twilio',
): Promise<void> {
  await ledger.rows(
    'insert into hourledger.runs (run_id, workflow_id) values ($1, $1) on conflict do nothing',
    [run],
  );
  const askedTicket = await ledger.nextTicket();
  const records = Object.values(answers).filter((text) => text !== null);
  const given = Object.entries(answers);
  const goneIds = given.flatMap(([id, text]) => (text === null ? [id] : []));
  const gone = goneIds.length;
  const pageId = `${run}/${source}/unsettled/${++pages}`;
  const ids = [...goneIds, ...given.flatMap(([id, text]) => (text === null ? [] : [id]))];
  await ledger.stage({
    pageId,
    source,
    runId: run,
    day: null,
    records,
    ids,
    askedTicket,
    isList: false,
    gone,
  });
  await ledger.merge(pageId);
}

it('each run that asks again finds the same count', async () => {
  expect(await counts()).toEqual({ fetched: 3, gone: 0 });
  for (const run of ['sync-1', 'sync-2']) {
    await ask(run, { CA1: null, CA2: open('CA2'), CA3: null, 'CA-never-stored': null });
    expect(await counts(), run).toEqual({ fetched: 3, gone: 2 });
  }
  expect(await ledger.rows('select from calls')).toHaveLength(3);
});

it('reading the day again keeps them, without those that the list names', async () => {
  await ask('sync-1', { CA1: null, CA3: null });
  await ledger.readDay('again', 'twilio', day, [open('CA2'), open('CA3')]);
  // What a whole fetch has counted adds up; those that it was not given are no part of it.
  expect(await ledger.completeDays('again', 'twilio', [day])).toMatchObject({
    fetched: 2,
    unchanged: 2,
    gone: 0,
  });
  expect(await counts()).toEqual({ fetched: 2, gone: 1 });
  // CA3 is known again, and gone anew.
  await ask('sync-2', { CA3: null });
  expect(await counts()).toEqual({ fetched: 2, gone: 2 });
});

it('one that is answered again is gone no more', async () => {
  await ask('sync-1', { CA1: null, CA2: null });
  await ask('sync-2', { CA1: open('CA1') });
  expect(await counts()).toEqual({ fetched: 3, gone: 1 });
});

it('the same holds for conversations, and for rejected records', async () => {
  const bad = stringifyJson(conversation('conv_bad', `${day}T10:00:00Z`, { cost: 'x' }));
  const good = stringifyJson(conversation('conv_1', `${day}T10:00:00Z`, { cost: null }));
  await ledger.readDay('list', 'elevenlabs', day, [bad, good]);
  await ledger.completeDays('list', 'elevenlabs', [day]);
  expect(await counts('elevenlabs')).toEqual({ fetched: 2, gone: 0 });
  await ask('sync-1', { conv_bad: null, conv_1: null }, 'elevenlabs');
  expect(await counts('elevenlabs')).toEqual({ fetched: 2, gone: 2 });
});

it('one that the list of ElevenLabs names without a detail is counted once', async () => {
  const good = stringifyJson(conversation('conv_1', `${day}T10:00:00Z`, { cost: null }));
  await ledger.readDay('list', 'elevenlabs', day, [good]);
  await ledger.completeDays('list', 'elevenlabs', [day]);
  await ask('sync-1', { conv_1: null }, 'elevenlabs');
  const askedTicket = await ledger.beginDays('again', 'elevenlabs', [day]);
  const page = {
    source: 'elevenlabs',
    runId: 'again',
    day,
    records: [],
    ids: ['conv_1'],
    askedTicket,
  } as const;
  await ledger.stage({ ...page, pageId: 'again/details', gone: 1 });
  await ledger.stage({ ...page, pageId: 'again/list', isList: true });
  for (const id of ['again/details', 'again/list']) await ledger.merge(id);
  expect(await ledger.completeDays('again', 'elevenlabs', [day])).toMatchObject({ fetched: 1, gone: 1 });
  expect(await counts('elevenlabs')).toEqual({ fetched: 1, gone: 1 });
});

it('one that is answered with something that has no id is rejected, and not gone', async () => {
  await ask('sync-1', { CA2: '{"sid":null}', CA1: null });
  expect(await counts()).toEqual({ fetched: 3, gone: 1 });
  expect(await ledger.rows('select id from hourledger.gone_ids')).toEqual([{ id: 'CA1' }]);
});
