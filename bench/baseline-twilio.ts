/**
 * The baseline of the ingestion benchmark: what a good engineer writes in an afternoon to get Twilio's calls into Postgres.
 *
 * Fetch a page while the one before is upserted, keep the raw JSON, one GROUP BY at the end. No durability: when it is
 * interrupted it begins anew, it settles nothing later, and nobody may write beside it. It is as fast as such a script
 * gets: one list over the whole range, so that every page is full; the page's text goes to Postgres as it came and is
 * parsed there once; one connection, one statement a page.
 *
 * Arguments: one JSON object, see `BaselineInput`. Prints one JSON object, see `BaselineResult`; after a warm-up also one
 * for that, and then it waits for a line before it goes on.
 */
import { once } from 'node:events';
import pg from 'pg';
import type { Days } from './backfill.js';

export interface BaselineInput extends Days {
  databaseUrl: string;
  /** Origin of the provider. */
  baseUrl: string;
  accountSid: string;
  authToken: string;
  /** Read first, in the same way: what is measured has the code compiled and the database warm, as the product has. */
  warmUp?: Days;
}

export interface BaselineResult {
  calls: number;
  /** From the first request to the end of the GROUP BY, in milliseconds. */
  wall_ms: number;
  /** Of this process, in milliseconds. */
  cpu_ms: number;
}

interface Page {
  text: string;
  calls: number;
  nextUri: string | null;
}

const pageSize = 1000;

const createTables = `
  drop schema if exists bench_baseline cascade;
  create schema bench_baseline;
  create table bench_baseline.calls (
    sid text primary key,
    workspace_id integer not null,
    direction text,
    status text,
    phone_from text,
    phone_to text,
    start_time timestamptz,
    end_time timestamptz,
    duration integer,
    price numeric,
    price_unit text,
    parent_call_sid text,
    raw_data jsonb not null
  );
  create index on bench_baseline.calls (workspace_id, start_time);
  create table bench_baseline.hourly (
    workspace_id integer not null,
    hour timestamptz not null,
    calls bigint not null,
    price numeric not null,
    duration bigint not null,
    primary key (workspace_id, hour)
  );
`;

const upsertPage = `
  insert into bench_baseline.calls
  select r ->> 'sid', coalesce(p.workspace_id, 1), r ->> 'direction', r ->> 'status', r ->> 'from', r ->> 'to',
    (r ->> 'start_time')::timestamptz, (r ->> 'end_time')::timestamptz, (r ->> 'duration')::integer,
    -(r ->> 'price')::numeric, r ->> 'price_unit', r ->> 'parent_call_sid', r
  from jsonb_array_elements($1::jsonb -> 'calls') r
  left join public.workspace_phones p on p.phone_number = r ->> 'from'
    and coalesce(p.valid_from <= (r ->> 'start_time')::timestamptz, true)
    and coalesce(p.valid_to > (r ->> 'start_time')::timestamptz, true)
  on conflict (sid) do update set
    workspace_id = excluded.workspace_id, direction = excluded.direction, status = excluded.status,
    phone_from = excluded.phone_from, phone_to = excluded.phone_to, start_time = excluded.start_time,
    end_time = excluded.end_time, duration = excluded.duration, price = excluded.price,
    price_unit = excluded.price_unit, parent_call_sid = excluded.parent_call_sid, raw_data = excluded.raw_data
`;

const rollUp = `
  insert into bench_baseline.hourly
  select workspace_id, date_trunc('hour', start_time, 'UTC'), count(*), coalesce(sum(price), 0), coalesce(sum(duration), 0)
  from bench_baseline.calls
  where start_time >= $1 and start_time < $2
  group by 1, 2
`;

/** The day behind a range, which both bounds of it leave out. */
function endOf({ to }: Days): string {
  return new Date(Date.parse(to) + 86_400_000).toISOString().slice(0, 10);
}

/** The pages one after the other; each is asked for while the one before is worked on. */
async function* pages(input: BaselineInput, days: Days): AsyncGenerator<Page> {
  const authorization = `Basic ${Buffer.from(`${input.accountSid}:${input.authToken}`).toString('base64')}`;
  const get = async (uri: string): Promise<Page> => {
    const answer = await fetch(`${input.baseUrl}${uri}`, { headers: { authorization } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${uri} answered ${answer.status}: ${text.slice(0, 200)}`);
    const page = JSON.parse(text) as { calls: unknown[]; next_page_uri: string | null };
    return { text, calls: page.calls.length, nextUri: page.next_page_uri };
  };
  const query = new URLSearchParams({ PageSize: String(pageSize) });
  query.set('StartTime>', days.from);
  query.set('StartTime<', endOf(days));
  let next: Promise<Page> | null = get(
    `/2010-04-01/Accounts/${input.accountSid}/Calls.json?${query.toString()}`,
  );
  while (next !== null) {
    const page: Page = await next;
    next = page.nextUri === null ? null : get(page.nextUri);
    // Whoever awaits it sees its failure; until then it is not unhandled.
    next?.catch(() => undefined);
    yield page;
  }
}

async function read(client: pg.Client, input: BaselineInput, days: Days): Promise<BaselineResult> {
  const cpuBefore = process.cpuUsage();
  const began_ms = performance.now();
  let calls = 0;
  for await (const page of pages(input, days)) {
    await client.query({ name: 'upsert-page', text: upsertPage, values: [page.text] });
    calls += page.calls;
  }
  const bounds = [days.from, endOf(days)].map((day) => `${day}T00:00:00Z`);
  await client.query(rollUp, bounds);
  const wall_ms = performance.now() - began_ms;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { calls, wall_ms, cpu_ms: (user + system) / 1000 };
}

function print(result: BaselineResult): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function run(input: BaselineInput): Promise<void> {
  const client = new pg.Client({ connectionString: input.databaseUrl });
  await client.connect();
  try {
    await client.query(createTables);
    if (input.warmUp !== undefined) {
      print(await read(client, input, input.warmUp));
      await once(process.stdin, 'data');
      process.stdin.pause();
    }
    print(await read(client, input, input));
  } finally {
    await client.end();
  }
}

await run(JSON.parse(process.argv[2] ?? '{}') as BaselineInput);
