// L2 in single cases: which call a transfer belongs to, from when to when a number is owned, and whose a child is.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { rfc2822 } from '../../simulator/dates.js';
import { stringifyJson, type JsonObject } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const instant = (time: string) => `${day}T${time}Z`;

let database: TestDatabase;
let ledger: LedgerWorld;
let runs = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
  await database.query(`insert into workspaces (id, name) values (2, 'Two'), (3, 'Three')`);
  const change = instant('10:30:00');
  await database.query(
    `insert into workspace_phones (phone_number, workspace_id, valid_from, valid_to) values
       ('+34002', 2, null, null), ('+34003', 3, null, null),
       ('+34004', 2, null, '${change}'), ('+34004', 3, '${change}', null),
       ('+34005', 2, null, '${change}'), ('+34006', 3, '${change}', null)`,
  );
  await database.query(
    `insert into workspace_phones (phone_number, workspace_id, in_conflict) values ('+34007', 2, true), ('+34007', 3, true)`,
  );
  await database.query(`insert into workspace_agents values ('agent_1', 2)`);
});

beforeEach(() => database.query('delete from calls; delete from elevenlabs_conversations'));

afterAll(async () => {
  await ledger.close();
  await database.close();
});

/** A call that began and ended at times of the day. */
const timed = (sid: string, began: string, ended: string, fields: JsonObject) =>
  stringifyJson(call(sid, instant(began), { end_time: rfc2822(Date.parse(instant(ended))), ...fields }));
/** A call to the lead, by the owner of +34002 or +34003: workspace 2 or 3. */
const leg = (sid: string, owner: 2 | 3, ended: string, fields: JsonObject = {}, began = '09:00:00') =>
  timed(sid, began, ended, { from: `+3400${owner}`, to: '+57100', ...fields });
const transfer = (fields: JsonObject = {}, began = '10:59:00') =>
  timed('CA-transfer', began, '11:00:00', {
    direction: 'trunking-originating',
    from: 'sip:+57100@host',
    to: 'client:x',
    ...fields,
  });

async function ruleOf(id: string, calls: string[], conversations: string[] = []): Promise<string> {
  await ledger.readDay(`run-${++runs}`, 'twilio', day, calls);
  if (conversations.length > 0) await ledger.readDay(`run-${++runs}`, 'elevenlabs', day, conversations);
  expect(await ledger.drain()).toEqual([]);
  const [row] = await ledger.rows<{ rule: string }>(
    `select workspace_id || ' ' || classification as rule from calls where id = $1
     union all select workspace_id || ' ' || classification from elevenlabs_conversations where conversation_id = $1`,
    [id],
  );
  return row!.rule;
}

it.each<[string, string, string[]]>([
  ['the nearer of two before it', '3', [leg('CA-1', 2, '10:00:00'), leg('CA-2', 3, '10:50:00')]],
  [
    'the nearer of one before and one after it',
    '3',
    [leg('CA-1', 2, '10:00:00'), leg('CA-2', 3, '11:10:00')],
  ],
  [
    'the nearer, also where that is the earlier one',
    '2',
    [leg('CA-1', 2, '10:55:00'), leg('CA-2', 3, '11:30:00')],
  ],
  ['one that ended after it, where there is no other', '3', [leg('CA-1', 3, '23:59:59')]],
  ['the earlier of two equally near ones', '2', [leg('CA-2', 2, '10:50:00'), leg('CA-1', 3, '11:10:00')]],
  [
    'the smaller SID of two that ended together',
    '2',
    [leg('CA-b', 3, '10:50:00'), leg('CA-a', 2, '10:50:00')],
  ],
  ['the smaller SID by its bytes', '2', [leg('CA-a', 3, '11:10:00'), leg('CA-B', 2, '11:10:00')]],
  [
    'the one that ended nearest, whenever it began',
    '2',
    [leg('CA-1', 2, '10:55:00', {}, '08:00:00'), leg('CA-2', 3, '11:20:00', {}, '10:58:00')],
  ],
  [
    'one of its own account',
    '2',
    [leg('CA-1', 2, '10:00:00'), leg('CA-2', 3, '10:59:00', { account_sid: 'AC2' })],
  ],
  [
    'a call through a trunk as well',
    '3',
    [leg('CA-1', 2, '10:00:00'), leg('CA-2', 3, '10:59:00', { direction: 'trunking-terminating' })],
  ],
  [
    'one to its lead, and no other call',
    '2',
    [leg('CA-1', 2, '10:00:00'), leg('CA-2', 3, '10:59:00', { to: '+57200' })],
  ],
  [
    'the owner of the number at the time of the call',
    '2',
    [leg('CA-1', 2, '10:50:00', { from: '+34004' }, '10:29:59')],
  ],
])('a transfer belongs to %s', async (_name, workspace, legs) => {
  expect(await ruleOf('CA-transfer', [...legs, transfer({ to: '+57200' })])).toBe(`${workspace} transfer`);
});

it('a transfer is matched by its end, and not by its beginning', async () => {
  const legs = [leg('CA-1', 2, '10:05:00'), leg('CA-2', 3, '10:58:00')];
  expect(await ruleOf('CA-transfer', [...legs, transfer({}, '10:00:00')])).toBe('3 transfer');
});

it.each([
  ['before an ownership begins', '+34006', '10:29:59', '1 default'],
  ['at the first instant of an ownership', '+34006', '10:30:00', '3 from-number'],
  ['in the last second of an ownership', '+34005', '10:29:59', '2 from-number'],
  ['at the instant at which an ownership ends', '+34005', '10:30:00', '1 default'],
  ['at the instant at which the owner changes', '+34004', '10:30:00', '3 from-number'],
  ['written without a plus', '34002', '10:30:00', '2 from-number'],
  ['in a SIP URI', 'sip:+34002@host', '10:30:00', '2 from-number'],
  ['that two workspaces claim', '+34007', '10:30:00', '1 default'],
])('a number %s: calls and conversations', async (_name, from, time, rule) => {
  expect(await ruleOf('CA-1', [timed('CA-1', time, '10:40:00', { from })])).toBe(rule);
  const spoken = stringifyJson(conversation('conv', instant(time), { phone_call: { agent_number: from } }));
  expect(await ruleOf('conv', [], [spoken])).toBe(rule.replace('from-number', 'agent-number'));
});

it('a transfer gets no workspace by a number that two claim, and none that had ended', async () => {
  for (const from of ['+34007', '+34006'])
    expect(await ruleOf('CA-transfer', [leg('CA-1', 2, '10:00:00', { from }), transfer()])).toBe(
      '1 transfer',
    );
});

it.each(['outbound-api', 'trunking-terminating'])(
  'a call of direction %s whose number nobody owns asks no parent',
  async (direction) => {
    const child = leg('CA-child', 2, '10:00:00', { direction, from: '+34999', parent_call_sid: 'CA-parent' });
    expect(await ruleOf('CA-child', [leg('CA-parent', 2, '09:30:00'), child])).toBe('1 default');
  },
);

it('the number of a conversation decides before its agent', async () => {
  const details = conversation('conv', instant('10:00:00'), { phone_call: { agent_number: '+34003' } });
  expect(await ruleOf('conv', [], [stringifyJson({ ...details, agent_id: 'agent_1' })])).toBe(
    '3 agent-number',
  );
});

it('calls that are parents of each other end in the default, whatever was stored of them', async () => {
  const inCircle = (sid: string, parent_call_sid: string) =>
    timed(sid, '10:00:00', '10:01:00', { direction: 'outbound-dial', from: 'client:x', parent_call_sid });
  expect(await ruleOf('CA-1', [inCircle('CA-1', 'CA-2'), inCircle('CA-2', 'CA-1')])).toBe('1 default');
  await database.query('update calls set workspace_id = 3');
  expect(await ruleOf('CA-1', [])).toBe('1 default');
});
