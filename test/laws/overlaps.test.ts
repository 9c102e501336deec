// L3 where rows alone cannot tell: answers by id, three runs, records that moved to another day, and whole fetches under way.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { num, stringifyJson } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld, type Source } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const nextDay = '2025-10-05';

let database: TestDatabase;
let ledger: LedgerWorld;
let id = '';
let cases = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
});

beforeEach(async () => {
  id = `CA${++cases}`;
  await database.query('delete from sync_days; delete from hourledger.runs');
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

const priced = (price: string, on = day) => stringifyJson(call(id, `${on}T10:00:00Z`, { price }));
const version: Record<Source, (amount: string) => string> = {
  twilio: (amount) => priced(`-${amount}`),
  elevenlabs: (amount) => stringifyJson(conversation(id, `${day}T10:00:00Z`, { cost: num(amount) })),
};

async function stored(): Promise<string> {
  const [row] = await ledger.rows<{ cost: string; ask_again: boolean }>(
    `select cost::text, ask_again from calls where id = $1
     union all select cost::text, ask_again from elevenlabs_conversations where conversation_id = $1`,
    [id],
  );
  return `${row!.cost}${row!.ask_again ? ', in doubt' : ''}`;
}

/** A page whose request was asked with the ticket, answered now. */
async function answered(
  name: string,
  askedTicket: string | number,
  records: string[],
  on: string | null = day,
  source: Source = 'twilio',
) {
  const pageId = `${id}/${name}`;
  const [runId] = name.split('/');
  const isList = source === 'twilio' && on !== null;
  const ids = on === null ? [id] : null;
  await ledger.stage({ pageId, source, runId: runId!, day: on, records, ids, askedTicket, isList });
  return () => ledger.merge(pageId);
}

const begin = (runId: string, on = day) => ledger.beginDays(runId, 'twilio', [on]);

it.each(['twilio', 'elevenlabs'] as const)(
  'two answers by id that overlapped decide nothing, and neither does a third that overlapped one of them: %s',
  async (source) => {
    const text = version[source];
    await ledger.readDay('first', source, day, [text('1')]);
    for (const name of ['one', 'two', 'three']) await ledger.unordered(name, source, []);
    const [asked, askedToo] = [await ledger.nextTicket(), await ledger.nextTicket()];
    const one = await answered('one', asked, [text('2')], null, source);
    const askedThen = await ledger.nextTicket();
    const two = await answered('two', askedToo, [text('3')], null, source);
    const three = await answered('three', askedThen, [text('4')], null, source);
    expect(await one()).toMatchObject({ updated: 1 });
    expect(await two()).toMatchObject({ updated: 0, unordered: 1 });
    expect(await stored()).toBe('2, in doubt');
    expect(await three()).toMatchObject({ updated: 0 });
    expect(await stored()).toBe('2, in doubt');
  },
);

it('what was answered while a whole fetch was under way is in doubt, and not old', async () => {
  await ledger.readDay('first', 'twilio', day, [priced('-1')]);
  const [asked, askedToo] = [await begin('whole'), await begin('late')];
  const late = await answered('late', askedToo, [priced('-2')]);
  const whole = await answered('whole', asked, [priced('-1')]);
  await whole();
  await ledger.completeDays('whole', 'twilio', [day]);
  expect(await late()).toMatchObject({ updated: 0, unordered: 1 });
  expect(await stored()).toBe('1, in doubt');
});

it('what a run merged is still known when the next one has begun to merge', async () => {
  await ledger.readDay('first', 'twilio', day, [priced('-1')]);
  const asked = await begin('second');
  await ledger.readDay('between', 'twilio', day, [priced('-1')]);
  const [empty, page] = [
    await answered('second/1', asked, []),
    await answered('second/2', asked, [priced('-2')]),
  ];
  await empty();
  expect(await page()).toMatchObject({ updated: 0, unordered: 1 });
  expect(await stored()).toBe('1, in doubt');
});

it('an old page that has moved a record to its day loses against a newer whole fetch of that day', async () => {
  await ledger.readDay('first', 'twilio', day, [priced('-1')]);
  const late = await answered('late', await begin('late', nextDay), [priced('-2', nextDay)], nextDay);
  await ledger.readDay('newest', 'twilio', nextDay, []);
  await ledger.completeDays('newest', 'twilio', [nextDay]);
  expect(await late()).toMatchObject({ updated: 0, unordered: 0 });
  expect(await stored()).toBe('1');
});

it('a page that has moved a record, and overlapped another run of its day, puts the record in doubt', async () => {
  await ledger.readDay('first', 'twilio', day, [priced('-1')]);
  const late = await answered('late', await begin('late', nextDay), [priced('-2', nextDay)], nextDay);
  await ledger.readDay('other', 'twilio', nextDay, []);
  expect(await late()).toMatchObject({ updated: 0, unordered: 1 });
  expect(await stored()).toBe('1, in doubt');
});

it('a page that has moved a record loses against a newer whole fetch of the day that it stood on', async () => {
  await ledger.readDay('first', 'twilio', day, [priced('-1')]);
  const late = await answered('late', await begin('late', nextDay), [priced('-2', nextDay)], nextDay);
  await ledger.readDay('newest', 'twilio', day, [priced('-1')]);
  await ledger.completeDays('newest', 'twilio', [day]);
  expect(await late()).toMatchObject({ updated: 0, unordered: 0 });
  expect(await stored()).toBe('1');
});
