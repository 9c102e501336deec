// Pages that are merged in the step that brings them: the same once-only effect, without their text ever being stored.
import { expect, it } from 'vitest';
import { stringifyJson } from '../../simulator/json-text.js';
import { call } from '../simulator/records.js';
import type { LedgerWorld } from '../support/ledger-world.js';
import {
  at,
  begin,
  commit,
  database,
  day,
  one,
  prepareRaces,
  snapshots,
  text,
  three,
  two,
  waitUntilBlocked,
} from '../support/races.js';

prepareRaces();

interface Brought {
  nextCursor?: string;
  /** That the page was asked with; a new one of the day's unless given. */
  ticket?: string | number;
  /** Which page of the day it is, behind how often the day began anew. */
  page?: string;
  onDay?: string;
  mergeAtOnce?: boolean;
}

/** A page of a day's list, as the worker hands it over. */
async function bring(ledger: LedgerWorld, runId: string, records: string[], how: Brought = {}) {
  const { page = '0/first', onDay = day, mergeAtOnce = true, nextCursor = null } = how;
  const askedTicket = how.ticket ?? (await ledger.beginDays(runId, 'twilio', [onDay]));
  const pageId = `${runId}/twilio/${onDay}/${page}`;
  return ledger.stage({
    ...{ pageId, source: 'twilio', runId, day: onDay, records, askedTicket },
    ...{ nextCursor, recordsKey: 'calls', mergeAtOnce },
  });
}

const pageOf = (runId: string, page = '0/first') => `${runId}/twilio/${day}/${page}`;
const storedTexts = () => database.query('select page_id from hourledger.staged_texts');
const costs = () => database.query('select id, cost::text from calls order by id');

it('its records are stored and its hours are dirty, no text is kept, and whoever merges it is told the counts', async () => {
  const staged = await bring(one, 'run', [text('CA1', { price: '-1' }), text('CA2', { price: '-2' })]);
  expect(staged.merged).toBe(2);
  expect(await costs()).toEqual([
    { id: 'CA1', cost: '1' },
    { id: 'CA2', cost: '2' },
  ]);
  expect(await storedTexts()).toEqual([]);
  const counts = { fetched: 2, inserted: 2, updated: 0, unchanged: 0, rejected: 0, unordered: 0 };
  expect(await one.merge(pageOf('run'))).toMatchObject(counts);
  expect(await one.merge(pageOf('run'))).toMatchObject(counts);
  expect(await one.drain(3)).toEqual([]);
  expect(await snapshots()).toEqual(['1: 2, 3']);
});

it('what the provider has said since, told a later attempt, is merged too; one record has one outcome', async () => {
  await bring(one, 'run', [text('CA1', { price: '-1' })], { nextCursor: '/as-it-was' });
  const ticket = await one.nextTicket();
  const records = [text('CA1', { price: '-9' }), text('CA2', { price: '-2' })];
  const again = await bring(one, 'run', records, { nextCursor: '/other', ticket });
  const pageIds = [pageOf('run'), `${pageOf('run')}/again`];
  expect(again).toMatchObject({ pageIds, nextCursor: '/other', merged: 2 });
  expect(await costs()).toEqual([
    { id: 'CA1', cost: '9' },
    { id: 'CA2', cost: '2' },
  ]);
  expect(await one.merge(pageOf('run'))).toMatchObject({ inserted: 1 });
  expect(await one.merge(`${pageOf('run')}/again`)).toMatchObject({ inserted: 1, updated: 1 });
  await one.completeDays('run', 'twilio', [day]);
  expect(await database.query('select fetched, inserted, updated from sync_days')).toEqual([
    { fetched: '2', inserted: '2', updated: '0' },
  ]);
});

it('a later attempt whose page has to wait leaves it to be merged, and the next attempt replaces it', async () => {
  await bring(one, 'run', [text('CA1', { price: '-1' })]);
  const odd = text('CA3', { price: 'dear' });
  const retry = async (price: string) =>
    bring(one, 'run', [text('CA1', { price }), odd], { ticket: await one.nextTicket() });
  await retry('-8');
  const { pageIds, merged } = await retry('-9');
  expect([pageIds.length, merged]).toEqual([2, null]);
  expect(await storedTexts()).toHaveLength(1);
  expect(await one.merge(pageIds[1] ?? '')).toMatchObject({ updated: 1, rejected: 1 });
  expect(await costs()).toEqual([{ id: 'CA1', cost: '9' }]);
});

it('an attempt before it that lands late, or the same one twice, changes nothing', async () => {
  const early = await one.beginDays('run', 'twilio', [day]);
  const ticket = await one.nextTicket();
  await bring(one, 'run', [text('CA1', { price: '-1' })], { nextCursor: '/as-it-was', ticket });
  for (const late of [early, ticket]) {
    const landed = await bring(one, 'run', [text('CA1', { price: '-9' })], {
      nextCursor: '/other',
      ticket: late,
    });
    expect(landed).toMatchObject({ pageIds: [pageOf('run')], nextCursor: '/as-it-was', merged: 1 });
  }
  expect(await storedTexts()).toEqual([]);
  expect(await one.merge(pageOf('run'))).toMatchObject({ inserted: 1 });
  expect(await costs()).toEqual([{ id: 'CA1', cost: '1' }]);
});

it.each([
  ['a record that cannot be stored', text('CA1', { price: 'dear' }), { rejected: 1, inserted: 1 }],
  [
    'a record that jsonb refuses',
    text('CA1').replace('"CA1"', String.raw`"CA1","x":"\u0000"`),
    { rejected: 1 },
  ],
  ['a record twice', text('CA2'), { fetched: 1, inserted: 1 }],
  ['a number among the records', '7', { rejected: 1, inserted: 1 }],
  ['a list among the records', '[]', { rejected: 1, inserted: 1 }],
  [
    'a record too deep for jsonb',
    text('CA1').replace('"CA1"', `"CA1","x":${'['.repeat(20_000)}${']'.repeat(20_000)}`),
    { rejected: 1, inserted: 1 },
  ],
  [
    'an id too long for an index',
    text(Array.from({ length: 700 }, (_, index) => `${index * 7919}x`).join('')),
    { rejected: 1, inserted: 1 },
  ],
  ['a duration below zero', text('CA1', { duration: '-1' }), { rejected: 1, inserted: 1 }],
])(
  '%s: the page is staged, nothing of it is stored, and merging goes on as ever',
  async (_what, odd, counts) => {
    expect(await bring(one, 'run', [odd, text('CA2')])).toMatchObject({ merged: null });
    expect(await costs()).toEqual([]);
    expect(await storedTexts()).toHaveLength(1);
    expect(await one.merge(pageOf('run'))).toMatchObject(counts);
    expect(await storedTexts()).toEqual([]);
  },
);

it('a page that is no JSON is staged, and told when it is merged', async () => {
  await bring(one, 'run', ['{"sid":"CA1"']);
  const told = await one.merge(pageOf('run'));
  expect(told).toMatchObject({ missing: true, day });
  expect(told).toHaveProperty('malformed');
});

it('merging waits for another merge of the day, and reads what that one merged', async () => {
  const early = await one.beginDays('early', 'twilio', [day]);
  await begin(two);
  await bring(two, 'between', [text('CA1', { price: '-2' })]);
  const late = bring(one, 'early', [text('CA1', { price: '-1' })], { ticket: early });
  await waitUntilBlocked();
  await commit(two);
  await late;
  // The two overlapped in time and differ: neither wins, the call is asked again.
  expect(await one.merge(pageOf('early'))).toMatchObject({ updated: 0, unordered: 1 });
  expect(await database.query('select cost::text, ask_again from calls')).toEqual([
    { cost: '2', ask_again: true },
  ]);
});

it('its dirt is that of its transaction: a drain before the commit sees neither, one behind it both', async () => {
  await begin(one);
  await bring(one, 'run', [stringifyJson(call('CA1', at, { price: '-1' }))]);
  expect(await three.drain(3)).toEqual([]);
  expect(await snapshots()).toEqual([]);
  await commit(one);
  expect(await three.drain(3)).toEqual([]);
  expect(await snapshots()).toEqual(['1: 1, 1']);
});

const stored = () => database.query('select id, cost::text, status, ask_again from calls order by id');

/** What a run of two pages leaves that reads a stored day again, and what its pages count. */
async function readAgain(mergeAtOnce: boolean, first: string[]) {
  await database.query(
    'delete from calls; delete from rejected_records; delete from hourledger.runs; delete from sync_days',
  );
  await one.readDay('before', 'twilio', day, [text('CA1', { price: '-1' }), text('CA5', { price: '-5' })]);
  const { nextTicket: ticket } = await bring(one, 'run', first, { mergeAtOnce, page: '1/first' });
  await bring(one, 'run', [text('CA5', { price: '-6' })], { mergeAtOnce, ticket, page: '1/next' });
  const counts = [await one.merge(pageOf('run', '1/first')), await one.merge(pageOf('run', '1/next'))];
  return { counts, stored: await stored() };
}

it.each([
  ['cannot be stored', [text('CA9', { price: 'dear' })]],
  ['comes twice', [text('CA9'), text('CA9')]],
])(
  'behind a page with a record that %s the next one waits too, and both are merged in their order',
  async (_, odd) => {
    const first = [...odd, text('CA1', { price: '-2' })];
    const staged = await readAgain(false, first);
    expect(staged.stored).toContainEqual({ id: 'CA1', cost: '2', status: 'completed', ask_again: false });
    expect(await readAgain(true, first)).toEqual(staged);
  },
);

it('a day that begins anew keeps what it has merged, and forgets what it has not', async () => {
  await bring(one, 'run', [text('CA1')]);
  const { nextTicket: ticket } = await bring(one, 'run', [text('CA2', { price: 'dear' })], {
    page: '0/next',
  });
  await bring(one, 'run', [text('CA1')], { page: '1/first', ticket });
  expect(await one.merge(pageOf('run'))).toMatchObject({ inserted: 1 });
  expect(await one.merge(pageOf('run', '0/next'))).toEqual({ missing: true });
  expect(await one.merge(pageOf('run', '1/first'))).toMatchObject({ unchanged: 1 });
});

it('a page that waits holds up no other day and no other run', async () => {
  await bring(one, 'run', [text('CA1', { price: 'dear' })]);
  const next = stringifyJson(call('CA2', '2025-10-05T15:10:00Z'));
  expect(await bring(one, 'run', [next], { onDay: '2025-10-05' })).toMatchObject({ merged: 1 });
  expect(await bring(one, 'other', [text('CA3')])).toMatchObject({ merged: 1 });
});

it('a page whose record somebody else holds is kept, not lost, and merged when they are done', async () => {
  await one.readDay('before', 'twilio', day, [text('CA1', { price: null, status: 'in-progress' })]);
  await begin(two);
  await two.rows(`update calls set status = status where id = 'CA1'`);
  const staged = await bring(one, 'run', [text('CA1', { price: '-1' })]);
  expect(staged.merged).toBeNull();
  expect(await storedTexts()).toHaveLength(1);
  await commit(two);
  expect(await one.merge(pageOf('run'))).toMatchObject({ updated: 1 });
});

it('a page that would block another one for ever is kept, and merged behind it', async () => {
  await one.readDay('before', 'twilio', day, [text('CA1')]);
  // Whoever holds a row of the first page waits for the day that it is merged in: a circle.
  await begin(two);
  await two.rows(`update calls set status = status where id = 'CA1'`);
  const first = bring(one, 'run', [text('CA1', { price: '-3' })]);
  await waitUntilBlocked();
  const second = bring(two, 'run-of-two', [text('CA7', { price: '-7' })]);
  const merged = [(await first).merged, (await second).merged];
  await commit(two);
  expect(merged).toContain(null);
  await one.merge(pageOf('run'));
  await one.merge(pageOf('run-of-two'));
  expect(await database.query('select id from calls order by id')).toEqual([{ id: 'CA1' }, { id: 'CA7' }]);
});
