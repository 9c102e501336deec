// L3: an older fetch never overwrites a newer one, however late it lands; two that overlapped decide nothing.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { num, stringifyJson } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld, type Page } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';

let database: TestDatabase;
let ledger: LedgerWorld;
let id = '';
let cases = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
});

beforeEach(() => {
  id = `CA${++cases}`;
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

const priced = (price: string) => stringifyJson(call(id, at, { price }));
const credits = (cost: string) => stringifyJson(conversation(id, at, { cost: num(cost) }));
const page = (
  runId: string,
  askedTicket: string | number,
  record: string,
  more: Partial<Page> = {},
): Page => ({
  ...{
    pageId: `${runId}-${id}`,
    source: 'twilio',
    runId: `${runId}-${id}`,
    day,
    records: [record],
    askedTicket,
  },
  ...more,
});
const begin = (runId: string, source: Page['source'] = 'twilio') =>
  ledger.beginDays(`${runId}-${id}`, source, [day]);

async function stored(): Promise<unknown> {
  const [row] = await ledger.rows<{ cost: string; ask_again: boolean }>(
    `select cost::text, ask_again from calls where id = $1
     union all select cost::text, ask_again from elevenlabs_conversations where conversation_id = $1`,
    [id],
  );
  return row === undefined ? undefined : `${row.cost}${row.ask_again ? ', in doubt' : ''}`;
}

it('an answer from before the row was asked loses', async () => {
  await ledger.stage(page('old', await begin('old'), priced('-1')));
  await ledger.readDay(`new-${id}`, 'twilio', day, [priced('-2')]);
  expect(await ledger.merge(`old-${id}`)).toMatchObject({ updated: 0, unchanged: 1, unordered: 0 });
  expect(await stored()).toBe('2');
});

it('a late page loses against a newer whole fetch, although that found the row unchanged and did not write it', async () => {
  await ledger.readDay(`first-${id}`, 'twilio', day, [priced('-1')]);
  await ledger.stage(page('late', await begin('late'), priced('-2')));
  const newest = await ledger.readDay(`newest-${id}`, 'twilio', day, [priced('-1')]);
  expect(newest).toMatchObject({ unchanged: 1, updated: 0 });
  await ledger.completeDays(`newest-${id}`, 'twilio', [day]);
  expect(await ledger.merge(`late-${id}`)).toMatchObject({ unchanged: 1, unordered: 0 });
  expect(await stored()).toBe('1');
});

it('the same while the newer fetch is not whole yet: the record is in doubt, and an answer by its id decides', async () => {
  await ledger.readDay(`first-${id}`, 'twilio', day, [priced('-1')]);
  await ledger.stage(page('late', await begin('late'), priced('-2')));
  await ledger.readDay(`newest-${id}`, 'twilio', day, [priced('-1')]);
  expect(await ledger.merge(`late-${id}`)).toMatchObject({ updated: 0, unordered: 1 });
  expect(await stored()).toBe('1, in doubt');
  const { ids, ticket } = await ledger.unordered(`asker-${id}`, 'twilio', [day]);
  expect(ids).toEqual([id]);
  const answered = await ledger.answerByIds(`asker-${id}`, 'twilio', { [id]: priced('-1') }, ticket);
  expect(answered).toMatchObject({ updated: 0, unchanged: 1 });
  expect(await stored()).toBe('1');
  expect((await ledger.unordered(`asker-${id}`, 'twilio', [day])).ids).toEqual([]);
});

it.each(['twilio', 'elevenlabs'] as const)(
  'overlapping answers that differ are asked again: %s',
  async (source) => {
    const version = (amount: string) => (source === 'twilio' ? priced(`-${amount}`) : credits(amount));
    const [early, late] = [await begin('early', source), await begin('late', source)];
    const isList = source === 'twilio';
    await ledger.stage(page('early', early, version('1'), { source, isList }));
    await ledger.stage(page('late', late, version('2'), { source, isList }));
    await ledger.merge(`late-${id}`);
    expect(await ledger.merge(`early-${id}`)).toMatchObject({ unordered: 1 });
    expect(await stored()).toBe('2, in doubt');
    const { ids, ticket } = await ledger.unordered(`asker-${id}`, source, [day]);
    expect(ids).toEqual([id]);
    await ledger.answerByIds(`asker-${id}`, source, { [id]: version('3') }, ticket);
    expect(await stored()).toBe('3');
  },
);

it('overlapping answers that agree are in no doubt', async () => {
  const [early, late] = [await begin('early'), await begin('late')];
  await ledger.stage(page('early', early, priced('-1')));
  await ledger.stage(page('late', late, priced('-1')));
  await ledger.merge(`late-${id}`);
  expect(await ledger.merge(`early-${id}`)).toMatchObject({ unchanged: 1, unordered: 0 });
  expect(await stored()).toBe('1');
});

it('an answer by id is judged by its own day: a newer whole fetch of another day is no reason to drop it', async () => {
  await ledger.readDay(`first-${id}`, 'twilio', day, [priced('-1')]);
  const other = stringifyJson(call(`${id}-other`, '2025-10-05T10:00:00Z', { price: '-1' }));
  await ledger.readDay(`first-${id}`, 'twilio', '2025-10-05', [other]);
  const { ticket } = await ledger.unordered(`late-${id}`, 'twilio', [day]);
  const late = page('late', ticket, priced('-2'), { day: null, ids: [id, `${id}-other`], isList: false });
  await ledger.stage({ ...late, records: [priced('-2'), other.replace('"-1"', '"-2"')] });
  await ledger.readDay(`newest-${id}`, 'twilio', '2025-10-05', [other]);
  await ledger.completeDays(`newest-${id}`, 'twilio', ['2025-10-05']);
  expect(await ledger.merge(`late-${id}`)).toMatchObject({ fetched: 2, updated: 1, unchanged: 1 });
  expect(await stored()).toBe('2');
  expect(await ledger.rows('select cost::text from calls where id = $1', [`${id}-other`])).toEqual([
    { cost: '1' },
  ]);
});

it('a whole fetch that did not ask for a settled conversation makes no newer answer old', async () => {
  await ledger.readDay(`first-${id}`, 'elevenlabs', day, [credits('1')]);
  const late = page('late', await begin('late', 'elevenlabs'), credits('2'), {
    source: 'elevenlabs',
    isList: false,
  });
  await ledger.stage(late);
  const ticket = await begin('newest', 'elevenlabs');
  await ledger.stage(
    page('newest', ticket, credits('1'), { source: 'elevenlabs', records: [], ids: [id], isList: true }),
  );
  await ledger.merge(`newest-${id}`);
  await ledger.completeDays(`newest-${id}`, 'elevenlabs', [day]);
  expect(await ledger.merge(`late-${id}`)).toMatchObject({ unordered: 1 });
  expect(await stored()).toBe('1, in doubt');
});

it('an attempt that was given up and writes its page late changes nothing, and gets what stands', async () => {
  const [old, newer] = [await begin('run'), await begin('run')];
  const mine = page('run', newer, priced('-2'), { nextCursor: 'cursor of the newer attempt' });
  await ledger.stage(mine);
  const zombie = page('run', old, priced('-1'), { nextCursor: 'cursor of the old attempt' });
  expect((await ledger.stage(zombie)).nextCursor).toBe('cursor of the newer attempt');
  await ledger.merge(mine.pageId);
  const latest = page('run', await ledger.nextTicket(), priced('-3'), { nextCursor: null });
  expect((await ledger.stage(latest)).nextCursor).toBe('cursor of the newer attempt');
  expect(await ledger.merge(mine.pageId)).toMatchObject({ inserted: 1 });
  expect(await stored()).toBe('2');
});

it('a later attempt replaces the page of an earlier one that was not merged yet', async () => {
  const first = page('run', await begin('run'), priced('-1'), { nextCursor: 'first' });
  await ledger.stage(first);
  const second = page('run', await ledger.nextTicket(), priced('-2'), { nextCursor: 'second' });
  expect((await ledger.stage(second)).nextCursor).toBe('second');
  await ledger.merge(first.pageId);
  expect(await stored()).toBe('2');
});

it('a merge whose first answer was lost returns the same counts and writes nothing', async () => {
  const mine = page('run', await begin('run'), priced('-1'));
  await ledger.stage(mine);
  const first = await ledger.merge(mine.pageId);
  const before = await ledger.rows('select xmin from calls where id = $1', [id]);
  expect(await ledger.merge(mine.pageId)).toEqual(first);
  expect(await ledger.rows('select xmin from calls where id = $1', [id])).toEqual(before);
});

it('a page whose text a crash took is missing: its day begins again, and what was merged is merged once', async () => {
  const ticket = await begin('run');
  await ledger.stage(page('run', ticket, priced('-1')));
  await ledger.stage(page('run', ticket, stringifyJson(call(`${id}-b`, at)), { pageId: `run-${id}-b` }));
  await ledger.merge(`run-${id}`);
  await database.query('truncate hourledger.staged_texts');
  expect(await ledger.merge(`run-${id}-b`)).toEqual({ missing: true, day });
  expect(await ledger.merge(`run-${id}-b`)).toEqual({ missing: true });
  expect(await ledger.merge(`run-${id}`)).toMatchObject({ inserted: 1 });
  const again = [priced('-1'), stringifyJson(call(`${id}-b`, at))];
  await ledger.stage(page('run', await begin('run'), '', { pageId: `restart-${id}`, records: again }));
  expect(await ledger.merge(`restart-${id}`)).toMatchObject({ inserted: 1, unchanged: 1 });
  const totals = await ledger.completeDays(`run-${id}`, 'twilio', [day]);
  expect(totals).toMatchObject({ fetched: 2, inserted: 2, unchanged: 0 });
});

it('a run whose pages were never merged leaves no trace in rows and counts', async () => {
  await ledger.stage(page('dead', await begin('dead'), priced('-1')));
  expect(await stored()).toBeUndefined();
  expect(await ledger.completeDays(`dead-${id}`, 'twilio', [day])).toMatchObject({
    fetched: 0,
    unchanged: 0,
  });
  expect(await ledger.call('sweep_runs', { p_run_ids: [`dead-${id}`] })).toBe('1');
  expect(await ledger.rows('select from hourledger.staged_texts where page_id = $1', [`dead-${id}`])).toEqual(
    [],
  );
});
