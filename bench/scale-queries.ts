/** The questions that people ask of a ledger, on its snapshots and on the raw rows: how much faster, with the same answer. */
import type pg from 'pg';
import { spreadOf, type Figure } from './figures.js';
import { firstWorkspace } from './scale-world.js';
import { requireSame } from './scale-work.js';

interface Query {
  id: string;
  title: string;
  snapshots: string;
  raw: string;
}

/** What the predecessor's users were promised was 100. */
const target = 1_000;
/** The side of the snapshots is done so often for one measurement, which is their median. */
const times = 30;
const oneWorkspace = firstWorkspace + 2;

const callSums = {
  snapshots: `sum(total_calls) as calls, sum(total_cost) as cost, sum(total_duration) as seconds,
    sum(real_minutes) as minutes`,
  raw: `count(*) as calls, coalesce(sum(cost) filter (where currency = 'USD'), 0) as cost,
    coalesce(sum(duration), 0) as seconds, coalesce(sum((duration + 59) / 60), 0) as minutes`,
};

const queries: readonly Query[] = [
  {
    id: 'totals-by-workspace',
    title: 'totals by workspace',
    snapshots: `select workspace_id, ${callSums.snapshots} from twilio_snapshots group by workspace_id order by workspace_id`,
    raw: `select workspace_id, ${callSums.raw} from calls where source = 'twilio' group by workspace_id order by workspace_id`,
  },
  {
    id: 'activity-by-hour',
    title: 'activity by hour of the day',
    snapshots: `select extract(hour from snapshot_date at time zone 'UTC')::integer as hour, sum(total_calls) as calls,
        sum(real_minutes) as minutes
      from twilio_snapshots group by 1 order by 1`,
    raw: `select extract(hour from call_date at time zone 'UTC')::integer as hour, count(*) as calls,
        coalesce(sum((duration + 59) / 60), 0) as minutes
      from calls where source = 'twilio' group by 1 order by 1`,
  },
  {
    id: 'days-of-workspace',
    title: 'days of one workspace',
    snapshots: `select (snapshot_date at time zone 'UTC')::date as day, ${callSums.snapshots}
      from twilio_snapshots where workspace_id = ${oneWorkspace} group by 1 order by 1`,
    raw: `select (call_date at time zone 'UTC')::date as day, ${callSums.raw}
      from calls where source = 'twilio' and workspace_id = ${oneWorkspace} group by 1 order by 1`,
  },
  {
    id: 'llm-against-call-charges',
    title: 'LLM against call charges, by workspace',
    snapshots: `select workspace_id, sum(total_conversations) as conversations, sum(llm_charge) as llm,
        sum(call_charge) as call, sum(llm_price) as llm_usd
      from elevenlabs_snapshots group by workspace_id order by workspace_id`,
    raw: `select workspace_id, count(*) as conversations, sum(coalesce(llm_charge, 0)) as llm,
        sum(coalesce(call_charge, 0)) as call, sum(coalesce(llm_price, 0)) as llm_usd
      from elevenlabs_conversations group by workspace_id order by workspace_id`,
  },
];

/** @returns for each question how much faster it is on snapshots. @throws Error when the answers differ by a digit */
export async function benchQueries(
  client: pg.Client,
  runs: number,
  log: (line: string) => void,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const query of queries) {
    const found: { snapshots_ms: number; raw_ms: number }[] = [];
    // One untimed look at the snapshots; the raw rows are read from start to end, and profit from the run before.
    await client.query(query.snapshots);
    for (let run = 0; run < runs; run += 1) {
      const raw = await time(client, query.raw, 1);
      const snapshots = await time(client, query.snapshots, times);
      requireSame(query.title, snapshots.rows, raw.rows);
      found.push({ snapshots_ms: snapshots.wall_ms, raw_ms: raw.wall_ms });
    }
    const figure = figureOf(query, found);
    log(
      `${query.title}: ${figure.ratio.median} times as fast (${figure.product.value.runs.join(', ')} against ${figure.baseline.value.runs.join(', ')} ms)`,
    );
    figures.push(
      figure.ratio.median >= target
        ? figure
        : { ...figure, details: { explain: await explainBoth(client, query) } },
    );
  }
  return figures;
}

async function time(client: pg.Client, sql: string, count: number) {
  let rows: unknown[] = [];
  const walls: number[] = [];
  for (let number = 0; number < count; number += 1) {
    const began_ms = performance.now();
    // One text that holds all, with every digit: what it takes to send a thousand rows, to read them here, or to write them as
    // JSON, is no question of the tables.
    ({ rows } = await client.query<Record<string, unknown>>(
      `select string_agg(answer::text, ';') as answer from (${sql}) answer`,
    ));
    walls.push(performance.now() - began_ms);
  }
  return { rows, wall_ms: spreadOf(walls).median };
}

async function explainBoth(client: pg.Client, { snapshots, raw }: Query): Promise<string[][]> {
  return [await explainQuery(client, snapshots), await explainQuery(client, raw)];
}

async function explainQuery(client: pg.Client, sql: string): Promise<string[]> {
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `explain (analyze, buffers, timing off) ${sql}`,
  );
  return rows.map((row) => row['QUERY PLAN']);
}

function figureOf({ id, title }: Query, found: { snapshots_ms: number; raw_ms: number }[]): Figure {
  return {
    id: `queries/${id}`,
    title: `Query: ${title}`,
    ratio: spreadOf(found.map(({ snapshots_ms, raw_ms }) => raw_ms / snapshots_ms)),
    better: 'higher',
    target,
    product: {
      unit: 'ms',
      what: 'snapshots',
      value: spreadOf(found.map(({ snapshots_ms }) => snapshots_ms)),
    },
    baseline: { unit: 'ms', what: 'raw rows', value: spreadOf(found.map(({ raw_ms }) => raw_ms)) },
  };
}
