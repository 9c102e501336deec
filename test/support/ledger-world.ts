/** Plays provider records into a test database through the functions that the activities call, as service_role. */
import pg from 'pg';
import type { Staged } from '../../activities/staging.js';
import type { Drained } from '../../database/drained.js';
import { canonicalDecimal, computeTables, type OracleInput, type OracleTables } from '../oracle/oracle.js';
import type { TestDatabase } from './test-database.js';

export type Source = 'twilio' | 'elevenlabs';

export interface Page {
  pageId: string;
  source: Source;
  runId: string;
  /** Null for records asked by their ids. */
  day: string | null;
  /** Raw JSON texts. */
  records: readonly string[];
  /** Tickets are bigint: text here. */
  askedTicket: string | number;
  isList?: boolean;
  /** The records that the page accounts for beside those in its text. */
  ids?: readonly string[] | null;
  cursor?: string | null;
  nextCursor?: string | null;
  /** Sends the records as an envelope with this key, as Twilio's list does. */
  recordsKey?: string | null;
  gone?: number;
  mergeAtOnce?: boolean;
}

export interface Merged {
  missing?: true;
  day?: string;
  fetched: number;
  inserted: number;
  updated: number;
  unchanged: number;
  rejected: number;
  gone: number;
  unordered: number;
}

export interface DayTotals {
  days: number;
  open: number;
  fetched: number;
  inserted: number;
  updated: number;
  unchanged: number;
  rejected: number;
  gone: number;
}

export interface ToAsk {
  ids: string[];
  more: boolean;
  ticket: number;
}

/** Bounds a drain of a test, so that one that goes in circles is seen. */
const rounds_max = 200;

/** One session as service_role: what the worker is to the database, without PostgREST between. */
export class LedgerWorld {
  readonly client: pg.Client;
  readonly workflowId = 'a workflow';

  private constructor(client: pg.Client) {
    this.client = client;
  }

  /** @param setup more for the session, such as its time zone */
  static async open(database: TestDatabase, setup = ''): Promise<LedgerWorld> {
    const client = new pg.Client({ connectionString: database.databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    // Tests do not pull the plug, so that a commit need not wait for the disk.
    await client.query(`set synchronous_commit = off; ${setup}; set role service_role`);
    return new LedgerWorld(client);
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  async rows<Row extends pg.QueryResultRow>(sql: string, params: unknown[] = []): Promise<Row[]> {
    return (await this.client.query<Row>(sql, params)).rows;
  }

  /** Calls a function of schema public with named arguments. */
  async call<Answer>(name: string, args: Record<string, unknown> = {}): Promise<Answer> {
    const named = Object.keys(args).map((key, index) => `${key} => $${index + 1}`);
    const sql = `select public.${name}(${named.join(', ')}) as answer`;
    const [row] = await this.rows<{ answer: Answer }>(sql, Object.values(args));
    return row!.answer;
  }

  beginDays(runId: string, source: Source, days: readonly string[]): Promise<string> {
    return this.call('begin_days', {
      p_source: source,
      p_days: days,
      p_workflow_id: this.workflowId,
      p_run_id: runId,
    });
  }

  nextTicket(): Promise<string> {
    return this.call('next_ticket');
  }

  async stage(page: Page): Promise<Staged> {
    const array = `[${page.records.join(',')}]`;
    const key = page.recordsKey ?? null;
    const body = key === null ? array : `{"page":0,${JSON.stringify(key)}:${array},"next_page_uri":null}`;
    const facts = {
      page_id: page.pageId,
      run_id: page.runId,
      source: page.source,
      day: page.day,
      cursor: page.cursor ?? null,
      next_cursor: page.nextCursor ?? null,
      is_list: page.isList ?? page.source === 'twilio',
      ids: page.ids ?? null,
      records_key: key,
      asked_ticket: page.askedTicket,
      gone: page.gone ?? 0,
      merge_at_once: page.mergeAtOnce ?? false,
    };
    const bytes = Buffer.from(`${JSON.stringify(facts)}\n${body}`);
    const [row] = await this.rows<{ answer: Staged }>('select public.stage_page($1) as answer', [bytes]);
    return row!.answer;
  }

  merge(pageId: string): Promise<Merged> {
    return this.call('merge_page', { p_page_id: pageId });
  }

  /** Reads one day in one page and merges it, from beginning to end. */
  async readDay(runId: string, source: Source, day: string, records: readonly string[]): Promise<Merged> {
    const askedTicket = await this.beginDays(runId, source, [day]);
    const pageId = `${runId}/${source}/${day}/0/first`;
    await this.stage({ pageId, source, runId, day, records, askedTicket });
    return this.merge(pageId);
  }

  /** Answers of records asked by their ids, staged and merged. */
  async answerByIds(
    runId: string,
    source: Source,
    answers: Readonly<Record<string, string>>,
    askedTicket: string | number,
  ): Promise<Merged> {
    const pageId = `${runId}/${source}/unsettled/${askedTicket}`;
    const [ids, records] = [Object.keys(answers), Object.values(answers)];
    await this.stage({ pageId, source, runId, day: null, records, ids, askedTicket, isList: false });
    return this.merge(pageId);
  }

  completeDays(runId: string, source: Source, days: readonly string[]): Promise<DayTotals> {
    return this.call('complete_days', { p_source: source, p_days: days, p_run_id: runId });
  }

  /** Ids that another fetch gave differently at the same time. */
  unordered(runId: string, source: Source, days: readonly string[]): Promise<ToAsk> {
    return this.call('records_to_ask', {
      p_source: source,
      p_workflow_id: this.workflowId,
      p_run_id: runId,
      p_nominal: null,
      p_listed_days: null,
      p_unordered_days: days,
      p_limit: 200,
    });
  }

  unsettled(
    runId: string,
    source: Source,
    nominal: string,
    listedDays: readonly string[] = [],
    limit = 200,
  ): Promise<ToAsk> {
    return this.call('records_to_ask', {
      p_source: source,
      p_workflow_id: this.workflowId,
      p_run_id: runId,
      p_nominal: nominal,
      p_listed_days: listedDays,
      p_unordered_days: null,
      p_limit: limit,
    });
  }

  classifyDirt(limit = 10, upTo: number | null = null): Promise<Drained> {
    return this.call('classify_dirt', { p_limit: limit, p_up_to: upTo });
  }

  rollupDirt(limit = 500, upTo: number | null = null): Promise<Drained> {
    return this.call('rollup_dirt', { p_limit: limit, p_up_to: upTo });
  }

  /** Drains as the worker does: assigns until a round moves nothing, then recomputes hours. Returns what was set aside. */
  async drain(limit = 10): Promise<string[]> {
    const setAside: string[] = [];
    const round = async (step: (upTo: number | null) => Promise<Drained>): Promise<number> => {
      let upTo: number | null = null;
      let followed = 0;
      for (let turn = 0; turn < rounds_max; turn++) {
        const drained = await step(upTo);
        upTo = drained.upTo;
        followed += drained.followed ?? 0;
        setAside.push(...drained.setAside);
        if (drained.left === 0) return followed;
      }
      throw new Error(`The drain has not come to its end in ${rounds_max} turns.`);
    };
    for (let turn = 0; (await round((upTo) => this.classifyDirt(limit, upTo))) > 0; turn++) {
      if (turn > rounds_max) throw new Error('Assigning goes in circles.');
    }
    await round((upTo) => this.rollupDirt(limit * 50, upTo));
    return setAside;
  }

  snapshots(source: Source): Promise<Record<string, unknown>[]> {
    return this.rows(`select * from ${source}_snapshots order by workspace_id, snapshot_date`);
  }

  /** The final tables, in the oracle's form: instants in ISO 8601, money in its canonical text. */
  async tables(): Promise<ComparableTables> {
    const tables: ComparableTables = {};
    for (const [name, { sql, key, money }] of Object.entries(comparedTables)) {
      const rows = await this.rows<Record<string, unknown>>(sql);
      tables[name] = Object.fromEntries(rows.map((row) => [key(row), plain(row, money)]));
    }
    return tables;
  }
}

/** Table, then key, then row. */
export type ComparableTables = Record<string, Record<string, unknown>>;

interface ComparedTable {
  sql: string;
  key: (row: Record<string, unknown>) => string;
  money: readonly string[];
}

const hourKey = (row: Record<string, unknown>): string =>
  `${String(row['workspace_id'])} ${instantText(row['snapshot_date'])}`;

const elevenLabsMoney = [
  'total_cost',
  'total_cost_fiat',
  'credits_without_fiat',
  'llm_price',
  'llm_charge',
  'call_charge',
  'free_minutes_consumed',
  'free_llm_dollars_consumed',
];

/** What L1 and L2 are about: bookkeeping columns are left out. Counts are cast, so that they come as numbers. */
const comparedTables: Record<string, ComparedTable> = {
  calls: {
    sql: `select id, source, workspace_id, classification, direction, status, phone_from, phone_to, call_date, end_date,
      duration, cost::text, currency, parent_call_sid, account_sid from calls`,
    key: (row) => String(row['id']),
    money: ['cost'],
  },
  elevenlabs_conversations: {
    sql: `select conversation_id, workspace_id, classification, agent_id, status, conversation_date, call_duration_secs,
      cost::text, cost_fiat::text, llm_price::text, llm_charge::text, call_charge::text, free_minutes_consumed::text,
      free_llm_dollars_consumed::text, dev_discount, agent_number, external_number, call_sid
      from elevenlabs_conversations`,
    key: (row) => String(row['conversation_id']),
    money: ['cost', 'cost_fiat', ...elevenLabsMoney.slice(3)],
  },
  twilio_snapshots: {
    sql: `select workspace_id, snapshot_date, total_calls::integer, total_cost::text, total_duration::integer,
      real_minutes::integer, unpriced_calls::integer, cost_by_currency from twilio_snapshots`,
    key: hourKey,
    money: ['total_cost', 'cost_by_currency'],
  },
  elevenlabs_snapshots: {
    sql: `select workspace_id, snapshot_date, total_conversations::integer, total_cost::text, total_cost_fiat::text,
      total_duration::integer, credits_without_fiat::text, llm_price::text, llm_charge::text, call_charge::text,
      free_minutes_consumed::text, free_llm_dollars_consumed::text, dev_discount::integer,
      unsettled_conversations::integer from elevenlabs_snapshots`,
    key: hourKey,
    money: elevenLabsMoney,
  },
  communication_costs: {
    sql: `select workspace_id, snapshot_date, total_calls::integer, total_conversations::integer, call_seconds::integer,
      conversation_seconds::integer, twilio_cost::text, elevenlabs_credits::text, elevenlabs_usd::text, total_usd::text,
      other_costs from communication_costs`,
    key: hourKey,
    money: ['twilio_cost', 'elevenlabs_credits', 'elevenlabs_usd', 'total_usd', 'other_costs'],
  },
  unmapped: {
    sql: `select digits, (calls + conversations)::integer as records, first_date as first, last_date as last
      from unmapped_numbers`,
    key: (row) => String(row['digits']),
    money: [],
  },
};

const uncompared = new Set(['raw_data', 'llm_usage', 'digits']);

function instantText(value: unknown): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

function plain(row: object, money: readonly string[]): Record<string, unknown> {
  const entries = Object.entries(row).filter(([name]) => !uncompared.has(name));
  return Object.fromEntries(
    entries.map(([name, value]) => [name, plainValue(value, money.includes(name))] as const),
  );
}

function plainValue(value: unknown, isMoney: boolean): unknown {
  if (value instanceof Date) return value.toISOString();
  if (!isMoney || value === null) return value;
  if (typeof value === 'string') return canonicalDecimal(value);
  return Object.fromEntries(
    Object.entries(value as Record<string, string>).map(([currency, sum]) => [
      currency,
      canonicalDecimal(sum),
    ]),
  );
}

/** What the oracle says that the final tables hold. */
export function expectedTables(input: OracleInput): ComparableTables {
  const tables = computeTables(input);
  return Object.fromEntries(
    Object.entries(comparedTables).map(([name, { money }]) => {
      const rows = tables[name as keyof OracleTables] as Map<string, object>;
      return [name, Object.fromEntries([...rows].map(([key, row]) => [key, plain(row, money)]))];
    }),
  );
}
