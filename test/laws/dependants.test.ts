// L2 in small: what depended on a fact that went away is assigned again, and its hours are summed anew.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { stringifyJson, type JsonObject } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
const account_sid = 'AC/with a slash';

let database: TestDatabase;
let ledger: LedgerWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
  await database.query(`insert into workspaces (id, name) values (2, 'Two')`);
  await database.query(`insert into workspace_phones (phone_number, workspace_id) values ('+34001', 2)`);
});

beforeEach(() => database.query('delete from calls'));

afterAll(async () => {
  await ledger.close();
  await database.close();
});

const text = (sid: string, fields: JsonObject) =>
  stringifyJson(call(sid, '2025-10-04T15:10:00Z', { account_sid, ...fields }));

const match = text('CA-match', { from: '+34001', to: '+57100' });
const transfer = text('CA-transfer', { direction: 'trunking-originating', from: '57100', to: 'client:x' });
const child = text('CA-child', {
  direction: 'outbound-dial',
  from: 'client:x',
  parent_call_sid: 'CA-transfer',
});
const grandchild = text('CA-under', {
  direction: 'outbound-dial',
  from: 'client:x',
  parent_call_sid: 'CA-child',
});

async function assigned(): Promise<Record<string, string>> {
  await ledger.drain();
  const rows = await ledger.rows<{ id: string; rule: string }>(
    `select id, workspace_id || ' ' || classification as rule from calls order by id`,
  );
  const sums = await ledger.rows<{ workspace_id: number; total_calls: string }>(
    'select workspace_id, total_calls from twilio_snapshots order by workspace_id',
  );
  const counted = Object.fromEntries(sums.map((sum) => [`calls of ${sum.workspace_id}`, sum.total_calls]));
  return { ...Object.fromEntries(rows.map(({ id, rule }) => [id, rule])), ...counted };
}

const followed = {
  'CA-match': '2 from-number',
  'CA-transfer': '2 transfer',
  'CA-child': '2 parent',
  'CA-under': '2 parent',
  'calls of 2': '4',
};
const left = { 'CA-transfer': '1 default', 'CA-child': '1 default', 'CA-under': '1 default' };

it.each([
  [[grandchild, child, transfer, match]],
  [[match, transfer, child, grandchild]],
  [[transfer, grandchild, match, child]],
])(
  'a transfer, its child and its grandchild follow the call to the lead, whichever comes last',
  async (records) => {
    for (const record of records) {
      await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [record]);
      await assigned();
    }
    expect(await assigned()).toEqual(followed);
  },
);

it.each<[string, JsonObject]>([
  ['another lead', { to: '+57200' }],
  ['another account', { account_sid: 'AC/other' }],
  ['another direction', { direction: 'inbound', to: '+34001' }],
])(
  "when the call turns out to be of %s, its transfer and the transfer's child leave too",
  async (_name, fields) => {
    await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [match, transfer, child, grandchild]);
    expect(await assigned()).toEqual(followed);
    const changed = text('CA-match', { from: '+34001', to: '+57100', ...fields });
    await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [changed]);
    expect(await assigned()).toMatchObject({ ...left, 'calls of 1': '3', 'calls of 2': '1' });
  },
);

it.each(['before', 'behind'])('a child and a conversation of a call that are stored %s it', async (when) => {
  const topCall = text('CA-top', { from: '+34001', to: '+57300' });
  const under = text('CA-child', { direction: 'outbound-dial', from: 'client:x', parent_call_sid: 'CA-top' });
  const spoken = stringifyJson(
    conversation('conv_1', '2025-10-04T15:10:00Z', { phone_call: { call_sid: 'CA-top' } }),
  );
  const steps = [
    () => ledger.readDay(`run-${Math.random()}`, 'twilio', day, [topCall]),
    async () => {
      await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [under]);
      await ledger.readDay(`run-${Math.random()}`, 'elevenlabs', day, [spoken]);
    },
  ];
  for (const step of when === 'before' ? steps.reverse() : steps) {
    await step();
    await ledger.drain();
  }
  expect(await assigned()).toEqual({ 'CA-top': '2 from-number', 'CA-child': '2 parent', 'calls of 2': '2' });
  expect(await ledger.rows('select workspace_id, classification from elevenlabs_conversations')).toEqual([
    { workspace_id: 2, classification: 'call' },
  ]);
  await database.query('delete from elevenlabs_conversations');
});

it('a transfer follows a call that turns out to be to its lead', async () => {
  const elsewhere = text('CA-match', { from: '+34001', to: '+57200' });
  await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [elsewhere, transfer, child, grandchild]);
  expect(await assigned()).toMatchObject(left);
  await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [match]);
  expect(await assigned()).toEqual(followed);
});

it('when somebody deletes the call, they leave too', async () => {
  await ledger.readDay('run', 'twilio', day, [match, transfer, child, grandchild]);
  expect(await assigned()).toEqual(followed);
  await database.query(`delete from calls where id = 'CA-match'`);
  expect(await assigned()).toEqual({ ...left, 'calls of 1': '3' });
});

it('a grandchild follows when only the rule of its parent changes, and not the workspace', async () => {
  await database.query(`insert into workspace_phones (phone_number, workspace_id) values ('+34009', 1)`);
  const top = text('CA-match', { from: '+34009', to: '+57100' });
  await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [top, transfer, child, grandchild]);
  const rules = { 'CA-transfer': '1 transfer', 'CA-child': '1 parent', 'CA-under': '1 parent' };
  expect(await assigned()).toMatchObject(rules);
  await database.query(`delete from workspace_phones where phone_number = '+34009'`);
  await database.query(`update calls set direction = 'inbound' where id = 'CA-match'`);
  expect(await assigned()).toMatchObject({ 'CA-match': '1 default', ...left });
});

const many = 1_100;

/** What each step of a drain moved, none looking at more than a thousand records of a sort. */
async function steps(): Promise<number[]> {
  const followed: number[] = [];
  for (let idle = 0; idle < 2;) {
    const step = await ledger.classifyDirt(1);
    idle = step.taken === 0 ? idle + 1 : 0;
    followed.push(step.followed ?? 0);
  }
  return followed;
}

const moved = (table: string) =>
  ledger.rows(
    `select workspace_id, classification, count(*)::integer from ${table} group by 1, 2 order by 3`,
  );

const insertCalls = (ids: string, fields: string, values: string) =>
  database.query(
    `insert into calls (id, workspace_id, call_date, account_sid, ${fields})
     select ${ids}, 1, '${day} 10:00Z', '${account_sid}', ${values} from generate_series(1, ${many}) g`,
  );

it('a lead with very many transfers is followed in steps of a bounded size', async () => {
  const fields = 'direction, phone_from, phone_to';
  await insertCalls(`'CA-t' || g`, fields, `'trunking-originating', '57100', 'client:x'`);
  await ledger.drain();
  await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [match]);
  const sizes = await steps();
  expect(Math.max(...sizes)).toBeLessThan(1_010);
  expect(await moved('calls')).toEqual([
    { workspace_id: 2, classification: 'from-number', count: 1 },
    { workspace_id: 2, classification: 'transfer', count: many },
  ]);
  await database.query(`delete from calls where id = 'CA-match'`);
  expect(Math.max(...(await steps()))).toBeLessThan(1_010);
  expect(await moved('calls')).toEqual([{ workspace_id: 1, classification: 'default', count: many }]);
});

it.each([
  ['moves to other leads', `update calls set phone_to = '+9' || phone_to where id like 'CA-l%'`],
  ['deletes', `delete from calls where id like 'CA-l%'`],
])('the leads of very many calls that somebody %s at once are followed in as many steps', async (_, sql) => {
  const fields = 'direction, phone_from, phone_to';
  await insertCalls(`'CA-l' || g`, fields, `'outbound-api', '+34001', (57000 + g)::text`);
  await insertCalls(`'CA-t' || g`, fields, `'trunking-originating', (57000 + g)::text, 'client:x'`);
  await ledger.drain();
  await database.query(sql);
  const leads = `select cardinality(keys) as leads from hourledger.dirty_keys where kind = 'leads' order by 1 desc`;
  expect(await ledger.rows(leads)).toEqual([{ leads: 1_000 }, { leads: many - 1_000 }]);
  await ledger.drain();
  const transfers = await ledger.rows(
    `select workspace_id, classification, count(*)::integer from calls where id like 'CA-t%' group by 1, 2`,
  );
  expect(transfers).toEqual([{ workspace_id: 1, classification: 'default', count: many }]);
});

it('so are the children of a call, also where it is a child of its own child, and the conversations that it carried', async () => {
  const fields = 'direction, phone_from, parent_call_sid';
  await insertCalls(`'CA-c' || g`, fields, `'outbound-dial', 'client:x', 'CA-top'`);
  await insertCalls(`'CA-d' || g`, fields, `'outbound-dial', 'client:x', 'CA-c1'`);
  await database.query(
    `insert into elevenlabs_conversations (conversation_id, workspace_id, conversation_date, call_sid)
     select 'conv' || g, 1, '${day} 10:00Z', 'CA-top' from generate_series(1, ${many}) g`,
  );
  await ledger.drain();
  const top = { direction: 'outbound-dial', parent_call_sid: 'CA-c1' };
  await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [text('CA-top', { ...top, from: 'client:y' })]);
  expect(Math.max(...(await steps()))).toBeLessThan(10);
  await ledger.readDay(`run-${Math.random()}`, 'twilio', day, [text('CA-top', { ...top, from: '+34001' })]);
  expect(Math.max(...(await steps()))).toBeLessThan(2_010);
  expect(await moved('calls')).toEqual([
    { workspace_id: 2, classification: 'from-number', count: 1 },
    { workspace_id: 2, classification: 'parent', count: 2 * many },
  ]);
  expect(await moved('elevenlabs_conversations')).toEqual([
    { workspace_id: 2, classification: 'call', count: many },
  ]);
  await database.query('delete from elevenlabs_conversations');
});

it.each([
  ['from-number', 'calls', 'id', `'+34009', null, 'outbound-api'`, 'phone_from, phone_to, direction'],
  // Where a floating-point second has no room for microseconds any more.
  [
    'from-number',
    'calls',
    'id',
    `'+34009', null, 'outbound-api'`,
    'phone_from, phone_to, direction',
    '9990-10-04',
  ],
  ['to-number', 'calls', 'id', `'+57100', '+34009', 'inbound'`, 'phone_from, phone_to, direction'],
  ['agent-number', 'elevenlabs_conversations', 'conversation_id', `'+34009'`, 'agent_number'],
  ['agent', 'elevenlabs_conversations', 'conversation_id', `'agent_9'`, 'agent_id'],
])(
  'all records of a %s follow it in steps, also those that began at one instant',
  async (kind, table, id, values, fields, on = day) => {
    const date = table === 'calls' ? 'call_date' : 'conversation_date';
    // Later ids have earlier dates, to the microsecond; the first step ends among those that share one.
    const began = `timestamptz '${on} 10:00:00.123457Z' - g / 800 * interval '1 microsecond'`;
    await database.query(
      `insert into ${table} (${id}, workspace_id, ${date}, ${fields})
       select 'CA-' || lpad(g::text, 5, '0'), 1, ${began}, ${values} from generate_series(1, ${2 * many}) g`,
    );
    await ledger.drain();
    await database.query(
      kind === 'agent'
        ? `insert into workspace_agents values ('agent_9', 2)`
        : `insert into workspace_phones (phone_number, workspace_id) values ('+34009', 2)`,
    );
    expect(Math.max(...(await steps()))).toBeLessThan(1_010);
    expect(await moved(table)).toEqual([{ workspace_id: 2, classification: kind, count: 2 * many }]);
    await database.query(`delete from workspace_agents; delete from elevenlabs_conversations`);
    await database.query(`delete from workspace_phones where phone_number = '+34009'`);
  },
);
