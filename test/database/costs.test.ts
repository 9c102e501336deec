// What the cost views say: credit rates by the hour, dollars where ElevenLabs gave them, no currency in another.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { num, stringifyJson, type JsonObject } from '../../simulator/json-text.js';
import type { OracleInput } from '../oracle/oracle.js';
import { call, conversation } from '../simulator/records.js';
import { expectedTables, LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';

let database: TestDatabase;
let ledger: LedgerWorld;
/** A page that was merged once is not merged again. */
let runs = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
});

beforeEach(async () => {
  await database.query('delete from calls; delete from elevenlabs_conversations; delete from credit_rates');
  await database.query(`update settings set ledger_currency = 'USD' where ledger_currency <> 'USD'`);
  await ledger.drain();
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

const calls = [
  call('CA-usd', '2025-10-04T10:05:00Z', { price: '-0.00750000000000000001' }),
  call('CA-jpy', '2025-10-04T10:06:00Z', { price: '-3', price_unit: 'JPY' }),
  call('CA-none', '2025-10-04T10:07:00Z', { price: '-0.5', price_unit: null }),
  call('CA-open', '2025-10-04T10:08:00Z', { price: null }),
  call('CA-busy', '2025-10-04T10:09:00Z', { price: null, status: 'busy' }),
  call('CA-alone', '2025-10-04T09:00:00Z'),
].map(stringifyJson);

const carried = (sid: string | null, metadata: JsonObject = {}) => ({
  phone_call: {
    type: 'twilio',
    direction: 'outbound',
    agent_number: null,
    external_number: null,
    call_sid: sid,
  },
  ...metadata,
});

const conversations = [
  conversation('conv-before', '2025-10-04T09:59:59Z', carried('CA-usd')),
  conversation('conv-first', '2025-10-04T10:00:00Z', carried('CA-usd', { cost: num('3') })),
  conversation(
    'conv-fiat',
    '2025-10-04T10:20:00Z',
    carried('CA-jpy', { cost: num('9'), cost_fiat: num('0.125') }),
  ),
  conversation('conv-free', '2025-10-04T07:00:00Z', carried('CA-busy', { cost: num('0') })),
  conversation('conv-unknown', '2025-10-04T10:30:00Z', carried('CA-open', { cost: null })),
  conversation('conv-nowhere', '2025-10-04T11:30:00Z', carried('CA-nowhere', { cost: num('7') })),
  conversation('conv-web', '2025-10-04T12:30:00Z', { cost: num('11') }),
  conversation('conv-fiat-early', '2025-10-04T08:00:00Z', { cost: num('5'), cost_fiat: num('0.001') }),
].map(stringifyJson);

const early = { valid_from: '2025-10-04T09:00:00.001Z', usd_per_credit: '0.1' };
const atTen = { valid_from: '2025-10-04T10:00:00Z', usd_per_credit: '0.00000000000000000003' };
const midHour = { valid_from: '2025-10-04T11:30:00Z', usd_per_credit: '2' };
const late = { valid_from: '2025-10-05T00:00:00Z', usd_per_credit: '9' };

/** What the ledger holds, and what the oracle says that it holds. */
async function play(rates: OracleInput['mapping']['credit_rates'], currency = 'USD'): Promise<void> {
  await database.query('update settings set ledger_currency = $1 where ledger_currency <> $1', [currency]);
  for (const { valid_from, usd_per_credit } of rates) {
    await database.query('insert into credit_rates values ($1, $2)', [valid_from, usd_per_credit]);
  }
  await ledger.readDay(`run ${++runs}`, 'twilio', day, calls);
  await ledger.readDay(`run ${++runs}`, 'elevenlabs', day, conversations);
  await ledger.drain();
  const expected = expectedTables({
    calls,
    conversations,
    mapping: {
      workspaces: [{ id: 1, name: 'Default' }],
      workspace_phones: [],
      workspace_agents: [],
      credit_rates: rates,
    },
    settings: { ledger_currency: currency },
  });
  const tables = await ledger.tables();
  expect(Object.keys(tables['communication_costs']!)).toHaveLength(6);
  expect(tables['communication_costs']).toEqual(expected['communication_costs']);
}

const hours = () =>
  database.query(
    `select to_char(snapshot_date at time zone 'UTC', 'HH24') as hour, elevenlabs_usd::text as usd, total_usd::text as total
     from communication_costs order by snapshot_date`,
  );

it('no rate: null where credits need one, and nowhere else', async () => {
  await play([]);
  expect(await hours()).toEqual([
    { hour: '07', usd: '0', total: '0' },
    { hour: '08', usd: '0.001', total: '0.001' },
    { hour: '09', usd: null, total: null },
    { hour: '10', usd: null, total: null },
    { hour: '11', usd: null, total: null },
    { hour: '12', usd: null, total: null },
  ]);
});

it("the rate is the newest from or before the hour's first instant, to the last digit", async () => {
  await play([late, atTen, midHour, early]);
  expect(await hours()).toMatchObject([
    {},
    {},
    // A rate that begins a millisecond into the hour does not hold for it.
    { hour: '09', usd: null },
    // One that begins with the hour does, and the older one does not.
    { hour: '10', usd: '0.12500000000000000009', total: '0.13250000000000000010' },
    // One that begins within the hour holds from the next hour on.
    { hour: '11', usd: '0.00000000000000000021' },
    { hour: '12', usd: '22' },
  ]);
});

it('a ledger in another currency has no total in dollars; other currencies stand apart', async () => {
  await play([early, atTen], 'JPY');
  const [hour] = await database.query(
    `select twilio_cost::text, elevenlabs_usd is null as is_unknown, total_usd, other_costs from communication_costs
     where snapshot_date = '2025-10-04T10:00Z'`,
  );
  expect(hour).toEqual({
    twilio_cost: '3',
    is_unknown: false,
    total_usd: null,
    other_costs: { USD: '0.00750000000000000001', XXX: '0.5' },
  });
});

it('call_costs is one row for each conversation, with its call, exact, and null where either side is unknown', async () => {
  await play([atTen]);
  const rows = await database.query(
    `select conversation_id as id, twilio_cost::text as twilio, twilio_currency as currency, elevenlabs_credits::text as credits,
       elevenlabs_usd::text as usd, total_usd::text as total from call_costs order by conversation_id`,
  );
  const jpy = { twilio: '3', currency: 'JPY' };
  const dollar = { twilio: '0.00750000000000000001', currency: 'USD' };
  const none = { twilio: null, currency: null };
  expect(rows).toEqual([
    { id: 'conv-before', ...dollar, credits: '70', usd: null, total: null },
    { id: 'conv-fiat', ...jpy, credits: '9', usd: '0.125', total: null },
    { id: 'conv-fiat-early', ...none, credits: '5', usd: '0.001', total: '0.001' },
    {
      id: 'conv-first',
      ...dollar,
      credits: '3',
      usd: '0.00000000000000000009',
      total: '0.00750000000000000010',
    },
    { id: 'conv-free', ...none, currency: 'USD', credits: '0', usd: '0', total: '0' },
    { id: 'conv-nowhere', ...none, credits: '7', usd: '0.00000000000000000021', total: null },
    { id: 'conv-unknown', ...none, currency: 'USD', credits: null, usd: null, total: null },
    {
      id: 'conv-web',
      ...none,
      credits: '11',
      usd: '0.00000000000000000033',
      total: '0.00000000000000000033',
    },
  ]);
});

it.each(['-0.1', `'NaN'`, `'Infinity'`, `'-Infinity'`, 'null'])(
  'SQL too refuses the rate %s',
  async (rate) => {
    await expect(
      database.query(`insert into credit_rates values ('2025-10-01Z', ${rate})`),
    ).rejects.toMatchObject({ code: rate === 'null' ? '23502' : '23514' });
  },
);

it.each([`'infinity'`, `'-infinity'`])('SQL too refuses a rate from %s on', async (from) => {
  await expect(database.query(`insert into credit_rates values (${from}, 1)`)).rejects.toMatchObject({
    code: '23514',
  });
});

it.each([
  ['no bounds', null, null],
  ['the day alone', day, day],
  ['from the day after', '2025-10-05', null],
  ['to the day before', null, '2025-10-03'],
  ['from the day before', '2025-10-03', null],
  ['to the day', null, day],
  ['bounds the wrong way round', '2025-10-05', day],
])('a report with %s adds up what the view has of these days', async (_, from, to) => {
  await play([early, atTen]);
  // The first instant of a day and the last hour of one: on which side of the bounds they are decides.
  await database.query(
    `insert into calls (id, workspace_id, status, call_date, duration, cost, currency)
       values ('CA-first', 1, 'completed', '2025-10-05T00:00Z', 1, 0.1, 'USD'), ('CA-last', 1, 'completed', '2025-10-03T23:59:59Z', 1, 0.2, 'USD')`,
  );
  await ledger.drain();
  const range = `where ($1::date is null or (snapshot_date at time zone 'UTC')::date >= $1::date)
    and ($2::date is null or (snapshot_date at time zone 'UTC')::date <= $2::date)`;
  const sums = `coalesce(sum(total_calls), 0)::text as calls, coalesce(sum(twilio_cost), 0)::text as twilio,
    coalesce(sum(elevenlabs_credits), 0)::text as credits`;
  const [expected] = await database.query(`select ${sums} from communication_costs ${range}`, [from, to]);
  for (const workspace of [null, 1]) {
    const [total] = await database.query(
      `select r ->> 'calls' as calls, r ->> 'twilioCost' as twilio, r ->> 'elevenlabsCredits' as credits
       from report_total($1::date, $2::date, $3::integer) r`,
      [from, to, workspace],
    );
    const [lines] = await database.query(
      `select coalesce(sum((l ->> 'calls')::numeric), 0)::text as calls, coalesce(sum((l ->> 'twilioCost')::numeric), 0)::text as twilio,
         coalesce(sum((l ->> 'elevenlabsCredits')::numeric), 0)::text as credits
       from jsonb_array_elements(report_costs($1::date, $2::date, $3::integer, 'hour', null, 1000)) l`,
      [from, to, workspace],
    );
    expect(total).toEqual(expected);
    expect(lines).toEqual(expected);
  }
  expect(
    await database.query(`select report_total($1::date, $2::date, 2) ->> 'calls' as calls`, [from, to]),
  ).toEqual([{ calls: '0' }]);
});
