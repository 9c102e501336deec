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

/** A page of a day's list, as the worker hands it over. */
async function bring(
  ledger: LedgerWorld,
  runId: string,
  records: string[],
  { nextCursor = null as string | null, ticket = null as string | number | null } = {},
) {
  const askedTicket = ticket ?? (await ledger.beginDays(runId, 'twilio', [day]));
  return ledger.stage({
    ...{ pageId: `${runId}/twilio/${day}/0/first`, source: 'twilio', runId, day, records, askedTicket },
    ...{ nextCursor, recordsKey: 'calls', mergeAtOnce: true },
  });
}

const pageOf = (runId: string) => `${runId}/twilio/${day}/0/first`;
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

it('a later attempt onto it changes nothing, and gets what stands there', async () => {
  await bring(one, 'run', [text('CA1', { price: '-1' })], { nextCursor: '/as-it-was' });
  const ticket = await one.nextTicket();
  const again = await bring(one, 'run', [text('CA1', { price: '-9' })], { nextCursor: '/other', ticket });
  expect(again).toMatchObject({ nextCursor: '/as-it-was', merged: 1 });
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
