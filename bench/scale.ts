/**
 * The same work on a small ledger and on one with ten million rows: what grows with the table, and what does not.
 *
 * Both are databases of one server, measured in turn, so that what else the machine does falls on both. The functions are
 * called over one connection, without PostgREST and Temporal: what these cost does not depend on the size of a table, and
 * would hide what does.
 */
import pg from 'pg';
import { migrate } from '../database/migrate.js';
import { medians, spreadOf, type Figure } from './figures.js';
import type { Options } from './options.js';
import { benchQueries } from './scale-queries.js';
import {
  explainWork,
  measureDay,
  measureWork,
  requireSame,
  verifyRange,
  works,
  type Day,
  type Side,
} from './scale-work.js';
import { fillLedger, planRows } from './scale-world.js';
import { startSystem } from './system.js';

const quickRows = 60_000;
/** Whose median is one measurement. */
const daysAtOnce = 3;
/** Where there is more, a year is verified by two of its months. */
const verifiedWhole_rows = 2_000_000;
/** At most so many times the figure of the small table. */
const target = 1.2;
/** Supabase allows 8 s. On a machine that is busy, whose disk is, one may take longer; a run of ten minutes need not end there. */
const statement_ms = 30_000;

interface Pair {
  small: number;
  big: number;
}

/** @returns big against small for each piece of work, and snapshots against raw rows for each question */
export async function benchScale(options: Options): Promise<Figure[]> {
  const rows = options.quick ? quickRows : options.rows;
  const system = await startSystem();
  const open: pg.Client[] = [];
  const urlOf = (name: Side['name']) => {
    const url = new URL(system.info.databaseUrl);
    url.pathname = `/scale_${name}`;
    return url.toString();
  };
  const connectTo = (name: Side['name']) => async () => {
    const client = new pg.Client({ connectionString: urlOf(name) });
    client.on('error', () => undefined);
    await client.connect();
    open.push(client);
    return client;
  };
  try {
    const fill = async (name: Side['name']): Promise<Side> => {
      await system.database.query(`create database scale_${name}`);
      await migrate(urlOf(name));
      options.log(`== filling the ${name} ledger`);
      await fillLedger(connectTo(name), planRows(rows), name === 'big', options.log);
      const ledger = await system.openLedger(urlOf(name));
      return { name, client: await connectTo(name)(), ledger, daysAdded: 0 };
    };
    const sides = { small: await fill('small'), big: await fill('big') };
    await describe(sides.big, options.log);
    const queries = await benchQueries(sides.big.client, options.runs, options.log);
    for (const side of Object.values(sides)) await warm(side);
    const figures = [...(await benchWorks(sides, options, rows)), ...queries];
    for (const side of Object.values(sides)) {
      await verifyMonths(side, rows > verifiedWhole_rows ? 6 : 1, options.log);
    }
    return figures;
  } finally {
    for (const client of open) await client.end().catch(() => undefined);
    await system.stop();
  }
}

type Sides = Record<'small' | 'big', Side>;

async function benchWorks(sides: Sides, options: Options, rows: number): Promise<Figure[]> {
  for (const { client } of Object.values(sides))
    await client.query(`set statement_timeout = ${statement_ms}`);
  const figures = await benchDays(sides, options, rows);
  for (const work of works) {
    const pairs: Pair[] = [];
    for (let run = 0; run < options.runs; run += 1) {
      const answers: Partial<Record<keyof Sides, unknown>> = {};
      const pair = await inTurn(sides, run, async (side) => {
        await work.run(side);
        await checkpoint(side);
        const { wall_ms, answer } = await measureWork(side, work);
        answers[side.name] = answer;
        return wall_ms;
      });
      requireSame(work.title, answers.small, answers.big);
      pairs.push(pair);
    }
    const figure = figureOf(work.id, work.title, rows, pairs);
    options.log(shown(figure));
    figures.push(await explained(figure, sides, (side) => work.run(side)));
  }
  return figures;
}

/** Ingestion and its drain: each run has days of its own, behind one that is not timed. */
async function benchDays(sides: Sides, options: Options, rows: number): Promise<Figure[]> {
  const days: Record<keyof Sides, Day[]> = { small: [], big: [] };
  const pairsOf = (value: (day: Day) => number): Pair[] =>
    days.small.map((small, run) => ({ small: value(small), big: value(days.big[run] ?? small) }));
  for (let run = 0; run < options.runs; run += 1) {
    await inTurn(sides, run, async (side) => {
      await measureDay(side);
      const measured: Day[] = [];
      for (let day = 0; day < daysAtOnce; day += 1) {
        // Between one day and the next there always is one.
        await checkpoint(side);
        measured.push(await measureDay(side));
      }
      days[side.name].push(medians(measured.map((day) => ({ ...day }))));
      return 0;
    });
  }
  const wal_mb = { small: days.small.map((day) => day.wal_mb), big: days.big.map((day) => day.wal_mb) };
  const title = 'ingestion of a day of 5,000 calls';
  const ingest = figureOf(
    'ingestion',
    title,
    rows,
    pairsOf((day) => day.ingest_ms),
  );
  const drained = figureOf(
    'drain',
    'drain of that day',
    rows,
    pairsOf((day) => day.drain_ms),
  );
  const figures: Figure[] = [];
  for (const figure of [{ ...ingest, details: { wal_mb } }, drained]) {
    options.log(shown(figure));
    figures.push(await explained(figure, sides, measureDay));
  }
  return figures;
}

/**
 * Reads the indexes of the calls, as a server that ingests every day has them in its memory or its system's: what is
 * measured is the work, and not a disk that sees the table for the first time.
 */
async function warm({ client }: Side): Promise<void> {
  await client.query('create extension if not exists pg_prewarm');
  await client.query(`select pg_prewarm(indexrelid) from pg_index where indrelid = 'calls'::regclass`);
}

/** Writing out what filled the tables takes longer than statements may. */
async function checkpoint({ client }: Side): Promise<void> {
  await client.query('set statement_timeout = 0');
  await client.query('checkpoint');
  await client.query(`set statement_timeout = ${statement_ms}`);
}

async function inTurn(sides: Sides, run: number, measure: (side: Side) => Promise<number>): Promise<Pair> {
  const pair: Pair = { small: 0, big: 0 };
  const order = run % 2 === 0 ? (['small', 'big'] as const) : (['big', 'small'] as const);
  for (const name of order) pair[name] = await measure(sides[name]);
  return pair;
}

/** With both plans, where the big one is too slow. */
async function explained(
  figure: Figure,
  sides: Sides,
  run: (side: Side) => Promise<unknown>,
): Promise<Figure> {
  if (figure.ratio.median <= target) return figure;
  const small = await explainWork(sides.small, () => run(sides.small));
  const big = await explainWork(sides.big, () => run(sides.big));
  return { ...figure, details: { ...figure.details, explain: { small, big } } };
}

function figureOf(id: string, title: string, rows: number, pairs: readonly Pair[]): Figure {
  return {
    id: `scale/${id}`,
    title: `${rows.toLocaleString('en')} rows: ${title}`,
    ratio: spreadOf(pairs.map(({ small, big }) => big / small)),
    better: 'lower',
    target,
    product: { unit: 'ms', what: 'big table', value: spreadOf(pairs.map(({ big }) => big)) },
    baseline: { unit: 'ms', what: 'small table', value: spreadOf(pairs.map(({ small }) => small)) },
  };
}

function shown({ title, ratio, product, baseline }: Figure): string {
  return `${title}: ${ratio.median} (${product.value.median} against ${baseline.value.median} ms)`;
}

async function describe({ client }: Side, log: (line: string) => void): Promise<void> {
  const { rows } = await client.query<{ line: string }>(`
    select format('%s: %s rows, %s of rows, %s of indexes', c.oid::regclass, c.reltuples::bigint,
      pg_size_pretty(pg_table_size(c.oid)), pg_size_pretty(pg_indexes_size(c.oid))) as line
    from pg_class c
    where c.oid in ('calls'::regclass, 'elevenlabs_conversations'::regclass, 'twilio_snapshots'::regclass,
      'elevenlabs_snapshots'::regclass)`);
  for (const { line } of rows) log(line);
}

/**
 * What was generated and ingested, month by month as the command does it, or every so many months from the last one back.
 * @throws Error when a sum differs
 */
async function verifyMonths(side: Side, step: number, log: (line: string) => void): Promise<void> {
  const { rows } = await side.client.query<{ from: string; to: string }>(`
    select g::date::text as from, (g + interval '1 month')::date::text as to
    from generate_series((select date_trunc('month', min(call_date) at time zone 'UTC') from calls),
      (select max(call_date) at time zone 'UTC' from calls), interval '1 month') g
    order by g desc`);
  await side.client.query('set statement_timeout = 0');
  const began_ms = performance.now();
  let hours = 0;
  const months = rows.filter((_, index) => index % step === 0);
  for (const { from, to } of months) hours += await verifyRange(side, from, to);
  log(
    `the ${side.name} ledger verifies: ${hours} hours of ${months.length} months in ${Math.round(performance.now() - began_ms)} ms`,
  );
}
