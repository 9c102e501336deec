/** What Twilio's usage records say is read as it comes: counts as text or null, currencies in lower case, exact prices. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringifyJson } from '../../simulator/json-text.js';
import { call } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';

let database: TestDatabase;
let ledger: LedgerWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
  const at = `${day}T10:00:00Z`;
  await ledger.readDay('run', 'twilio', day, [
    stringifyJson(call('CA1', at, { price: '-0.10000000000000000001' })),
    stringifyJson(call('CA2', at, { price: '-3', price_unit: 'EUR' })),
    stringifyJson(call('CA3', at, { price: null })),
  ]);
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

interface Figures {
  drift_records: string;
  drift_cost: string;
  provider_cost: string;
  drift_currency: string;
  drift_explanation: object;
}

async function compare(run: string, records: Record<string, unknown>[]): Promise<[unknown, Figures]> {
  const usage = records.map((record) => ({ start_date: day, end_date: day, as_of: 'now', ...record }));
  await ledger.call('note_usage', {
    p_run_id: run,
    p_workflow_id: 'reconcile',
    p_body: JSON.stringify({ usage_records: usage, next_page_uri: null }),
  });
  const drifting = await ledger.call('compare_days', { p_source: 'twilio', p_days: [day], p_run_id: run });
  const [figures] = await ledger.rows<Figures & Record<string, unknown>>(
    `select drift_records, drift_cost::text, provider_cost::text, drift_currency, drift_explanation
     from sync_days where source = 'twilio' and day = $1`,
    [day],
  );
  return [drifting, figures!];
}

it('adds categories that overlap nowhere, subtracts exactly, and names what explains', async () => {
  const [drifting, figures] = await compare('one', [
    { category: 'calls', count: '2', price: '0.05', price_unit: 'usd' },
    { category: 'calls-inbound', count: '2', price: '0.05', price_unit: 'usd' },
    { category: 'calls-client', count: null, price: '0.05000000000000000002', price_unit: 'usd' },
    { category: 'recordings', count: '9', price: '1.5', price_unit: 'usd' },
    { category: 'sms', count: '9', price: '7', price_unit: 'usd' },
  ]);
  expect(drifting).toEqual([day]);
  expect(figures).toMatchObject({
    provider_cost: '0.10000000000000000002',
    drift_records: '-1',
    drift_cost: '0.00000000000000000001',
    drift_currency: 'USD',
    drift_explanation: {
      asOf: 'now',
      categoriesWithoutCount: ['calls-client'],
      ledgerOtherCosts: { EUR: '3' },
      notCalls: [{ category: 'recordings', cost: '1.5', currency: 'USD' }],
      notPriced: { count: 1, ids: ['CA3'] },
      notSettled: { count: 1, ids: ['CA3'] },
    },
  });
});

it('compares in the currency that the account is billed in', async () => {
  const [drifting, figures] = await compare('two', [
    { category: 'calls', count: '3', price: '3', price_unit: 'eur' },
  ]);
  expect(drifting).toEqual([]);
  expect(figures).toMatchObject({ drift_currency: 'EUR', drift_records: '0' });
  expect(figures.drift_explanation).toMatchObject({ ledgerOtherCosts: { USD: '0.10000000000000000001' } });
});

it('a day that the provider says nothing of has no calls there', async () => {
  await ledger.call('note_usage', {
    p_run_id: 'three',
    p_workflow_id: 'reconcile',
    p_body: '{"usage_records":[]}',
  });
  const days = ['2025-10-05', day];
  const drifting = await ledger.call('compare_days', {
    p_source: 'twilio',
    p_days: days,
    p_run_id: 'three',
  });
  expect(drifting).toEqual([day]);
});

it('names what voice costs besides calls as Twilio lists it, and no parent beside its children', async () => {
  const beside = [
    ...['agent-conference', 'amazon-polly', 'answering-machine-detection', 'call-progess-events'],
    ...[
      'calls-media-stream-minutes',
      'calls-recordings',
      'speech-recognition',
      'tts-google',
      'virtual-agent',
    ],
    ...['voice-intelligence-operators', 'voice-insights', 'trunking-recordings', 'trunking-secure'],
    'pstnconnectivity',
  ].sort();
  const others = ['recordings', 'voice-intelligence', 'pstnconnectivity-inbound', 'totalprice', 'sms'];
  const [, figures] = await compare(
    'four',
    [...beside, ...others].map((category) => ({ category, count: '1', price: '0.5', price_unit: 'usd' })),
  );
  const { notCalls } = figures.drift_explanation as { notCalls: { category: string }[] };
  expect(notCalls.map(({ category }) => category)).toEqual(beside);
});
