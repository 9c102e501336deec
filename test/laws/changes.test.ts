// L1 and L2, one change at a time: each kind of fact that changes moves the records that depend on it, and no other.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { stringifyJson, type JsonObject } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld, type Source } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';
const later = '2025-10-04T17:10:00Z';

let database: TestDatabase;
let ledger: LedgerWorld;
let runs = 0;

const callText = (sid: string, fields: JsonObject, start = at) => stringifyJson(call(sid, start, fields));
const conversationText = (id: string, agent_id: string, phone: JsonObject | null, start = at) =>
  stringifyJson({ ...conversation(id, start, { phone_call: phone }), agent_id });

const leg = { direction: 'outbound-dial', from: 'client:x', to: 'client:y' };
const transfer = { direction: 'trunking-originating', from: '57100', to: 'client:x' };
const calls = [
  callText('CA-from', { from: '+34001', to: '+57100' }),
  callText('CA-to', { direction: 'inbound', from: '+57900', to: 'sip:34001@host' }),
  callText('CA-child', { ...leg, parent_call_sid: 'CA-from' }),
  callText('CA-transfer', transfer),
  callText('CA-other', { from: '+34009' }),
  callText('CA-nobody', leg),
];
const conversations = [
  conversationText('conv-number', 'agent_0', { agent_number: '+34001' }),
  conversationText('conv-agent', 'agent_1', null),
  conversationText('conv-second-agent', 'agent_2', null),
  conversationText('conv-carried', 'agent_0', { call_sid: 'CA-from' }),
  conversationText('conv-nobody', 'agent_0', null),
];

/** What the mapping of the beginning decides: +34001 and agent_1 belong to workspace 2. */
const before: Record<string, string> = {
  'CA-from': '2 from-number',
  'CA-to': '2 to-number',
  'CA-child': '2 parent',
  'CA-transfer': '2 transfer',
  'CA-other': '1 default',
  'CA-nobody': '1 default',
  'conv-number': '2 agent-number',
  'conv-agent': '2 agent',
  'conv-second-agent': '1 default',
  'conv-carried': '2 call',
  'conv-nobody': '1 default',
};

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
  await database.query(`insert into workspaces (id, name) values (2, 'Two'), (3, 'Three')`);
});

beforeEach(async () => {
  await database.query('delete from calls; delete from elevenlabs_conversations; delete from sync_days');
  await database.query('delete from workspace_phones; delete from workspace_agents');
  await database.query(
    `delete from twilio_snapshots; delete from elevenlabs_snapshots; delete from hourledger.dirty_keys;
     delete from hourledger.dirty_hours; update settings set default_workspace_id = 1`,
  );
  await database.query(`insert into workspace_phones (phone_number, workspace_id) values ('+34001', 2)`);
  await database.query(`insert into workspace_agents values ('agent_1', 2)`);
  await read('twilio', ...calls);
  await read('elevenlabs', ...conversations);
  expect(await assigned()).toEqual(before);
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

const read = (source: Source, ...records: string[]) => ledger.readDay(`run-${++runs}`, source, day, records);

/** Every record with its workspace and rule, once all is drained; every sum is right then. */
async function assigned(): Promise<Record<string, string>> {
  expect(await ledger.drain()).toEqual([]);
  for (const p_source of ['twilio', 'elevenlabs']) {
    const range = { p_from: '2025-10-01Z', p_to: '2025-11-01Z' };
    const verified = await ledger.call('verify_snapshots', { p_source, ...range });
    expect(verified).toMatchObject({ differing: 0, pendingHours: 0 });
  }
  const rows = await ledger.rows<{ id: string; rule: string }>(
    `select id, workspace_id || ' ' || classification as rule from calls
     union all select conversation_id, workspace_id || ' ' || classification from elevenlabs_conversations`,
  );
  return Object.fromEntries(rows.map(({ id, rule }) => [id, rule]));
}

const without = (id: string) => Object.fromEntries(Object.entries(before).filter(([other]) => other !== id));

const unowned = {
  ...{ 'CA-from': '1 default', 'CA-to': '1 default', 'CA-child': '1 default', 'CA-transfer': '1 transfer' },
  ...{ 'conv-number': '1 default', 'conv-carried': '1 default' },
};
const ownedByThree = {
  ...{
    'CA-from': '3 from-number',
    'CA-to': '3 to-number',
    'CA-child': '3 parent',
    'CA-transfer': '3 transfer',
  },
  ...{ 'conv-number': '3 agent-number', 'conv-carried': '3 call' },
};
const nobody = { 'CA-other': '3 default', 'CA-nobody': '3 default', 'conv-nobody': '3 default' };

it.each<[string, string, Record<string, string>]>([
  ['a number is taken away', 'delete from workspace_phones', unowned],
  ['a number gets another workspace', 'update workspace_phones set workspace_id = 3', ownedByThree],
  [
    'a number is edited into another one',
    `update workspace_phones set phone_number = '+34009'`,
    { ...unowned, 'CA-other': '2 from-number' },
  ],
  [
    'a number is mapped',
    `insert into workspace_phones (phone_number, workspace_id) values ('34009', 3)`,
    { 'CA-other': '3 from-number' },
  ],
  ['an ownership ends', `update workspace_phones set valid_to = '${at}'`, unowned],
  ['an agent is taken away', 'delete from workspace_agents', { 'conv-agent': '1 default' }],
  [
    'an agent gets another workspace',
    'update workspace_agents set workspace_id = 3',
    { 'conv-agent': '3 agent' },
  ],
  [
    'an agent is edited into another one',
    `update workspace_agents set agent_id = 'agent_2'`,
    { 'conv-agent': '1 default', 'conv-second-agent': '2 agent' },
  ],
  [
    'an agent is mapped',
    `insert into workspace_agents values ('agent_2', 3)`,
    { 'conv-second-agent': '3 agent' },
  ],
  [
    'the default workspace changes',
    'update settings set default_workspace_id = 3',
    { ...nobody, 'conv-second-agent': '3 default' },
  ],
  [
    'somebody moves records by hand',
    'update calls set workspace_id = 3; update elevenlabs_conversations set workspace_id = 3',
    {},
  ],
])('when %s', async (_name, change, moved) => {
  await database.query(change);
  expect(await assigned()).toEqual({ ...before, ...moved });
});

it('when somebody deletes a call, what hung on it is assigned again', async () => {
  await database.query(`delete from calls where id = 'CA-from'`);
  const moved = { 'CA-child': '1 default', 'CA-transfer': '1 default', 'conv-carried': '1 default' };
  expect(await assigned()).toEqual({ ...without('CA-from'), ...moved });
});

it('when somebody deletes a conversation, its hour is summed without it', async () => {
  await database.query(`delete from elevenlabs_conversations where conversation_id = 'conv-number'`);
  expect(await assigned()).toEqual(without('conv-number'));
});

it.each<[string, Source, string, Record<string, string>]>([
  [
    'a call has another number',
    'twilio',
    callText('CA-other', { from: '+34001' }),
    { 'CA-other': '2 from-number' },
  ],
  [
    'a call has another number, and what hangs on it follows',
    'twilio',
    callText('CA-from', { from: '+34009', to: '+57100' }),
    {
      'CA-from': '1 default',
      'CA-child': '1 default',
      'CA-transfer': '1 transfer',
      'conv-carried': '1 default',
    },
  ],
  [
    'a call turns out to be a leg of another one',
    'twilio',
    callText('CA-nobody', { ...leg, parent_call_sid: 'CA-from' }),
    { 'CA-nobody': '2 parent' },
  ],
  [
    'a call turns out to be a transfer of a lead',
    'twilio',
    callText('CA-nobody', { ...transfer, from: 'sip:+57100@host' }),
    { 'CA-nobody': '2 transfer' },
  ],
  ['a call began in another hour', 'twilio', callText('CA-nobody', leg, later), {}],
  [
    'a conversation has another number',
    'elevenlabs',
    conversationText('conv-nobody', 'agent_0', { agent_number: '34001' }),
    { 'conv-nobody': '2 agent-number' },
  ],
  [
    'a conversation has another agent',
    'elevenlabs',
    conversationText('conv-nobody', 'agent_1', null),
    { 'conv-nobody': '2 agent' },
  ],
  [
    'a conversation was carried by another call',
    'elevenlabs',
    conversationText('conv-carried', 'agent_0', { call_sid: 'CA-other' }),
    { 'conv-carried': '1 default' },
  ],
  [
    'a conversation began in another hour',
    'elevenlabs',
    conversationText('conv-nobody', 'agent_0', null, later),
    {},
  ],
])('when the provider says that %s', async (_name, source, record, moved) => {
  expect(await read(source, record)).toMatchObject({ updated: 1 });
  expect(await assigned()).toEqual({ ...before, ...moved });
});
