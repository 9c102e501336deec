/** Workers on a virtual clock that share a virtual provider through leases from a real database, which goes by that clock. */
import { RequestLease } from '../../../activities/request-lease.js';
import type { Ledger } from '../../../database/ledger.js';
import { AdaptiveConcurrency } from '../../../providers/adaptive-concurrency.js';
import { requeueRateLimited, type BatchOptions } from '../../../providers/batch.js';
import type { VirtualClock, VirtualProvider } from '../../providers/support/virtual-provider.js';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.js';

/** The way to the database and back, in milliseconds. */
const roundTripMs = 10;

export const source = 'elevenlabs';

/** Where a statement says what time it is; what says nothing goes by the real time. */
const timeSetting = 'hourledger_test.now_ms';

/**
 * Lets the leases of this database go by the time that a statement names. By its own clock a lease would be over after
 * five real seconds, which a slow database needs for a few answers, while no time at all has passed for the workers. Their
 * functions stay as they are: they only find this `clock_timestamp` before the one that Postgres has.
 */
export async function createLeaseDatabase(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  await database.query(`create function hourledger.clock_timestamp() returns timestamptz language sql volatile as $$
    select coalesce('epoch'::timestamptz + nullif(current_setting('${timeSetting}', true), '')::float8 * interval '1 ms',
      pg_catalog.clock_timestamp()) $$`);
  for (const name of [
    'public.lease_requests(text, text, integer, integer, integer, integer, integer)',
    'hourledger.fair_share(text, text, integer)',
  ]) {
    await database.query(`alter function ${name} set search_path = hourledger, public, pg_catalog, pg_temp`);
  }
  return database;
}

/** As if nobody had ever asked the provider. */
export async function forgetLimits(database: TestDatabase): Promise<void> {
  await database.query('delete from hourledger.request_shares');
  await database.query(
    `update hourledger.request_limits set requests_per_second = 1000000, next_free_at = 'epoch',
      at_once = default, phase = default, went_well = default, probe_every = default, probes_held = default`,
  );
}

export interface LeasedWorker {
  lease: RequestLease;
  pool: AdaptiveConcurrency;
  /** What a call of the database is answered with instead: an error, or null. */
  fault: Error | null;
  /** How often it called the database. */
  calls: number;
}

/** Calls a function of the database at the time of the clock. */
export async function callAt<T>(
  clock: VirtualClock,
  database: TestDatabase,
  name: string,
  args: Record<string, unknown>,
): Promise<T> {
  const named = Object.keys(args).map((key, index) => `${key} => $${index + 2}`);
  // The time is for this statement alone; materialized, it is set before the function is called.
  const statement = `with time as materialized (select set_config('${timeSetting}', $1, true) as now)
    select public.${name}(${named.join(', ')}) as answer from time where now = $1`;
  const params = [String(clock.now()), ...Object.values(args)];
  const [row] = await clock.outside(() => database.query<{ answer: T }>(statement, params));
  return row!.answer;
}

export function startLeasedWorker(clock: VirtualClock, database: TestDatabase, max = 64): LeasedWorker {
  const call = async <T>(name: string, args: Record<string, unknown> = {}): Promise<T> => {
    worker.calls += 1;
    await clock.sleep(roundTripMs / 2);
    if (worker.fault !== null) throw worker.fault;
    const answer = await callAt<T>(clock, database, name, args);
    await clock.sleep(roundTripMs / 2);
    return answer;
  };
  const ledger: Pick<Ledger, 'call'> = { call };
  const lease = new RequestLease(ledger, source, { block: 200, now: clock.now, sleep: clock.sleep });
  const pool = new AdaptiveConcurrency(lease, { max, now: clock.now, sleep: clock.sleep });
  const worker: LeasedWorker = { lease, pool, fault: null, calls: 0 };
  return worker;
}

/** Asks for so many records, as an activity does. */
export async function askRecords(
  worker: LeasedWorker,
  provider: VirtualProvider,
  records: number,
  options: Partial<BatchOptions<number, void>> = {},
): Promise<void> {
  const items = Array.from({ length: records }, (_, index) => index);
  const request = async () => {
    await worker.lease.take();
    await provider.request();
  };
  await worker.pool.runAll(items, request, {
    onResult: () => undefined,
    shouldRequeue: requeueRateLimited,
    giveUpAfterMs: 60_000,
    ...options,
  });
}
