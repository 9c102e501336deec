/**
 * Ten million rows in minutes: a ledger generated in SQL, with exact snapshots, for the benchmarks that want a big table.
 *
 * The small ledger is one quarter. The big one is the same quarter, row by row, with almost three years before it, so
 * that the same question about the quarter is the same work on both, and only the rest of the table is larger.
 *
 * What is known of a real company gives the proportions: in 92 days, 57,952 calls in 412 hours of four workspaces, and
 * 33,744 conversations in 123. This one is nine times as busy, for three years, in as many hours: campaigns of an hour a
 * day. Rows carry 0.7 kB of JSON, which is about what 2 kB take when Postgres has compressed them.
 */
import type pg from 'pg';
import { loadTable } from './scale-load.js';

/** Rows that the small and the big ledger have in common, and the rest. */
export interface Plan {
  quarterCalls: number;
  quarterConversations: number;
  /** Of the one number that is moved. */
  movedCalls: number;
  earlierCalls: number;
  earlierConversations: number;
}

export const quarter = { from: '2025-10-01', to: '2025-12-31', days: 92 } as const;
const earlier = { from: '2023-01-01', days: 1004 } as const;

export const firstWorkspace = 101;
const workspaces = 4;
const numbersOfWorkspace = 500;
/** Whose calls are all in the quarter. It belongs to the first workspace until it is moved. */
export const movedNumber = '+34900002000';

/** Shares of the calls among all records, as they are known. */
const callShare = 0.63;
const quarterRows = { calls: 50_000, conversations: 10_000, moved: 2_000 } as const;
/** The quarter never takes more than this share of the rows, however few are wanted. */
const quarterShare_max = 0.25;

/** How many rows of each kind make `rows` in all. */
export function planRows(rows: number): Plan {
  const { calls, conversations, moved } = quarterRows;
  const scale = Math.min(1, (rows * quarterShare_max) / (calls + conversations + moved));
  const [quarterCalls, quarterConversations, movedCalls] = [calls, conversations, moved].map((count) =>
    Math.floor(count * scale),
  ) as [number, number, number];
  const rest = rows - quarterCalls - quarterConversations - movedCalls;
  const earlierCalls = Math.round(rest * callShare);
  return {
    ...{ quarterCalls, quarterConversations, movedCalls },
    ...{ earlierCalls, earlierConversations: rest - earlierCalls },
  };
}

/** A stretch of days filled evenly with so many rows. */
interface Era {
  name: string;
  rows: number;
  from: string;
  days: number;
  /** Workspaces with records of this kind. */
  workspaces: number;
  /** Between one of these and the next. */
  step: number;
  /** All of them from this number instead of from all numbers of their workspace. */
  number?: string;
}

/** Fills an empty, migrated database with the quarter, and with what was before it. */
export async function fillLedger(
  connect: () => Promise<pg.Client>,
  plan: Plan,
  isBig: boolean,
  log: (line: string) => void,
): Promise<void> {
  const sparse = { workspaces: workspaces / 2, step: 2 };
  const dense = { workspaces, step: 1 };
  const calls: Era[] = [
    { name: 'quarter', rows: plan.quarterCalls, ...quarter, ...dense },
    { name: 'moved', rows: plan.movedCalls, ...quarter, workspaces: 1, step: 1, number: movedNumber },
  ];
  const conversations: Era[] = [{ name: 'quarter', rows: plan.quarterConversations, ...quarter, ...sparse }];
  if (isBig) {
    calls.unshift({ name: 'earlier', rows: plan.earlierCalls, ...earlier, ...dense });
    conversations.unshift({ name: 'earlier', rows: plan.earlierConversations, ...earlier, ...sparse });
  }
  const client = await connect();
  try {
    await addMapping(client);
    await Promise.all([
      load(connect, 'calls', insertCalls, calls, log),
      load(connect, 'elevenlabs_conversations', insertConversations, conversations, log),
    ]);
    for (const statement of isBig ? addDays(earlier.from) : addDays(quarter.from)) {
      await client.query(statement);
    }
  } finally {
    await client.end();
  }
}

async function load(
  connect: () => Promise<pg.Client>,
  table: string,
  insert: string,
  eras: readonly Era[],
  log: (line: string) => void,
): Promise<void> {
  const chunks = eras.flatMap((era) => {
    const hours = era.days * era.workspaces;
    const { name, rows, from, workspaces: count, step, number } = era;
    return { rows, values: [name, from, hours, rows, count, step, number ?? null] };
  });
  const snapshots = table === 'calls' ? insertTwilioSnapshots : insertElevenlabsSnapshots;
  const client = await connect();
  try {
    await loadTable(client, table, insert, chunks, log);
    const began_ms = performance.now();
    await client.query(`set session_replication_role = replica`);
    await client.query(snapshots);
    const name = table === 'calls' ? 'twilio_snapshots' : 'elevenlabs_snapshots';
    await client.query(`vacuum analyze ${name}`);
    log(`${name}: in ${((performance.now() - began_ms) / 1000).toFixed(1)} s`);
  } finally {
    await client.end();
  }
}

async function addMapping(client: pg.Client): Promise<void> {
  await client.query(
    `insert into workspaces (id, name) select $1::integer + n, 'Workspace ' || n from generate_series(0, $2 - 1) n`,
    [firstWorkspace, workspaces],
  );
  await client.query(
    `insert into workspace_phones (phone_number, workspace_id)
       select ${numberOf('n')}, ${firstWorkspace} + n / ${numbersOfWorkspace} from generate_series(0, $1 - 1) n`,
    [workspaces * numbersOfWorkspace],
  );
  await client.query('insert into workspace_phones (phone_number, workspace_id) values ($1, $2)', [
    movedNumber,
    firstWorkspace,
  ]);
  await client.query(`insert into credit_rates (valid_from, usd_per_credit) values ('2020-01-01', 0.000083)`);
  // What was drained here is drained; the tables are empty still.
  await client.query('delete from hourledger.dirty_keys');
}

/** The numbers of one workspace after the other: SQL for the number with an index. */
export function numberOf(index: string): string {
  return `'+349' || lpad((${index})::text, 8, '0')`;
}

function addDays(from: string): string[] {
  const days = `generate_series('${from}'::timestamp, '${quarter.to}'::timestamp, interval '1 day') g`;
  return [
    `insert into sync_days (source, day, state, started_at, ended_at, whole_fetch_ticket)
       select s, g::date, 'completed', g, g, 2 from unnest(array['twilio', 'elevenlabs']) s, ${days}`,
    'vacuum analyze sync_days',
    'vacuum analyze workspace_phones',
    'vacuum analyze hourledger.dirty_keys',
    'vacuum analyze hourledger.dirty_hours',
    `select setval('hourledger.tickets', 1000)`,
  ];
}

/**
 * Where row i belongs. Parameters: $1 the era, $2 its first day, $3 its workspace hours, $4 its rows, $5 its workspaces,
 * $6 the step between them, $7 the one number or null, $8 and $9 the first and the last row, from 1. The row before a transfer is
 * the call that it belongs to.
 */
const facts = `
  select i, kind, hash, $2::timestamp at time zone 'UTC' + slot / $5 * interval '1 day'
      + (8 + (slot % $5 * 7 + slot / $5 * 5) % 12) * interval '1 hour' + hash % 3600 * interval '1 second' as started,
    (slot % $5 * $6)::integer as place, slot
  from (
    select i, i % 25 as kind, hashint8extended(i, hashtext($1::text)) & 9223372036854775807 as hash,
      (i - 1 - (i % 25 = 0)::integer) * $3::bigint / $4::bigint as slot
    from generate_series($8::bigint, $9::bigint) i
  ) numbered`;

/** Of 25 calls, one is a transfer, one comes in, and 23 go out; three calls go to each lead. */
const insertCalls = `
  insert into calls (id, workspace_id, classification, direction, status, phone_from, phone_to, call_date, end_date, duration,
    cost, currency, account_sid, raw_data, asked_ticket, answered_ticket)
  select sid, ${firstWorkspace} + place, classification, direction, status, phone_from, phone_to, started,
    started + seconds * interval '1 second', seconds, cost, 'USD', 'AC00000000000000000000000000000001',
    constant.members || jsonb_build_object('sid', sid, 'from', phone_from, 'to', phone_to, 'direction', direction,
      'status', status, 'duration', seconds::text, 'price', '-' || cost, 'start_time',
      to_char(started at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS +0000')), 1, 2
  from (
    select *, 'CA' || md5($1 || i) as sid,
      case kind when 0 then 'transfer' when 1 then 'to-number' else 'from-number' end as classification,
      case kind when 0 then 'trunking-originating' when 1 then 'inbound' else 'outbound-api' end as direction,
      case when kind < 2 then lead else own end as phone_from,
      case kind when 0 then 'sip:' || own || '@pbx.example.com' when 1 then own else lead end as phone_to,
      case when is_answered then 'completed' when hash % 2 = 0 then 'busy' else 'no-answer' end as status,
      case when is_answered then (hash >> 8) % 300 + 1 else 0 end::integer as seconds,
      case when is_answered then ((hash >> 8) % 300 / 60 + 1) * 0.0140 end as cost
    from (
      select f.*, (hash >> 20) % 20 <> 0 as is_answered,
        coalesce($7::text, ${numberOf(`place * ${numbersOfWorkspace} + (hash >> 32) % ${numbersOfWorkspace}`)}) as own,
        '+1' || 2000000000 + (hashint8extended(slot * 1000003 + (i - (kind = 0)::integer) / 3, hashtext($1::text))
          & 9223372036854775807) % 7999999999 as lead
      from (${facts}) f
    ) addressed
  ) calls
  cross join (select jsonb_build_object('account_sid', 'AC00000000000000000000000000000001', 'api_version', '2010-04-01',
    'price_unit', 'USD', 'parent_call_sid', null, 'phone_number_sid', 'PN00000000000000000000000000000001',
    'caller_name', null, 'queue_time', '0', 'trunk_sid', null, 'forwarded_from', null, 'group_sid', null,
    'subresource_uris', jsonb_build_object('recordings', repeat('r', 110), 'notifications', repeat('n', 110))) as members) constant`;

const insertConversations = `
  insert into elevenlabs_conversations (conversation_id, workspace_id, classification, agent_id, status, conversation_date,
    call_duration_secs, cost, cost_fiat, llm_price, llm_charge, call_charge, free_minutes_consumed, free_llm_dollars_consumed,
    dev_discount, agent_number, external_number, raw_data, asked_ticket, answered_ticket)
  select id, ${firstWorkspace} + place, 'agent-number', 'agent_' || place, 'done', started, seconds, llm + call,
    case when hash % 2 = 0 then (llm + call) * 0.00011 end, llm * 0.000079, llm, call, 0, 0, hash % 7 = 0, own, lead,
    constant.members || jsonb_build_object('conversation_id', id, 'agent_id', 'agent_' || place, 'metadata', jsonb_build_object(
      'start_time_unix_secs', extract(epoch from started)::bigint, 'call_duration_secs', seconds, 'cost', llm + call,
      'charging', jsonb_build_object('llm_price', llm * 0.000079, 'llm_charge', llm, 'call_charge', call),
      'phone_call', jsonb_build_object('agent_number', own, 'external_number', lead))), 1, 2
  from (
    select f.*, 'conv_' || md5($1 || i) as id, ((hash >> 8) % 300 + 10)::integer as seconds,
      (hash >> 20) % 60 + 5 as llm, ((hash >> 8) % 300 + 10) * 2 as call,
      coalesce($7::text, ${numberOf(`place * ${numbersOfWorkspace} + (hash >> 32) % ${numbersOfWorkspace}`)}) as own,
      '+1' || 2000000000 + (hash >> 12) % 7999999999 as lead
    from (${facts}) f
  ) conversations
  cross join (select jsonb_build_object('status', 'done', 'has_audio', true, 'transcript_summary', repeat('s', 220)) as members) constant`;

const insertTwilioSnapshots = `
  insert into twilio_snapshots (workspace_id, snapshot_date, total_calls, total_cost, total_duration, real_minutes, unpriced_calls,
      cost_by_currency)
    select workspace_id, date_trunc('hour', call_date, 'UTC'), count(*), coalesce(sum(cost), 0), sum(duration),
      sum((duration + 59) / 60), count(*) filter (where cost is null and status = 'completed'),
      case when count(cost) = 0 then '{}' else jsonb_build_object('USD', sum(cost)::text) end
    from calls group by 1, 2 order by 2, 1`;

const insertElevenlabsSnapshots = `
  insert into elevenlabs_snapshots (workspace_id, snapshot_date, total_conversations, total_cost, total_cost_fiat, total_duration,
      credits_without_fiat, llm_price, llm_charge, call_charge, free_minutes_consumed, free_llm_dollars_consumed, dev_discount,
      unsettled_conversations)
    select workspace_id, date_trunc('hour', conversation_date, 'UTC'), count(*), sum(cost), coalesce(sum(cost_fiat), 0),
      sum(call_duration_secs), coalesce(sum(cost) filter (where cost_fiat is null), 0), sum(llm_price), sum(llm_charge),
      sum(call_charge), 0, 0, count(*) filter (where dev_discount), 0
    from elevenlabs_conversations group by 1, 2 order by 2, 1`;
