// The oracle itself, on cases small enough to be reckoned by hand.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { num, stringifyJson, type JsonObject } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import {
  canonicalDecimal,
  computeTables,
  numberOf,
  sameDecimal,
  snapshotKey,
  type OracleMapping,
} from './oracle.js';

const mapping: OracleMapping = {
  workspaces: [1, 4, 5, 6].map((id) => ({ id, name: `Workspace ${id}` })),
  workspace_phones: [
    { phone_number: '+344', workspace_id: 4, valid_from: null, valid_to: null },
    { phone_number: '345', workspace_id: 5, valid_from: null, valid_to: '2025-10-04T16:00:00Z' },
    { phone_number: '+345', workspace_id: 6, valid_from: '2025-10-04T16:00:00Z', valid_to: null },
  ],
  workspace_agents: [{ agent_id: 'agent_5', workspace_id: 5 }],
  credit_rates: [
    { valid_from: '2025-10-01T00:00:00Z', usd_per_credit: '0.0002' },
    { valid_from: '2025-10-04T15:00:00Z', usd_per_credit: '0.0003' },
  ],
};
const at = '2025-10-04T15:10:00Z';

function tablesOf(calls: JsonObject[], conversations: JsonObject[] = []) {
  return computeTables({
    calls: calls.map(stringifyJson),
    conversations: conversations.map(stringifyJson),
    mapping,
  });
}

/** `workspace classification` of each call, in the order of their ids. */
function assigned(calls: JsonObject[]): Record<string, string> {
  const rows = [...tablesOf(calls).calls.values()];
  return Object.fromEntries(rows.map((row) => [row.id, `${row.workspace_id} ${row.classification}`]));
}

test('an address has a number when it is one, or a SIP address of one', () => {
  expect(numberOf('+34911')).toBe('34911');
  expect(numberOf('34911')).toBe('34911');
  expect(numberOf('sip:+34911@host;transport=udp')).toBe('34911');
  expect(numberOf('SIPS:34911;user=phone')).toBe('34911');
  for (const other of ['anonymous', 'client:34', 'sip:anna@host', '+', '', '34 911', 'sip:34x@host', null]) {
    expect(numberOf(other)).toBeNull();
  }
});

test('numbers are compared exactly', () => {
  expect(canonicalDecimal('6.800000000000001e-05')).toBe('0.00006800000000000001');
  expect(canonicalDecimal('70.0')).toBe('70');
  expect(canonicalDecimal('-1.5E+2')).toBe('-150');
  expect(sameDecimal('70.0', '7e1')).toBe(true);
  expect(sameDecimal('0.1', '0.10000000000000000001')).toBe(false);
  expect(sameDecimal(null, '0')).toBe(false);
});

test('the owner of the right end decides, at the instant of the call', () => {
  const later = '2025-10-04T16:00:00Z';
  expect(
    assigned([
      call('A', at, { from: '344', to: '+345' }),
      call('B', at, { direction: 'trunking-terminating', from: 'sip:+345@host' }),
      call('C', later, { from: '345' }),
      call('D', at, { direction: 'inbound', from: '+345', to: '+344' }),
      call('E', at, { direction: 'outbound-dial', from: '+344', to: '+345' }),
      call('F', at, { direction: null, from: '+344', to: '+345' }),
      call('G', at, { from: '+999' }),
      call('H', at, { direction: 'inbound', from: '+344', to: '' }),
    ]),
  ).toEqual({
    A: '4 from-number',
    B: '5 from-number',
    C: '6 from-number',
    D: '4 to-number',
    E: '4 from-number',
    F: '4 from-number',
    G: '1 default',
    H: '1 default',
  });
});

test('a transfer belongs to the call to its lead that ended nearest', () => {
  const transfer = (sid: string, start: string, fields: JsonObject = {}): JsonObject =>
    call(sid, start, { direction: 'trunking-originating', from: '+777', to: 'sip:+345@host', ...fields });
  const near = call('B', '2025-10-04T15:20:00Z', { from: '+344', to: '777' });
  const far = call('A', '2025-10-03T15:20:00Z', { from: '+345', to: '+777' });
  expect(assigned([far, near, transfer('T', at)])).toMatchObject({ T: '4 transfer' });
  expect(assigned([far, transfer('T', at)])).toMatchObject({ T: '5 transfer' });
  expect(assigned([{ ...near, account_sid: 'other' }, transfer('T', at)])).toMatchObject({
    T: '5 to-number',
  });
  expect(assigned([{ ...near, to: 'anonymous' }, transfer('T', at, { from: 'anonymous' })])).toMatchObject({
    T: '5 to-number',
  });
  expect(assigned([call('X', at, { from: '+999', to: '+777' }), transfer('T', at)])).toMatchObject({
    T: '1 transfer',
  });
});

test('ties: the earlier end, then the smaller SID', () => {
  const transfer = call('T', '2025-10-04T15:10:00Z', {
    direction: 'trunking-originating',
    from: '+777',
    to: 'x',
  });
  const before = call('Z', '2025-10-04T15:08:00Z', { from: '+345', to: '+777' });
  const after = call('A', '2025-10-04T15:12:00Z', { from: '+344', to: '+777' });
  expect(assigned([after, before, transfer])).toMatchObject({ T: '5 transfer' });
  const twin = call('Y', '2025-10-04T15:08:00Z', { from: '+344', to: '+777' });
  expect(assigned([before, twin, transfer])).toMatchObject({ T: '4 transfer' });
  const withoutEnd = call('W', '2025-10-04T15:11:00Z', { from: '+344', to: '+777', end_time: null });
  expect(assigned([before, withoutEnd, transfer])).toMatchObject({ T: '4 transfer' });
});

test('the parents are walked to the first that is decided; otherwise the default', () => {
  const child = (sid: string, parent: string): JsonObject =>
    call(sid, at, { direction: 'outbound-dial', from: 'client:x', parent_call_sid: parent });
  const owned = call('P', at, { direction: 'inbound', to: '+344' });
  const unowned = call('Q', at, { from: '+999', parent_call_sid: 'P' });
  expect(
    assigned([
      owned,
      unowned,
      child('A', 'P'),
      child('B', 'A'),
      child('C', 'missing'),
      child('D', 'E'),
      child('E', 'D'),
      child('F', 'F'),
      child('G', 'D'),
      child('H', 'Q'),
    ]),
  ).toMatchObject({
    Q: '1 default',
    A: '4 parent',
    B: '4 parent',
    C: '1 default',
    D: '1 default',
    E: '1 default',
    F: '1 default',
    G: '1 default',
    H: '1 default',
  });
});

test('a conversation: agent’s number, agent, call, default', () => {
  const phone = (agentNumber: string, callSid: string): JsonObject => ({
    phone_call: { agent_number: agentNumber, external_number: '+777', call_sid: callSid },
  });
  const one = (id: string, agentId: string, metadata: JsonObject = {}): JsonObject => ({
    ...conversation(id, at, metadata),
    agent_id: agentId,
  });
  const calls = [call('A', at, { from: '+344' }), call('B', at, { from: '+999' })];
  const rows = tablesOf(calls, [
    one('1', 'agent_5', phone('+344', 'A')),
    one('2', 'agent_5', phone('+999', 'A')),
    one('3', 'agent_x', phone('', 'A')),
    one('4', 'agent_x', phone('', 'B')),
    one('5', 'agent_x'),
  ]).elevenlabs_conversations;
  expect([...rows.values()].map((row) => `${row.workspace_id} ${row.classification}`)).toEqual([
    '4 agent-number',
    '5 agent',
    '4 call',
    '1 default',
    '1 default',
  ]);
});

test('sums are exact, and take currencies apart', () => {
  const { twilio_snapshots: snapshots, communication_costs: costs } = tablesOf([
    call('A', at, { from: '+344', price: '-0.00750000000000000001', duration: '61' }),
    call('B', at, { from: '+344', price: '0', duration: '0' }),
    call('C', at, { from: '+344', price: '-4', price_unit: 'jpy' }),
    call('D', at, { from: '+344', price: '-0.5', price_unit: '' }),
    call('E', at, { from: '+344', price: null, status: 'busy', duration: '' }),
    call('F', at, { from: '+344', price: '', duration: null }),
  ]);
  const key = snapshotKey(4, '2025-10-04T15:00:00Z');
  expect(snapshots.get(key)).toEqual({
    workspace_id: 4,
    snapshot_date: '2025-10-04T15:00:00.000Z',
    total_calls: 6,
    total_cost: '0.00750000000000000001',
    total_duration: 181,
    real_minutes: 4,
    unpriced_calls: 1,
    cost_by_currency: { JPY: '4', USD: '0.00750000000000000001', XXX: '0.5' },
  });
  expect(costs.get(key)).toMatchObject({
    total_usd: '0.00750000000000000001',
    other_costs: { JPY: '4', XXX: '0.5' },
    elevenlabs_credits: '0',
  });
});

test('credits become dollars by the newest rate from before the hour, where one is needed', () => {
  const rows = [
    conversation('1', at, { cost: num('100') }),
    conversation('2', at, { cost: num('50'), cost_fiat: num('0.01') }),
    conversation('3', '2025-10-04T14:59:59Z', { cost: num('100') }),
    conversation('4', '2025-09-30T10:00:00Z', { cost: num('100') }),
    conversation('5', '2025-09-29T10:00:00Z', { cost: num('100'), cost_fiat: num('0.02') }),
  ];
  const { communication_costs: costs } = tablesOf([], rows);
  const dollars = [...costs.values()].map((row) => [
    row.snapshot_date.slice(0, 13),
    row.elevenlabs_usd,
    row.total_usd,
  ]);
  expect(dollars).toEqual([
    ['2025-10-04T15', '0.04', '0.04'],
    ['2025-10-04T14', '0.02', '0.02'],
    ['2025-09-30T10', null, null],
    ['2025-09-29T10', '0.02', '0.02'],
  ]);
});

test('a call that has not started belongs to the hour in which it was made', () => {
  const { calls } = tablesOf([call('A', at, { start_time: null, status: 'canceled' })]);
  expect(calls.get('A')?.call_date).toBe('2025-10-04T15:10:00.000Z');
});

test('what cannot be stored is rejected with a reason, and the rest goes on', () => {
  const { calls, rejected_records: rejected } = tablesOf([
    call('A', at, { start_time: 'Sun, 30 Feb 2025 10:00:00 +0000' }),
    call('B', at, { start_time: null, date_created: null }),
    call('C', at, { price: 'much' }),
    call('D', at, { to: 'a\u0000b' }),
    call('', at),
    call('E', at),
  ]);
  expect([...calls.keys()]).toEqual(['E']);
  expect(rejected.map(({ id, reason }) => `${id ?? '-'}: ${reason}`)).toEqual([
    'A: start_time Sun, 30 Feb 2025 10:00:00 +0000 is no date',
    'B: no date',
    'C: price much is no number',
    'D: text that jsonb refuses',
    '-: no sid',
  ]);
});

test('each form on record can be stored', () => {
  const folder = new URL('../records/', import.meta.url);
  const texts = (prefix: string): string[] =>
    readdirSync(folder)
      .filter((name) => name.startsWith(prefix))
      .map((name) => readFileSync(new URL(name, folder), 'utf8').trim());
  const calls = texts('call-');
  const conversations = texts('conversation-');
  const tables = computeTables({ calls, conversations, mapping });
  expect(tables.rejected_records).toEqual([]);
  expect([tables.calls.size, tables.elevenlabs_conversations.size]).toEqual([
    calls.length,
    conversations.length,
  ]);
  expect([calls.length, conversations.length]).toEqual([11, 7]);
});
