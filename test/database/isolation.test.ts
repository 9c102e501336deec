// The races between transactions, stepped by hand on two connections. Everything runs at READ COMMITTED.
import { expect, it } from 'vitest';
import { stringifyJson } from '../../simulator/json-text.js';
import { call } from '../simulator/records.js';
import {
  begin,
  commit,
  database,
  day,
  map,
  number,
  one,
  prepareRaces,
  snapshots,
  spoken,
  stage,
  text,
  three,
  two,
  waitUntilBlocked,
} from '../support/races.js';

prepareRaces();

it('two drains of one hour: the second waits, and sums what the first could not see', async () => {
  await one.merge(await stage(one, 'first', [text('CA1', { price: '-1' })]));
  await one.classifyDirt();
  await begin(one);
  await one.rollupDirt();
  await two.merge(await stage(two, 'second', [text('CA2', { price: '-2' })]));
  const second = two.rollupDirt();
  await waitUntilBlocked();
  await commit(one);
  expect(await second).toMatchObject({ taken: 1, left: 0 });
  expect(await snapshots()).toEqual(['1: 2, 3']);
});

it('a drain that waited for one hour writes no older sum of another', async () => {
  const nextDay = '2025-10-05';
  const later = (sid: string, price: string) =>
    stringifyJson(call(sid, `${nextDay}T16:10:00Z`, { from: number, price }));
  await one.merge(await stage(one, 'first', [text('CA1', { price: '-1' })]));
  await one.classifyDirt();
  await begin(one);
  await one.rollupDirt();
  await two.merge(await stage(two, 'second', [text('CA2', { price: '-2' })]));
  await two.merge(await stage(two, 'another', [later('CA3', '-4')], nextDay));
  const waiting = two.rollupDirt();
  await waitUntilBlocked();
  await three.merge(await stage(three, 'third', [later('CA4', '-8')], nextDay));
  expect(await three.rollupDirt()).toMatchObject({ taken: 1 });
  await commit(one);
  await waiting;
  const rows = await database.query('select total_cost::text from twilio_snapshots order by snapshot_date');
  expect(rows).toEqual([{ total_cost: '3' }, { total_cost: '12' }]);
});

it("an older sum does not win: a drain that summed before a merge committed is followed by that merge's own dirt", async () => {
  await one.merge(await stage(one, 'first', [text('CA1', { price: '-1' })]));
  await begin(two);
  await two.merge(await stage(two, 'second', [text('CA2', { price: '-2' })]));
  await one.drain();
  expect(await snapshots()).toEqual(['1: 1, 1']);
  await commit(two);
  await one.drain();
  expect(await snapshots()).toEqual(['1: 2, 3']);
});

it('what a crashed drain had taken is there again', async () => {
  await one.merge(await stage(one, 'merge', [text('CA1', { price: '-1' })]));
  await begin(one);
  expect(await one.classifyDirt()).toMatchObject({ taken: 2 });
  expect(await one.rollupDirt()).toMatchObject({ taken: 1 });
  await one.rows('rollback');
  expect(await snapshots()).toEqual([]);
  await two.drain();
  expect(await snapshots()).toEqual(['1: 1, 1']);
});

it('dirt that another drain has taken is skipped, and counts as left until that one has committed', async () => {
  await one.merge(await stage(one, 'merge', [text('CA1', { price: '-1' })]));
  await begin(one);
  await one.classifyDirt();
  await one.rollupDirt();
  expect(await two.classifyDirt()).toMatchObject({ taken: 0, left: 2 });
  expect(await two.rollupDirt()).toMatchObject({ taken: 0, left: 1 });
  await commit(one);
  expect(await two.classifyDirt()).toMatchObject({ taken: 0, left: 0 });
  expect(await two.rollupDirt()).toMatchObject({ taken: 0, left: 0 });
});

it("a change of the ledger's currency reaches the snapshot that a drain is just writing", async () => {
  await one.merge(await stage(one, 'merge', [text('CA1', { price: '-1', price_unit: 'JPY' })]));
  await one.classifyDirt();
  await begin(one);
  await one.rollupDirt();
  // What follows of the change may not look for snapshots before this one is there.
  const change = two.rows(`update settings set ledger_currency = 'JPY'`).then(() => two.classifyDirt());
  await Promise.race([change, waitUntilBlocked()]);
  await commit(one);
  await change;
  await two.drain();
  expect(await snapshots()).toEqual(['1: 1, 1']);
});

it('dirt that cannot be drained is set aside with the reason, and holds up nobody', async () => {
  await database.query(
    `alter table twilio_snapshots add constraint refused check (workspace_id <> 3) not valid`,
  );
  await map(one, 3);
  await one.merge(await stage(one, 'merge', [text('CA1', { from: number }), text('CA2', { price: '-1' })]));
  const setAside = await one.drain();
  expect(setAside).toHaveLength(1);
  expect(setAside[0]).toMatch(/twilio workspace 3 hour .*refused/);
  expect(await snapshots()).toEqual(['1: 1, 1']);
  expect(await one.drain()).toEqual([]);
  await database.query('alter table twilio_snapshots drop constraint refused');
  await database.query('update hourledger.dirty_hours set set_aside = null');
  await one.drain();
  expect(await snapshots()).toEqual(['1: 1, 1', '3: 1, 0.01400']);
});

it('a wait for a lock that takes too long sets no dirt aside', async () => {
  await one.merge(await stage(one, 'merge', [text('CA1', { price: '-1' })]));
  await one.classifyDirt();
  await two.merge(await stage(two, 'more', [text('CA2', { price: '-2' })]));
  await begin(one);
  await one.rollupDirt(1);
  await two.rows(`set lock_timeout = '50ms'`);
  await expect(two.rollupDirt()).rejects.toMatchObject({ code: '55P03' });
  await commit(one);
  expect(await two.drain()).toEqual([]);
  expect(await snapshots()).toEqual(['1: 2, 3']);
});

it('two merges of one day pass one after the other, and the second sees that the first overlapped it', async () => {
  await one.merge(await stage(one, 'before', [text('CA1', { price: '-1' })]));
  await stage(one, 'one', [text('CA1', { price: '-2' })]);
  const askedTicket = await two.beginDays('two', 'twilio', [day]);
  await one.rows('select 1');
  await begin(one);
  await two.stage({
    pageId: 'two',
    source: 'twilio',
    runId: 'two',
    day,
    records: [text('CA1', { price: '-3' })],
    askedTicket,
  });
  const overlapping = await stage(two, 'three', [text('CA2')]);
  await one.merge(overlapping);
  const second = two.merge('two');
  await waitUntilBlocked();
  await commit(one);
  expect(await second).toMatchObject({ updated: 0, unordered: 1 });
});

it('a call that moves to another day waits for a merge of the day it leaves, which may have confirmed it since', async () => {
  const nextDay = '2025-10-05';
  const moved = stringifyJson(call('CA1', `${nextDay}T00:10:00Z`, { from: number }));
  await one.merge(await stage(one, 'first', [text('CA1')]));
  const older = await stage(one, 'older', [moved], nextDay);
  const newer = await stage(two, 'newer', [text('CA1')]);
  await begin(two);
  expect(await two.merge(newer)).toMatchObject({ unchanged: 1 });
  const merging = one.merge(older);
  await waitUntilBlocked();
  await commit(two);
  expect(await merging).toMatchObject({ updated: 0, unordered: 1 });
  expect(await askedAgain()).toEqual([{ id: 'CA1', day, ask_again: true }]);
});

it('an answer to an id waits for the list that stores its call at the same time, and sees that it overlapped', async () => {
  const ticket = await one.beginDays('by-id', 'twilio', ['2025-01-01']);
  const list = await stage(two, 'list', [text('CA1', { price: '-1' })]);
  await begin(two);
  await two.merge(list);
  const merging = one.answerByIds('by-id', 'twilio', { CA1: text('CA1', { price: '-2' }) }, ticket);
  await waitUntilBlocked();
  await commit(two);
  expect(await merging).toMatchObject({ updated: 0, unordered: 1 });
  expect(await askedAgain()).toEqual([{ id: 'CA1', day, ask_again: true }]);
});

/** The calls, with the day that they stand on. */
const askedAgain = () =>
  database.query(
    `select id, (call_date at time zone 'UTC')::date::text as day, ask_again from calls order by id`,
  );

it("a person's UPDATE and DELETE in SQL are drained like everything else", async () => {
  await one.merge(await stage(one, 'merge', [text('CA1', { price: '-1' }), text('CA2', { price: '-2' })]));
  await one.drain();
  await database.query(`update calls set cost = 5 where id = 'CA1'`);
  await one.drain();
  expect(await snapshots()).toEqual(['1: 2, 7']);
  await database.query(`update calls set workspace_id = 3 where id = 'CA1'`);
  await one.drain();
  expect(await snapshots()).toEqual(['1: 2, 7']);
  await database.query(`delete from calls where id = 'CA1'`);
  await one.drain();
  expect(await snapshots()).toEqual(['1: 1, 2']);
  await database.query(`delete from calls`);
  await one.drain();
  expect(await snapshots()).toEqual([]);
});

it.each([
  'calls',
  'elevenlabs_conversations',
  'twilio_snapshots',
  'elevenlabs_snapshots',
  'workspace_phones',
  'workspace_agents',
])('TRUNCATE of %s is refused, and says what to do instead', async (table) => {
  await expect(database.query(`truncate ${table}`)).rejects.toThrow(/Use DELETE/);
});

it('a workspace that has records, numbers or agents is not deleted', async () => {
  await expect(database.query('delete from workspaces where id = 1')).rejects.toThrow(
    'workspace 1 has the records that nothing assigns',
  );
  await one.merge(await stage(one, 'merge', [text('CA1')]));
  await expect(database.query('delete from workspaces where id = 1')).rejects.toThrow(
    'workspace 1 has calls: merge it into another one instead of deleting it',
  );
  await map(one, 2);
  await expect(database.query('delete from workspaces where id = 2')).rejects.toThrow(
    'workspace 2 has numbers',
  );
});

const pageOf = (restarts: number) => `restarted/twilio/${day}/${restarts}/first`;

/** The only page of a run whose day began anew so many times. Returns the number of the next request. */
async function stageAgain(restarts: number, askedTicket: string | number, price: string) {
  const records = [text('CA1', { price })];
  const page = { source: 'twilio', runId: 'restarted', day, records, askedTicket } as const;
  return (await one.stage({ ...page, pageId: pageOf(restarts) })).nextTicket;
}

const costs = () => database.query('select cost::text, ask_again from calls');

it('a page from before its day began anew is not merged any more, however late somebody tries', async () => {
  await one.readDay('before', 'twilio', day, [text('CA1', { price: '-1' })]);
  const askedTicket = await one.beginDays('restarted', 'twilio', [day]);
  const nextTicket = await stageAgain(0, askedTicket, '-2');
  await stageAgain(1, nextTicket, '-1');
  expect(await one.merge(pageOf(1))).toMatchObject({ unchanged: 1 });
  expect(await two.merge(pageOf(0))).toEqual({ missing: true });
  expect(await costs()).toEqual([{ cost: '1', ask_again: false }]);
  expect(await one.rows('select from hourledger.staged_texts where page_id = $1', [pageOf(0)])).toEqual([]);
});

it('a merge that is under way when its day begins anew is waited for, and the newer page has the last word', async () => {
  await one.readDay('before', 'twilio', day, [text('CA1', { price: '-1' })]);
  const askedTicket = await one.beginDays('restarted', 'twilio', [day]);
  const nextTicket = await stageAgain(0, askedTicket, '-2');
  await begin(two);
  expect(await two.merge(pageOf(0))).toMatchObject({ updated: 1 });
  const staging = stageAgain(1, nextTicket, '-1');
  await waitUntilBlocked();
  await commit(two);
  await staging;
  expect(await one.merge(pageOf(1))).toMatchObject({ updated: 1 });
  expect(await costs()).toEqual([{ cost: '1', ask_again: false }]);
});

it('details that wait to be merged outlive the new beginning of their day, whose list goes on from them', async () => {
  const askedTicket = await one.beginDays('restarted', 'elevenlabs', [day]);
  const list = `restarted/elevenlabs/${day}/0/first`;
  const page = { source: 'elevenlabs', runId: 'restarted', day, askedTicket } as const;
  await one.stage({
    ...page,
    pageId: `${list}/from/1`,
    records: [spoken('conv_1', number)],
    ids: ['conv_1'],
  });
  await one.stage({ ...page, pageId: list, records: [], ids: ['conv_1'], isList: true });
  await one.stage({
    ...page,
    pageId: list.replace('/0/', '/1/'),
    records: [],
    ids: ['conv_1'],
    isList: true,
  });
  expect(await one.merge(list)).toEqual({ missing: true });
  expect(await one.merge(`${list}/from/1`)).toMatchObject({ inserted: 1 });
});
