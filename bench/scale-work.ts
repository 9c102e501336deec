/** What is measured on a small and on a big ledger: the same work on both, done through the functions that product code calls. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { readLedgerStatus } from '../client/ledger-status.js';
import type { Drained } from '../database/drained.js';
import type { Ledger } from '../database/ledger.js';
import { generateWorld } from '../simulator/generate.js';
import { spreadOf } from './figures.js';
import { firstWorkspace, movedNumber, quarter } from './scale-world.js';

/** One ledger, and a connection to it. */
export interface Side {
  name: 'small' | 'big';
  client: pg.Client;
  /** The same one, through PostgREST. */
  ledger: Ledger;
  /** Days that were ingested behind the quarter. */
  daysAdded: number;
}

export interface Work {
  id: string;
  title: string;
  /** How often it is done for one measurement, which is their median: the shorter, the oftener. */
  times: number;
  /** Does it once and gives back what must be the same on both sides. */
  run(side: Side): Promise<unknown>;
}

/** As activities/drain.ts takes it. */
const keys_max = 10;
const hours_max = 500;
const callsOfDay = 5_000;
const pageSize = 1_000;
const transferEvery = 25;
const numbersUsed = 2_000;
const month = { from: '2025-11-01', to: '2025-12-01' } as const;

/** Calls a function of the product. Money in its answer stays the text that it is. */
async function call<T>({ client }: Side, name: string, args: Record<string, unknown> = {}): Promise<T> {
  const names = Object.keys(args);
  const list = names.map((key, index) => `${key} => $${index + 1}`).join(', ');
  const { rows } = await client.query<{ answer: T }>(
    `select ${name}(${list}) as answer`,
    names.map((key) => args[key]),
  );
  const [first] = rows;
  if (first === undefined) throw new Error(`${name} gave no answer.`);
  return first.answer;
}

/** Drains all dirt, by the statements of the activities classifyWorkspace and rollupHours. @returns pieces of dirt */
export async function drain(side: Side): Promise<number> {
  const total = { keys: 0, hours: 0 };
  for (let followed = 1; followed > 0;) {
    followed = await drainRound(side, 'classify_dirt', keys_max, (taken) => (total.keys += taken));
  }
  await drainRound(side, 'rollup_dirt', hours_max, (taken) => (total.hours += taken));
  return total.keys + total.hours;
}

async function drainRound(
  side: Side,
  name: string,
  limit: number,
  count: (taken: number) => void,
): Promise<number> {
  let upTo: number | null = null;
  let followed = 0;
  for (;;) {
    const drained: Drained = await call<Drained>(side, name, { p_limit: limit, p_up_to: upTo });
    if (drained.setAside.length > 0) throw new Error(`Set aside: ${drained.setAside[0] ?? ''}`);
    upTo = drained.upTo;
    followed += drained.followed ?? 0;
    count(drained.taken);
    if (drained.left === 0) return followed;
  }
}

/** The pages of the n-th day behind the quarter, as Twilio would send them: of this ledger's numbers, some transfers among them. */
export function pagesOfDay(n: number, calls = callsOfDay): { day: string; pages: string[] } {
  const day = new Date(Date.parse(quarter.to) + (n + 1) * 86_400_000).toISOString().slice(0, 10);
  const texts = generateWorld({ calls, days: 1, from: day, seed: n + 1 }).callTexts();
  const records = texts.map((text, index) => {
    const record = JSON.parse(text) as Record<string, unknown>;
    const own = `+349${String((index * 7919) % numbersUsed).padStart(8, '0')}`;
    if (index % transferEvery !== 0) return { ...record, from: own };
    return {
      ...record,
      direction: 'trunking-originating',
      from: record['to'],
      to: `sip:${own}@pbx.example.com`,
    };
  });
  const pages: string[] = [];
  for (let first = 0; first < records.length; first += pageSize) {
    pages.push(JSON.stringify({ calls: records.slice(first, first + pageSize), next_page_uri: null }));
  }
  return { day, pages };
}

/** Ingests a day, page by page, as the worker does it: noted, staged, merged, completed. @returns what was inserted */
async function ingest(side: Side, { day, pages }: ReturnType<typeof pagesOfDay>): Promise<unknown> {
  const [source, runId] = ['twilio', randomUUID()];
  const run = { p_workflow_id: 'bench', p_run_id: runId };
  let ticket = await call<string>(side, 'begin_days', { p_source: source, p_days: [day], ...run });
  for (const [index, body] of pages.entries()) {
    const facts = {
      ...{ page_id: `${runId}/${index}`, run_id: runId, source, day, cursor: null, next_cursor: null },
      ...{ is_list: true, ids: null, records_key: 'calls', asked_ticket: ticket, gone: 0 },
    };
    const page = Buffer.from(`${JSON.stringify(facts)}\n${body}`);
    const { rows } = await side.client.query<{ answer: { nextTicket: string } }>(
      'select stage_page($1) as answer',
      [page],
    );
    ticket = rows[0]?.answer.nextTicket ?? ticket;
    await call(side, 'merge_page', { p_page_id: `${runId}/${index}` });
  }
  return call(side, 'complete_days', { p_source: source, p_days: [day], p_run_id: runId });
}

export interface Day {
  /** Of each half of its ingestion. */
  ingest_ms: number;
  drain_ms: number;
  /** What the first half wrote to the log: after a checkpoint, each page that is touched is written whole. */
  wal_mb: number;
}

/** Ingests the next day, and drains it. @throws Error when a call was not inserted */
export async function measureDay(side: Side): Promise<Day> {
  const prepared = pagesOfDay(side.daysAdded);
  side.daysAdded += 1;
  const before_mb = await readWal_mb(side);
  const began_ms = performance.now();
  const totals = await ingest(side, prepared);
  const merged_ms = performance.now();
  const wal_mb = (await readWal_mb(side)) - before_mb;
  const drainBegan_ms = performance.now();
  await drain(side);
  const ended_ms = performance.now();
  const wanted = { fetched: callsOfDay, inserted: callsOfDay, updated: 0, rejected: 0 };
  for (const [key, value] of Object.entries(wanted)) {
    if ((totals as Record<string, unknown>)[key] !== value) {
      throw new Error(`A day was ingested otherwise than it should: ${JSON.stringify(totals)}`);
    }
  }
  return { ingest_ms: merged_ms - began_ms, drain_ms: ended_ms - drainBegan_ms, wal_mb };
}

async function readWal_mb({ client }: Side): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `select pg_current_wal_insert_lsn() - '0/0' as bytes`,
  );
  return Number(rows[0]?.bytes) / 2 ** 20;
}

export interface Checked {
  hours: number;
  differing: number;
  pendingHours: number;
  clearedHours: number;
  differences: unknown[];
}

/** Compares both sources' snapshots of a range with their raw rows. @throws Error when any differs */
export async function verifyRange(side: Side, from: string, to: string): Promise<number> {
  let hours = 0;
  for (const source of ['twilio', 'elevenlabs']) {
    const args = { p_source: source, p_from: `${from}T00:00:00Z`, p_to: `${to}T00:00:00Z` };
    const checked = await call<Checked>(side, 'verify_snapshots', args);
    if (checked.differing > 0 || checked.pendingHours > 0) {
      const first = JSON.stringify(checked.differences[0] ?? null);
      throw new Error(`The ${side.name} ledger does not verify from ${from} to ${to}: ${first}`);
    }
    hours += checked.hours;
  }
  return hours;
}

/** All but ingestion and its drain. */
export const works: readonly Work[] = [
  {
    id: 'move',
    title: 'moving a number with 2,000 calls',
    times: 4,
    async run(side) {
      await side.client.query(
        `update workspace_phones set workspace_id = case workspace_id when ${firstWorkspace} then ${firstWorkspace + 1}
           else ${firstWorkspace} end where phone_number = $1`,
        [movedNumber],
      );
      return drain(side);
    },
  },
  {
    id: 'verify',
    title: 'verify of a month',
    times: 5,
    run: (side) => verifyRange(side, month.from, month.to),
  },
  {
    id: 'report',
    title: 'report of a quarter by month',
    times: 15,
    async run(side) {
      const range = { p_from: quarter.from, p_to: quarter.to, p_workspace: null };
      const lines = await call(side, 'report_costs', {
        ...range,
        ...{ p_by: 'month', p_after: null, p_limit: 1000 },
      });
      return [lines, await call(side, 'report_total', range)];
    },
  },
  {
    id: 'status',
    title: 'status, as the command reads it',
    times: 100,
    async run({ ledger }) {
      // There are more days in the big ledger, and only they may differ.
      const { days, ...status } = await readLedgerStatus(ledger);
      if (days.length === 0) throw new Error('status shows no days.');
      return status;
    },
  },
];

/** Milliseconds of one piece of work: the median of its times. What it gave back last is given back too. */
export async function measureWork(side: Side, work: Work): Promise<{ wall_ms: number; answer: unknown }> {
  let answer: unknown;
  const walls_ms: number[] = [];
  for (let time = 0; time < work.times; time += 1) {
    const began_ms = performance.now();
    answer = await work.run(side);
    walls_ms.push(performance.now() - began_ms);
  }
  return { wall_ms: spreadOf(walls_ms).median, answer };
}

/** @throws Error when both sides did not do the same */
export function requireSame(what: string, small: unknown, big: unknown): void {
  if (isDeepStrictEqual(small, big)) return;
  const [first, second] = [small, big].map((answer) => JSON.stringify(answer).slice(0, 300));
  throw new Error(`${what} is not the same on both: ${first} and ${second}`);
}

/** What Postgres did, from the slowest statement on: the plans of all statements of some work, functions' own included. */
export async function explainWork({ client }: Side, run: () => Promise<unknown>): Promise<string[]> {
  const plans: string[] = [];
  const note = ({ message }: { message?: string | undefined }) => plans.push(message ?? '');
  const slowest = 6;
  await client.query(`load 'auto_explain'`);
  client.on('notice', note);
  try {
    for (const setting of [
      ...['log_min_duration = 0', 'log_analyze = on', 'log_buffers = on', 'log_nested_statements = on'],
      ...[`log_level = 'notice'`, 'log_timing = off'],
    ]) {
      await client.query(`set auto_explain.${setting}`);
    }
    await run();
    await client.query('set auto_explain.log_min_duration = -1');
  } finally {
    client.off('notice', note);
  }
  const duration_ms = (plan: string) => Number(/^duration: ([\d.]+) ms/.exec(plan)?.[1] ?? 0);
  return plans
    .sort((a, b) => duration_ms(b) - duration_ms(a))
    .slice(0, slowest)
    .map((plan) => plan.slice(0, 6_000));
}
