// The demonstration shows its exact figures, by the oracle's reckoning, and is the same on every machine.
import { createHash } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { demoFigures, demoMapping, demoWorld } from '../../simulator/demo-data.js';
import { computeTables, snapshotKey, type OracleTables } from '../oracle/oracle.js';

let callTexts: string[];
let conversationTexts: string[];
let tables: OracleTables;

beforeAll(() => {
  const world = demoWorld();
  callTexts = world.callTexts();
  conversationTexts = world.conversationTexts();
  tables = computeTables({ calls: callTexts, conversations: conversationTexts, mapping: demoMapping });
});

function tally<Row>(rows: Iterable<Row>, key: (row: Row) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(key(row), (counts.get(key(row)) ?? 0) + 1);
  return counts;
}

test('57,952 calls make 412 snapshots, 33,744 conversations make 123, and nothing is rejected', () => {
  expect(tables.calls.size).toBe(demoFigures.calls);
  expect(tables.twilio_snapshots.size).toBe(demoFigures.twilioSnapshots);
  expect(tables.elevenlabs_conversations.size).toBe(demoFigures.conversations);
  expect(tables.elevenlabs_snapshots.size).toBe(demoFigures.elevenlabsSnapshots);
  expect(tables.rejected_records).toEqual([]);
});

test('the worked example: 182 calls for 3.8596, 284 conversations for 66235 credits', () => {
  const key = snapshotKey(4, '2025-10-04T15:00:00Z');
  expect(tables.twilio_snapshots.get(key)).toMatchObject({
    total_calls: 182,
    total_cost: '3.8596',
    total_duration: 4872,
    unpriced_calls: 0,
    cost_by_currency: { USD: '3.8596' },
  });
  expect(tables.elevenlabs_snapshots.get(key)).toMatchObject({
    total_conversations: 284,
    total_cost: '66235',
    llm_charge: '11203',
    call_charge: '55032',
    total_duration: 45_892,
    unsettled_conversations: 0,
  });
  const prices = [...tables.calls.values()].filter(
    (call) => call.workspace_id === 4 && call.call_date.startsWith('2025-10-04T15') && call.cost !== null,
  );
  expect(prices.every(({ raw_data }) => /"price":"-0\.\d{4}"/.test(raw_data))).toBe(true);
});

test('every day of the three months has calls, all of workspaces 1, 4, 5 and 6', () => {
  const days = new Set([...tables.twilio_snapshots.values()].map((row) => row.snapshot_date.slice(0, 10)));
  expect([days.size, [...days].sort()[0], [...days].sort().at(-1)]).toEqual([92, '2025-08-01', '2025-10-31']);
  const workspaces = new Set([...tables.communication_costs.values()].map((row) => row.workspace_id));
  expect([...workspaces].sort()).toEqual([1, 4, 5, 6]);
});

test('every rule decides some records, every direction and status occurs', () => {
  const calls = [...tables.calls.values()];
  const rules = tally(calls, ({ direction, classification }) => `${direction ?? 'none'} ${classification}`);
  const conversations = [...tables.elevenlabs_conversations.values()];
  expect([...rules.keys()]).toEqual(
    expect.arrayContaining([
      'outbound-api from-number',
      'outbound-api default',
      'trunking-terminating from-number',
      'trunking-originating transfer',
      'trunking-originating to-number',
      'trunking-originating parent',
      'inbound to-number',
      'inbound default',
      'outbound-dial from-number',
      'outbound-dial parent',
      'none from-number',
    ]),
  );
  expect([...tally(conversations, (row) => row.classification).keys()].sort()).toEqual([
    'agent',
    'agent-number',
    'call',
    'default',
  ]);
  expect([...tally(calls, (row) => row.status ?? '').keys()].sort()).toEqual([
    'busy',
    'canceled',
    'completed',
    'failed',
    'in-progress',
    'no-answer',
    'queued',
    'ringing',
  ]);
  expect(tables.unmapped.size).toBe(4);
});

test('what stays unsettled is what the provider never finished: 4 calls and 3 conversations', () => {
  const final = ['completed', 'busy', 'failed', 'no-answer', 'canceled'];
  const calls = [...tables.calls.values()].filter(({ status, cost }) => {
    return !final.includes(status ?? '') || (status === 'completed' && cost === null);
  });
  expect(calls).toHaveLength(demoFigures.unsettledCalls);
  const unpriced = [...tables.twilio_snapshots.values()].reduce((sum, row) => sum + row.unpriced_calls, 0);
  expect(unpriced).toBe(demoFigures.unpricedCalls);
  const open = [...tables.elevenlabs_snapshots.values()].reduce(
    (sum, row) => sum + row.unsettled_conversations,
    0,
  );
  expect(open).toBe(demoFigures.unsettledConversations);
});

test('transfers are matched over days, and against the owner of the number they go to', () => {
  const { calls } = tables;
  const dates = new Map<string, Set<string>>();
  for (const call of calls.values()) {
    if (call.direction !== 'outbound-api' && call.direction !== 'trunking-terminating') continue;
    const number = (call.phone_to ?? '').replace('+', '');
    dates.set(number, (dates.get(number) ?? new Set()).add(call.call_date.slice(0, 10)));
  }
  const transfers = [...calls.values()].filter(({ classification }) => classification === 'transfer');
  const otherDay = transfers.filter(({ phone_from, call_date }) => {
    return dates.get((phone_from ?? '').replace('+', ''))?.has(call_date.slice(0, 10)) === false;
  });
  expect(otherDay.length).toBeGreaterThan(50);
});

test('on an earlier day, later records and late prices are not there yet', () => {
  const world = demoWorld();
  world.setNow('2025-08-20T00:00:00Z');
  const early = computeTables({
    calls: world.callTexts(),
    conversations: world.conversationTexts(),
    mapping: demoMapping,
  });
  expect(early.calls.size).toBeLessThan(demoFigures.calls / 4);
  const unpriced = [...early.twilio_snapshots.values()].reduce((sum, row) => sum + row.unpriced_calls, 0);
  expect(unpriced).toBeGreaterThan(30);
});

test('the seed makes the same records everywhere', () => {
  const hash = createHash('sha256');
  for (const text of [...callTexts, ...conversationTexts]) hash.update(text).update('\n');
  expect(hash.digest('hex')).toBe('23f182336a3dc9ae264cc95b380016d9f007102ce0df639db66f3b7d30ba7702');
});
