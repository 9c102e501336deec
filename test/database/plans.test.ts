/** How much Postgres looks at: as much as there are records, never records times records, whatever it believes of them. */
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const ofEachKind = 500;
/** A few looks at every record are fair; records by records would be thousands. */
const looksPerRecord_max = 20;

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(
    `insert into calls (id, workspace_id, direction, status, phone_from, phone_to, call_date, account_sid, parent_call_sid)
       select kind || n, 1, direction, 'completed', phone_from, phone_to, timestamptz '2025-10-04 10:00Z' + n * interval '1 s', 'AC1', parent
       from generate_series(1, $1::integer) n
       cross join lateral (values
         ('leg', 'outbound-api', '+34001', '+57' || n, null),
         ('transfer', 'trunking-originating', '+57' || n, 'client:x', null),
         ('child', 'outbound-dial', 'client:x', 'client:y', 'leg' || n),
         ('inbound', 'inbound', '+57' || n, '+34002', null)
       ) kinds (kind, direction, phone_from, phone_to, parent)`,
    [ofEachKind],
  );
  await database.query(
    `insert into elevenlabs_conversations (conversation_id, workspace_id, status, conversation_date, call_sid)
       select 'conv' || kind || n, 1, 'done', timestamptz '2025-10-04 10:00Z' + n * interval '1 s', kind || n
       from generate_series(1, $1::integer) n cross join unnest(array['leg', 'child']) kind (kind)`,
    [ofEachKind],
  );
});

afterAll(() => database.close());

interface Node {
  'Node Type': string;
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: Node[];
}

/** The most rows that one node of a statement's plans looked at, functions' own included. */
async function mostLookedAt(client: pg.PoolClient, sql: string): Promise<{ looks: number; node: string }> {
  const plans: Node[] = [];
  const note = ({ message }: { message?: string | undefined }) => {
    const json = message?.slice(message.indexOf('{'));
    if (json !== undefined) plans.push((JSON.parse(json) as { Plan: Node }).Plan);
  };
  await client.query(`load 'auto_explain'`);
  for (const setting of ['log_min_duration = 0', 'log_analyze = on', 'log_nested_statements = on']) {
    await client.query(`set auto_explain.${setting}`);
  }
  for (const setting of [`log_format = 'json'`, `log_level = 'notice'`, 'log_timing = off']) {
    await client.query(`set auto_explain.${setting}`);
  }
  client.on('notice', note);
  await client.query(sql);
  client.off('notice', note);
  let most = { looks: 0, node: '' };
  for (let nodes = plans; nodes.length > 0; nodes = nodes.flatMap((node) => node.Plans ?? [])) {
    for (const node of nodes) {
      const perLoop =
        node['Actual Rows'] +
        (node['Rows Removed by Filter'] ?? 0) +
        (node['Rows Removed by Join Filter'] ?? 0);
      const looks = perLoop * node['Actual Loops'];
      if (looks > most.looks) most = { looks, node: node['Node Type'] };
    }
  }
  return most;
}

it.each([
  ['assigning calls', `select count(*) from hourledger.assign_calls(array(select id from calls))`, 4],
  [
    'assigning conversations',
    `select count(*) from hourledger.assign_conversations(array(select conversation_id from elevenlabs_conversations))`,
    2,
  ],
  ['draining their dirt', `select classify_dirt(10)`, 6],
  ['rolling up their hours', `select rollup_dirt(500)`, 6],
])('%s looks at each record a few times, by plans made for any number of them', async (_, sql, kinds) => {
  const client = await database.connect();
  try {
    // As every session has them by itself after five times.
    await client.query('set plan_cache_mode = force_generic_plan');
    const most = await mostLookedAt(client, sql);
    expect(most.looks).toBeGreaterThanOrEqual(ofEachKind);
    expect(most.looks, most.node).toBeLessThan(ofEachKind * kinds * looksPerRecord_max);
  } finally {
    client.release(true);
  }
});

it('taking some of many dirty hours looks at little more than these, also where the first plan found one', async () => {
  const client = await database.connect();
  const take = 'select hourledger.take_dirty_hours(100, 1000000000)';
  const note = (hours: number) =>
    client.query(
      `insert into dirty_hours (source, workspace_id, hour)
         select 'twilio', 1, timestamptz '2025-01-01Z' + n * interval '1 hour' from generate_series(1, $1::integer) n`,
      [hours],
    );
  try {
    await client.query('set plan_cache_mode = force_generic_plan; set search_path = hourledger, public');
    await client.query('delete from dirty_hours');
    await note(1);
    await client.query('vacuum analyze dirty_hours');
    await client.query(take);
    await note(20_000);
    const most = await mostLookedAt(client, take);
    expect(most.looks).toBeGreaterThanOrEqual(90);
    expect(most.looks, most.node).toBeLessThan(1000);
  } finally {
    client.release(true);
  }
});

it('an update of many calls looks at each a few times, also where the first one of the session was of one', async () => {
  const client = await database.connect();
  const update = (many: string) => `update calls set duration = coalesce(duration, 0) + 1 where ${many}`;
  try {
    await client.query(update(`id = 'leg1'`));
    const most = await mostLookedAt(client, update('true'));
    expect(most.looks, most.node).toBeLessThan(ofEachKind * 4 * looksPerRecord_max);
  } finally {
    client.release(true);
  }
});

it.each([
  [
    'calls',
    { source: 'twilio', key: 'calls' },
    `{"sid": "%s", "status": "completed", "direction": "inbound", "start_time": "Sat, 04 Oct 2025 10:00:00 +0000"}`,
  ],
  [
    'conversations',
    { source: 'elevenlabs', key: null },
    `{"conversation_id": "%s", "status": "done", "metadata": {"start_time_unix_secs": 1759572000}}`,
  ],
] as const)(
  'merging a page of %s looks at its records, also where the first one of the session found an empty table',
  async (_, { source, key }, record) => {
    const empty = await createTestDatabase();
    const client = await empty.connect();
    const merge = async (page: string, records: number) => {
      const texts = Array.from({ length: records }, (_, n) => record.replace('%s', `${page}-${n}`)).join(',');
      const facts = { page_id: page, run_id: 'run', source, day: '2025-10-04', is_list: true };
      const line = JSON.stringify({ ...facts, records_key: key, asked_ticket: 1_000_000, gone: 0 });
      const body = key === null ? `[${texts}]` : `{"${key}": [${texts}]}`;
      await client.query(`select stage_page($1)`, [Buffer.from(`${line}\n${body}`)]);
      return mostLookedAt(client, `select merge_page('${page}')`);
    };
    try {
      await client.query(`select begin_days('${source}', array['2025-10-04']::date[], 'test', 'run')`);
      await merge('first', 1);
      // One of them is on the second page, and was asked later: the second pass decides it.
      await client.query(
        source === 'twilio'
          ? `insert into calls (id, workspace_id, call_date, asked_ticket, answered_ticket)
               select case n when 0 then 'second-0' else 'other' || n end, 1, timestamptz '2025-10-04', 2000000, 2000001
               from generate_series(0, 20 * ${ofEachKind}) n`
          : `insert into elevenlabs_conversations (conversation_id, workspace_id, conversation_date, asked_ticket, answered_ticket)
               select case n when 0 then 'second-0' else 'other' || n end, 1, timestamptz '2025-10-04', 2000000, 2000001
               from generate_series(0, 20 * ${ofEachKind}) n`,
      );
      const most = await merge('second', ofEachKind);
      expect(most.looks).toBeGreaterThanOrEqual(ofEachKind);
      expect(most.looks, most.node).toBeLessThan(10 * ofEachKind);
    } finally {
      client.release(true);
      await empty.close();
    }
  },
);
