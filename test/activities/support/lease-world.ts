/** Workers on a virtual clock that share a virtual provider through leases from a real database. */
import { RequestLease } from '../../../activities/request-lease.js';
import type { Ledger } from '../../../database/ledger.js';
import { AdaptiveConcurrency } from '../../../providers/adaptive-concurrency.js';
import { requeueRateLimited, type BatchOptions } from '../../../providers/batch.js';
import type { VirtualClock, VirtualProvider } from '../../providers/support/virtual-provider.js';
import type { TestDatabase } from '../../support/test-database.js';

/** The way to the database and back, in milliseconds. */
const roundTripMs = 10;

export const source = 'elevenlabs';

/** As if nobody had ever asked the provider. */
export async function forgetLimits(database: TestDatabase): Promise<void> {
  await database.query('delete from hourledger.request_shares');
  await database.query(
    `update hourledger.request_limits set requests_per_second = 1000000, next_free_at = now(),
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

export function startLeasedWorker(clock: VirtualClock, database: TestDatabase, max = 64): LeasedWorker {
  const call = async <T>(name: string, args: Record<string, unknown> = {}): Promise<T> => {
    worker.calls += 1;
    await clock.sleep(roundTripMs / 2);
    if (worker.fault !== null) throw worker.fault;
    const named = Object.keys(args).map((key, index) => `${key} => $${index + 1}`);
    const statement = `select public.${name}(${named.join(', ')}) as answer`;
    const [row] = await clock.outside(database.query<{ answer: T }>(statement, Object.values(args)));
    await clock.sleep(roundTripMs / 2);
    return row!.answer;
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
