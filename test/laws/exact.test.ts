// L4: every digit that a provider gives comes out again, and sums are exact.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { num, stringifyJson } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';

let database: TestDatabase;
let ledger: LedgerWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

it('a price of twenty digits behind the point is the same in the row, its raw data and the snapshot', async () => {
  const price = '-0.00750000000000000001';
  const prices = [price, '-0.1', '-0.2', '-12345678901234567890.00000000000000000003'];
  const records = prices.map((text, index) =>
    stringifyJson(call(`CA${index}`, at, { price: text, price_unit: 'usd' })),
  );
  const yen = stringifyJson(call('CA-yen', at, { price: '-1', price_unit: 'JPY' }));
  const none = stringifyJson(call('CA-none', at, { price: '-0.5', price_unit: null }));
  const unpriced = stringifyJson(call('CA-unpriced', at, { price: null }));
  await ledger.readDay('run', 'twilio', day, [...records, yen, none, unpriced]);
  await ledger.drain();
  const [row] = await ledger.rows(
    `select cost::text, currency, raw_data ->> 'price' as price from calls where id = 'CA0'`,
  );
  expect(row).toEqual({ cost: '0.00750000000000000001', currency: 'USD', price });
  const [snapshot] = await ledger.rows(
    'select total_cost::text, cost_by_currency, unpriced_calls from twilio_snapshots',
  );
  const total = '12345678901234567890.30750000000000000004';
  expect(snapshot).toEqual({
    total_cost: total,
    cost_by_currency: { USD: total, JPY: '1', XXX: '0.5' },
    unpriced_calls: '1',
  });
});

it('credits and dollars keep their digits, and raw data the scale of its numbers', async () => {
  const charging = {
    llm_price: num('0.12345678901234567891'),
    llm_charge: num('70.0'),
    call_charge: num('0.0'),
  };
  const metadata = { cost: num('70.0'), cost_fiat: num('6.800000000000001e-05'), charging };
  const second = { cost: num('1'), charging: { llm_price: num('0.00000000000000000009') } };
  await ledger.readDay('run', 'elevenlabs', day, [
    stringifyJson(conversation('conv_0', at, metadata)),
    stringifyJson(conversation('conv_1', at, second)),
  ]);
  await ledger.drain();
  const [row] = await ledger.rows(
    `select cost::text, cost_fiat::text, llm_price::text, raw_data #>> '{metadata,cost}' as raw_cost,
       raw_data #>> '{metadata,charging,llm_price}' as raw_price, raw_data #>> '{metadata,charging,call_charge}' as raw_charge
     from elevenlabs_conversations where conversation_id = 'conv_0'`,
  );
  expect(row).toEqual({
    cost: '70.0',
    cost_fiat: '0.00006800000000000001',
    llm_price: '0.12345678901234567891',
    raw_cost: '70.0',
    raw_price: '0.12345678901234567891',
    raw_charge: '0.0',
  });
  const [snapshot] = await ledger.rows(
    `select total_cost::text, total_cost_fiat::text, llm_price::text, llm_charge::text, credits_without_fiat::text
     from elevenlabs_snapshots`,
  );
  expect(snapshot).toEqual({
    total_cost: '71.0',
    total_cost_fiat: '0.00006800000000000001',
    llm_price: '0.12345678901234567900',
    llm_charge: '70.0',
    credits_without_fiat: '1',
  });
});

it('70 and 70.0 are different texts of one number: the row is written anew, and the sum stays the same', async () => {
  const version = (cost: string) =>
    stringifyJson(conversation('conv_scale', '2025-10-04T10:00:00Z', { cost: num(cost) }));
  await ledger.readDay('scale-1', 'elevenlabs', day, [version('70')]);
  expect(await ledger.readDay('scale-2', 'elevenlabs', day, [version('70.0')])).toMatchObject({ updated: 1 });
  const [row] = await ledger.rows(
    `select raw_data #>> '{metadata,cost}' as cost from elevenlabs_conversations where conversation_id = 'conv_scale'`,
  );
  expect(row).toEqual({ cost: '70.0' });
});
