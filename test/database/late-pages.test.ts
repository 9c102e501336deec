// L3 within one run: what an attempt that was given up still stages, after a newer one has been merged, does not win.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { num, stringifyJson } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';

let database: TestDatabase;
/** The attempt that goes on, and the one that was given up and is still alive. */
let newer: LedgerWorld;
let late: LedgerWorld;
let run = '';
let runs = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  [newer, late] = [await LedgerWorld.open(database), await LedgerWorld.open(database)];
});

beforeEach(() => {
  run = `run-${++runs}`;
});

afterAll(async () => {
  await Promise.all([newer.close(), late.close()]);
  await database.close();
});

const priced = (price: string) => stringifyJson(call(`${run}-CA`, at, { price }));

const listPage = (restarts: number) => `${run}/twilio/${day}/${restarts}/first`;

const stageList = (ledger: LedgerWorld, restarts: number, askedTicket: string | number, price: string) =>
  ledger.stage({
    ...{ pageId: listPage(restarts), source: 'twilio', runId: run, day, askedTicket },
    records: [priced(price)],
  });

const storedCall = async () =>
  (await database.query('select cost::text, ask_again from calls where id = $1', [`${run}-CA`]))[0];

it('a list from before its day began anew, staged and merged behind the new one, puts in doubt and writes nothing', async () => {
  await newer.readDay(`${run}-before`, 'twilio', day, [priced('-1')]);
  const given = await newer.beginDays(run, 'twilio', [day]);
  await stageList(newer, 1, await newer.nextTicket(), '-1');
  expect(await newer.merge(listPage(1))).toMatchObject({ unchanged: 1 });
  await stageList(late, 0, given, '-2');
  expect(await late.merge(listPage(0))).toMatchObject({ updated: 0, unordered: 1 });
  expect(await storedCall()).toEqual({ cost: '1', ask_again: true });
});

it('so does one that is staged and merged when its day has been completed', async () => {
  await newer.readDay(`${run}-before`, 'twilio', day, [priced('-1')]);
  const given = await newer.beginDays(run, 'twilio', [day]);
  await stageList(newer, 1, await newer.nextTicket(), '-1');
  await newer.merge(listPage(1));
  await newer.completeDays(run, 'twilio', [day]);
  await stageList(late, 0, given, '-2');
  expect(await late.merge(listPage(0))).toMatchObject({ updated: 0, unordered: 1 });
  const asked = await newer.unordered(`${run}-asker`, 'twilio', [day]);
  expect(asked.ids).toContain(`${run}-CA`);
  await newer.answerByIds(`${run}-asker`, 'twilio', { [`${run}-CA`]: priced('-1') }, asked.ticket);
  expect(await storedCall()).toEqual({ cost: '1', ask_again: false });
});

const detail = (cost: string) => stringifyJson(conversation(`${run}-conv`, at, { cost: num(cost) }));

const stageDetails = (ledger: LedgerWorld, pageId: string, askedTicket: string | number, cost: string) =>
  ledger.stage({
    ...{ pageId, source: 'elevenlabs', runId: run, day, askedTicket, isList: false },
    records: [detail(cost)],
    ids: [`${run}-conv`],
  });

interface Conversations {
  ids: string[];
  waitingPages: string[];
  ticket: number;
}

const toAsk = (ledger: LedgerWorld) =>
  ledger.call<Conversations>('conversations_to_ask', {
    ...{ p_ids: [`${run}-conv`], p_run_id: run, p_day: day, p_ask_settled: true },
  });

const storedConversation = async () =>
  (
    await database.query(
      'select cost::text, ask_again from elevenlabs_conversations where conversation_id = $1',
      [`${run}-conv`],
    )
  )[0];

it('details that were asked first and staged last wait to be merged, and put in doubt what was given since', async () => {
  await newer.readDay(`${run}-before`, 'elevenlabs', day, [detail('1')]);
  await newer.beginDays(run, 'elevenlabs', [day]);
  const first = await toAsk(late);
  const second = await toAsk(newer);
  await stageDetails(newer, `${run}/second`, second.ticket, '1');
  expect(await newer.merge(`${run}/second`)).toMatchObject({ unchanged: 1 });
  await stageDetails(late, `${run}/first`, first.ticket, '2');
  expect((await toAsk(newer)).waitingPages).toEqual([`${run}/first`]);
  expect(await newer.merge(`${run}/first`)).toMatchObject({ updated: 0, unordered: 1 });
  expect(await storedConversation()).toEqual({ cost: '1', ask_again: true });
});

it('details that wait are merged in the order in which they were asked, so that the newest win', async () => {
  await newer.readDay(`${run}-before`, 'elevenlabs', day, [detail('1')]);
  await newer.beginDays(run, 'elevenlabs', [day]);
  const first = await toAsk(late);
  await stageDetails(late, `${run}/z-first`, first.ticket, '2');
  await stageDetails(newer, `${run}/a-second`, await newer.nextTicket(), '3');
  const { waitingPages } = await toAsk(newer);
  expect(waitingPages).toEqual([`${run}/z-first`, `${run}/a-second`]);
  for (const page of waitingPages)
    expect(await newer.merge(page)).toMatchObject({ updated: 1, unordered: 0 });
  expect(await storedConversation()).toEqual({ cost: '3', ask_again: false });
});

it('a day that begins anew keeps the details that it was given: nobody asks for them again', async () => {
  await newer.beginDays(run, 'elevenlabs', [day]);
  const { ticket } = await toAsk(newer);
  const list = (restarts: number) => `${run}/elevenlabs/${day}/${restarts}/first`;
  await stageDetails(newer, `${list(0)}/from/one`, ticket, '1');
  await newer.stage({
    ...{ pageId: list(1), source: 'elevenlabs', runId: run, day, askedTicket: await newer.nextTicket() },
    ...{ records: [], ids: [`${run}-conv`] },
  });
  const { ids, waitingPages } = await toAsk(newer);
  expect([ids, waitingPages]).toEqual([[], [`${list(0)}/from/one`, list(1)]]);
  expect(await newer.merge(`${list(0)}/from/one`)).toMatchObject({ inserted: 1 });
});
