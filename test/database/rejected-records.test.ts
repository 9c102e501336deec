// A record that cannot be stored holds up nobody: it is kept with the reason, counted, and leaves when it is stored.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { num, stringifyJson, type JsonValue } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';

let database: TestDatabase;
let world: LedgerWorld;
let run = '';
let runs = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  world = await LedgerWorld.open(database);
});

beforeEach(() => {
  run = `run-${++runs}`;
});

afterAll(async () => {
  await world.close();
  await database.close();
});

const good = (sid: string) => stringifyJson(call(sid, at));

function rejected(ids: string[]) {
  return world.rows<{ id: string | null; day: string; reason: string; raw_data: string }>(
    `select id, day::text, reason, raw_data from rejected_records where id = any ($1) or id is null and $1 = '{}' order by id`,
    [ids],
  );
}

const long = randomBytes(4000).toString('hex');

const badCalls: [string, Record<string, JsonValue>, RegExp][] = [
  ['30 February', { start_time: 'Sun, 30 Feb 2025 10:00:00 +0000' }, /out of range/],
  ['no date at all', { start_time: null, date_created: null }, /no date/],
  ['an empty date', { start_time: '', date_created: '' }, /no date/],
  ['a date that is none', { start_time: 'yesterday' }, /"yesterday" is not a date/],
  [
    'the hour 24',
    { start_time: 'Sat, 04 Oct 2025 24:00:00 +0000' },
    /start_time "Sat, .* 24:00:00 .*" is not/,
  ],
  ['the second 60', { start_time: 'Sat, 04 Oct 2025 15:10:60 +0000' }, /"Sat, .* 15:10:60 .*" is not a date/],
  ['the same in another shape', { start_time: '4 Oct 2025 24:00:00 GMT' }, /24:00:00 GMT" is not a date/],
  ['a leap second at the end of a day', { start_time: '2025-10-04T23:59:60Z' }, /23:59:60Z" is not a date/],
  ['the hour 24 of an end', { end_time: '2025-10-04T24:00:00.000Z' }, /end_time ".*24:00:00.*" is not/],
  // The session's DateStyle would choose between April and October.
  ['a month in digits', { start_time: 'Sat, 04 010 2025 15:10:00 +0000' }, /04 010 2025 .*" is not a date/],
  ['a month behind a slash', { start_time: 'Sat, 04 /10 2025 15:10:00 +0000' }, /is not a date/],
  ['a price that is no number', { price: 'abc' }, /price "abc" is not a number/],
  ['a price of two numbers', { price: '1-2' }, /price "1-2" is not a number/],
  ['a price without a digit before the point', { price: '.5' }, /price ".5" is not a number/],
  ['a price NaN', { price: 'NaN' }, /price "NaN" is not a number/],
  ['a price Infinity', { price: '-Infinity' }, /is not a number/],
  ['a price beyond numeric', { price: '1e200000' }, /overflow|out of range/],
  ['a number beyond jsonb', { price: num('1e200000') }, /overflow|out of range/],
  ['a negative duration', { duration: '-5' }, /"-5" is not a whole number/],
  ['a duration beyond integer', { duration: '4000000000' }, /out of range/],
  ['a fraction of a second', { duration: '1.5' }, /"1.5" is not a whole number/],
  ['a text with U+0000', { from: '+1\u0000' }, /./],
  ['half a surrogate pair', { from: '\ud800' }, /./],
  ['an address too long to look up', { from: `+${'7'.repeat(40)}`, parent_call_sid: long }, /index row/],
];

it.each(badCalls)('%s: rejected alone, with the reason', async (name, fields, reason) => {
  const sid = `CA-${name}`;
  const bad = stringifyJson(call(sid, at, fields));
  const before = `${run}-before`;
  const askedTicket = await world.beginDays(run, 'twilio', [day]);
  const records = [good(before), bad, good(`${run}-after`)];
  await world.stage({
    pageId: run,
    source: 'twilio',
    runId: run,
    day,
    records,
    askedTicket,
    recordsKey: 'calls',
  });
  const merged = await world.merge(run);
  expect(merged).toMatchObject({ fetched: 3, inserted: 2, updated: 0, unchanged: 0, rejected: 1 });
  const [row] = await world.rows<{ id: string | null; day: string; reason: string; raw_data: string }>(
    'select id, day::text, reason, raw_data from rejected_records where raw_data = $1',
    [bad],
  );
  expect(row).toMatchObject({ id: sid, day, raw_data: bad });
  expect(row!.reason).toMatch(reason);
  expect(await world.completeDays(run, 'twilio', [day])).toMatchObject({
    fetched: 3,
    inserted: 2,
    rejected: 1,
  });
  await world.readDay(`${run}-later`, 'twilio', day, [good(sid)]);
  expect(await rejected([sid])).toEqual([]);
  expect(await world.rows('select id from calls where id = $1', [sid])).toEqual([{ id: sid }]);
});

it('digits behind the microsecond do not carry the last instant of a day into the next one', async () => {
  const last = stringifyJson(call(`${run}-last`, at, { start_time: '2025-10-04T23:59:59.9999999Z' }));
  expect(await world.readDay(run, 'twilio', day, [last])).toMatchObject({ inserted: 1, rejected: 0 });
  const rows = await world.rows(
    'select (call_date at time zone $2)::text as start from calls where id = $1',
    [`${run}-last`, 'UTC'],
  );
  expect(rows).toEqual([{ start: '2025-10-04 23:59:59.999999' }]);
});

it('keeps records without an id, each once, and one whose id is no key', async () => {
  const nameless = stringifyJson(call('', at));
  const records = [
    nameless,
    '"text"',
    nameless,
    stringifyJson(call(long, at)),
    stringifyJson(call('CA\u0000', at)),
  ];
  const merged = await world.readDay(run, 'twilio', day, [...records, good(run)]);
  expect(merged).toMatchObject({ fetched: 5, inserted: 1, rejected: 4 });
  const rows = await world.rows<{ id: string | null }>(
    'select id from rejected_records where raw_data = any ($1) order by id nulls first',
    [records],
  );
  expect(rows.map(({ id }) => id)).toEqual([null, null, null, long.slice(0, 1000)]);
});

it.each<[string, Record<string, JsonValue>]>([
  ['no start', { start_time_unix_secs: null }],
  ['a start beyond integer', { start_time_unix_secs: num('99999999999') }],
  ['credits that are no number', { cost: 'many' }],
  ['a negative duration', { call_duration_secs: num('-1') }],
  ['a price that is no number', { charging: { llm_price: 'NaN' } }],
  ['a discount that is neither', { charging: { dev_discount: 'perhaps' } }],
  ['a discount in words', { charging: { dev_discount: 'yes' } }],
  ['the text of a boolean', { charging: { dev_discount: 'true' } }],
  ['a number for a discount', { charging: { dev_discount: num('1') } }],
])('conversation with %s: rejected alone', async (name, metadata) => {
  const bad = stringifyJson(conversation(`conv ${name}`, at, metadata));
  const fine = stringifyJson(conversation(run, at));
  expect(await world.readDay(run, 'elevenlabs', day, [bad, fine])).toMatchObject({
    inserted: 1,
    rejected: 1,
  });
  const today = await rejected([`conv ${name}`]);
  expect(today).toMatchObject([{ day, raw_data: bad }]);
  const now = stringifyJson(conversation(`conv ${name}`, at));
  const ticket = await world.nextTicket();
  await world.answerByIds(run, 'elevenlabs', { [`conv ${name}`]: now }, ticket);
  expect(await rejected([`conv ${name}`])).toEqual([]);
});

it.each<[JsonValue, boolean | null]>([
  [true, true],
  [false, false],
  [null, null],
  ['', null],
])('a discount of %s is stored', async (discount, stored) => {
  const one = stringifyJson(conversation(run, at, { charging: { dev_discount: discount } }));
  expect(await world.readDay(run, 'elevenlabs', day, [one])).toMatchObject({ inserted: 1 });
  const rows = await world.rows(
    'select dev_discount from elevenlabs_conversations where conversation_id = $1',
    [run],
  );
  expect(rows).toEqual([{ dev_discount: stored }]);
});

it('a newer version that cannot be stored is rejected beside the row that stands, until one can', async () => {
  const id = 'CA-once-good';
  const bad = stringifyJson(call(id, at, { price: 'abc' }));
  await world.readDay(`${run}-1`, 'twilio', day, [good(id)]);
  expect(await world.readDay(`${run}-2`, 'twilio', day, [bad])).toMatchObject({ fetched: 1, rejected: 1 });
  expect(await rejected([id])).toHaveLength(1);
  expect(await world.rows('select cost from calls where id = $1', [id])).toEqual([{ cost: '0.01400' }]);
  expect(await world.readDay(`${run}-3`, 'twilio', day, [good(id)])).toMatchObject({
    fetched: 1,
    unchanged: 1,
  });
  expect(await rejected([id])).toEqual([]);
});

it('ids that are the same for a thousand characters are rejected apart, and leave one by one', async () => {
  const [one, other] = ['1', '2'].map((end) => `CA${run}-${'x'.repeat(2000)}${end}`) as [string, string];
  const bad = [one, other].map((id) => stringifyJson(call(id, at, { price: 'abc' })));
  expect(await world.readDay(`${run}-bad`, 'twilio', day, bad)).toMatchObject({ fetched: 2, rejected: 2 });
  expect(await world.readDay(`${run}-good`, 'twilio', day, [good(one)])).toMatchObject({ inserted: 1 });
  const left = async () =>
    (
      await world.rows<{ raw_data: string }>('select raw_data from rejected_records where id like $1', [
        `CA${run}-%`,
      ])
    ).map(({ raw_data }) => raw_data);
  expect(await left()).toEqual([bad[1]]);
  // Only what is known whole can be asked for.
  const args = { p_source: 'twilio', p_workflow_id: 'w', p_run_id: `${run}-asker`, p_nominal: inDays(1) };
  const asked = await world.call<{ ids: string[] }>('records_to_ask', {
    ...args,
    ...{ p_listed_days: [], p_unordered_days: null, p_limit: 100 },
  });
  expect(asked.ids.filter((id) => id.startsWith(`CA${run}-`))).toEqual([]);
  await world.readDay(`${run}-other`, 'twilio', day, [good(other)]);
  expect(await left()).toEqual([]);
});

it('an older answer neither rejects what is stored newer, nor ends a newer rejection', async () => {
  const id = 'CA-late';
  const bad = stringifyJson(call(id, at, { price: 'abc' }));
  const late = (name: string, ticket: string, record: string) =>
    world.stage({ pageId: name, source: 'twilio', runId: run, day, records: [record], askedTicket: ticket });
  const ticket = await world.beginDays(run, 'twilio', [day]);
  await late('late bad', ticket, bad);
  await late('late good', ticket, good(id));
  await world.readDay(`${run}-good`, 'twilio', day, [good(id)]);
  await world.merge('late bad');
  expect(await rejected([id])).toEqual([]);
  await world.readDay(`${run}-bad`, 'twilio', day, [bad]);
  await world.merge('late good');
  expect(await rejected([id])).toHaveLength(1);
});

/** Ids that a sync asks on a day, which it does not list again. */
const asked = async (nominalTime: string): Promise<string[]> => {
  const args = { p_source: 'elevenlabs', p_workflow_id: 'w', p_run_id: `${run}-asker-${nominalTime}` };
  const scope = { p_nominal: nominalTime, p_listed_days: [], p_unordered_days: null, p_limit: 100 };
  return (await world.call<{ ids: string[] }>('records_to_ask', { ...args, ...scope })).ids;
};

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();

it('a conversation that the provider refuses to give is rejected with its words, and asked again for 14 days', async () => {
  const words = 'ElevenLabs refused the request (HTTP 422); "bad"';
  const refused = JSON.stringify({ conversation_id: `${run} refused`, hourledger_refused: words });
  const fine = stringifyJson(conversation(run, at));
  expect(await world.readDay(run, 'elevenlabs', day, [refused, fine])).toMatchObject({
    fetched: 2,
    inserted: 1,
    rejected: 1,
  });
  expect(await world.completeDays(run, 'elevenlabs', [day])).toMatchObject({ fetched: 2, rejected: 1 });
  expect(await rejected([`${run} refused`])).toMatchObject([{ day, reason: words }]);
  expect(await asked(inDays(13))).toContain(`${run} refused`);
  expect(await asked(inDays(15))).not.toContain(`${run} refused`);
  const now = stringifyJson(conversation(`${run} refused`, at));
  expect(await world.readDay(`${run}-later`, 'elevenlabs', day, [now])).toMatchObject({ inserted: 1 });
  expect(await rejected([`${run} refused`])).toEqual([]);
});

it('a stored record whose newer version cannot be stored keeps counting, is asked again, and is told of', async () => {
  const id = `${run}-once-good`;
  const bad = stringifyJson(conversation(id, at, { cost: 'many' }));
  await world.readDay(`${run}-1`, 'elevenlabs', day, [stringifyJson(conversation(id, at))]);
  await world.readDay(`${run}-2`, 'elevenlabs', day, [bad]);
  expect(await world.completeDays(`${run}-2`, 'elevenlabs', [day])).toMatchObject({
    fetched: 1,
    rejected: 1,
  });
  expect(
    await world.rows('select settled from elevenlabs_conversations where conversation_id = $1', [id]),
  ).toEqual([{ settled: true }]);
  expect(await asked(inDays(1))).toContain(id);
  const found = await world.call<{ records: object[]; rejected: object[] }>('find_records', {
    p_what: id,
    p_after: null,
    p_limit: 10,
  });
  expect([found.records.length, found.rejected]).toEqual([1, [expect.objectContaining({ id })]]);
});
