/** What workers together may send: the level that all share in Postgres, and how each of them keeps to its part of it. */
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  VirtualClock,
  VirtualProvider,
  type VirtualProviderOptions,
} from '../providers/support/virtual-provider.js';
import type { TestDatabase } from '../support/test-database.js';
import {
  askRecords,
  callAt,
  createLeaseDatabase,
  forgetLimits,
  source,
  startLeasedWorker,
} from './support/lease-world.js';

const serviceMs = 50;
/** The time of reports that name no clock. It stands still, so that no lease and no turn ends because a database is slow. */
const still = new VirtualClock();
let database: TestDatabase;

beforeAll(async () => {
  database = await createLeaseDatabase();
});

beforeEach(() => forgetLimits(database));

afterAll(() => database.close());

interface Report {
  wants?: number;
  underWay?: number;
  wentWell?: number;
  refused?: number;
}

interface Lease {
  share: number;
  isShared: boolean;
  renewInMs: number;
  renewAfter: number | null;
}

/** Renews as a worker of that name does. */
function renew(holder: string, report: Report = {}, clock = still): Promise<Lease> {
  const { wants = 100, underWay = 0, wentWell = 0, refused = 0 } = report;
  return callAt<Lease>(clock, database, 'lease_requests', {
    p_source: source,
    p_holder: holder,
    p_requests: 0,
    p_wants: wants,
    p_under_way: underWay,
    p_went_well: wentWell,
    p_refused: refused,
  });
}

async function share(holder: string, report: Report = {}, clock = still): Promise<number> {
  return (await renew(holder, report, clock)).share;
}

async function atOnce(): Promise<number> {
  const [row] = await database.query<{ at_once: number }>(
    'select at_once from hourledger.request_limits where source = $1',
    [source],
  );
  return row!.at_once;
}

async function sumOfShares(): Promise<number> {
  const [row] = await database.query<{ sum: number }>(
    'select coalesce(sum(share), 0)::integer as sum from hourledger.request_shares where source = $1',
    [source],
  );
  return row!.sum;
}

async function settleAt(level: number): Promise<void> {
  await database.query(
    `update hourledger.request_limits set at_once = $1, phase = 'settled', went_well = 0, probe_every = 1800`,
    [level],
  );
}

/** As if so much time had passed that the worker's lease is over. */
async function expire(holder: string): Promise<void> {
  await database.query(`update hourledger.request_shares set expires_at = 'epoch' where holder = $1`, [
    holder,
  ]);
}

describe('the level', () => {
  it('doubles with every full round until the first refusal, and loses one for each', async () => {
    expect(await share('a')).toBe(4);
    expect(await share('a', { underWay: 4, wentWell: 4 })).toBe(8);
    expect(await share('a', { underWay: 8, wentWell: 8 })).toBe(16);
    expect(await share('a', { underWay: 13, wentWell: 12, refused: 3 })).toBe(13);
    expect(await share('a', { underWay: 13, wentWell: 50 })).toBe(13);
  });

  it('tries one more after a while, and twice as long after it was refused', async () => {
    await database.query(`update hourledger.request_limits set at_once = 10, phase = 'settled'`);
    await share('a');
    expect(await share('a', { underWay: 10, wentWell: 100 })).toBe(11);
    expect(await share('a', { underWay: 10, wentWell: 5, refused: 1 })).toBe(10);
    expect(await share('a', { underWay: 10, wentWell: 199 })).toBe(10);
    expect(await share('a', { underWay: 10, wentWell: 1 })).toBe(11);
  });

  it('climbs on as long as nothing is refused', async () => {
    await settleAt(10);
    await share('a');
    const shares = [await share('a', { underWay: 10, wentWell: 1800 })];
    for (let probe = 0; probe < 5; probe += 1) {
      const last = shares.at(-1)!;
      shares.push(await share('a', { underWay: last, wentWell: 3 * last }));
    }
    expect(shares).toEqual([11, 12, 14, 18, 26, 42]);
  });

  it('is one at least', async () => {
    await share('a');
    expect(await share('a', { refused: 4 })).toBe(1);
    expect(await share('a', { refused: 1 })).toBe(1);
  });

  it('learns nothing where less is wanted than there is', async () => {
    await share('a', { wants: 3 });
    expect(await share('a', { wants: 3, wentWell: 1_000 })).toBe(3);
    expect(await atOnce()).toBe(4);
  });

  it('learns nothing from who was refused after its lease was over', async () => {
    await settleAt(20);
    expect(await share('a')).toBe(20);
    await expire('a');
    expect(await share('b')).toBe(20);
    expect(await share('a', { underWay: 10, refused: 10 })).toBe(0);
    expect(await atOnce()).toBe(20);
  });

  it('stays from one run to the next', async () => {
    await settleAt(17);
    await share('a', { wants: 0 });
    expect(await share('b')).toBe(17);
  });
});

it('is looked for by who came first, and shared by all as soon as it is found', async () => {
  expect(await share('a')).toBe(4);
  expect(await share('b')).toBe(0);
  expect(await share('a', { underWay: 4, wentWell: 4 })).toBe(8);
  expect(await share('b')).toBe(0);
  expect(await share('a', { underWay: 6, refused: 2 })).toBe(3);
  expect(await share('a', { underWay: 3 })).toBe(3);
  expect(await share('b')).toBe(3);
});

describe('two workers', () => {
  beforeEach(() => settleAt(20));

  it('have half of it each, once the first has none of the other half under way any more', async () => {
    expect(await share('a')).toBe(20);
    expect(await share('b')).toBe(0);
    expect(await share('a', { underWay: 20 })).toBe(10);
    expect(await share('b')).toBe(0);
    expect(await share('a', { underWay: 10 })).toBe(10);
    expect(await share('b')).toBe(10);
  });

  it('leave each other what they do not want', async () => {
    expect(await share('a', { wants: 3 })).toBe(3);
    expect(await share('b')).toBe(17);
    expect(await share('a', { wants: 0 })).toBe(0);
    expect(await share('b', { underWay: 17 })).toBe(20);
  });

  it('get what a dead one had when its lease is over', async () => {
    await share('a');
    expect(await share('b')).toBe(0);
    await expire('a');
    expect(await share('b')).toBe(20);
    const [row] = await database.query<{ seconds: number }>(
      `select extract(epoch from max(expires_at))::float8 as seconds from hourledger.request_shares`,
    );
    expect(row!.seconds).toBe(5);
  });

  it('share what is left when it falls, and what is found when it rises', async () => {
    await share('a', { wants: 10 });
    await share('b', { wants: 10 });
    expect(await share('a', { underWay: 3, refused: 7 })).toBe(3);
    expect(await share('b', { underWay: 2, refused: 8 })).toBe(2);
    expect(await atOnce()).toBe(5);
    // The odd one stays where it is.
    expect(await share('a', { underWay: 3 })).toBe(3);
    expect(await share('a', { underWay: 3, wentWell: 450 })).toBe(3);
    expect(await share('b', { underWay: 2 })).toBe(3);
  });

  it('take turns where only one is allowed', async () => {
    await settleAt(1);
    expect(await share('a')).toBe(1);
    expect(await share('b')).toBe(0);
    expect(await share('a', { underWay: 1 })).toBe(1);
    await database.query(`update hourledger.request_shares set turn_at = turn_at - interval '2.1 seconds'`);
    expect(await share('a', { underWay: 1 })).toBe(0);
    expect(await share('b')).toBe(0);
    expect(await share('a')).toBe(0);
    expect(await share('b')).toBe(1);
    expect(await share('a')).toBe(0);
  });
});

it('never gives away more than the level, whoever says what, and whoever dies', async () => {
  const number = fc.integer({ min: 0, max: 30 });
  const step = fc.record({
    holder: fc.constantFrom('a', 'b', 'c'),
    dies: fc.boolean(),
    report: fc.record({
      wants: number,
      underWay: number,
      wentWell: number,
      refused: fc.integer({ min: 0, max: 5 }),
    }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      await forgetLimits(database);
      for (const { holder, dies, report } of steps) {
        if (dies) await expire(holder);
        const { share: given } = await renew(holder, report);
        expect(given).toBeLessThanOrEqual(report.wants);
        expect(await sumOfShares()).toBeLessThanOrEqual(await atOnce());
      }
      await expire('b');
      await expire('c');
      // Whoever is left has all of it.
      expect(await share('a')).toBe(await atOnce());
    }),
    { numRuns: 40 },
  );
});

describe('workers on a virtual clock', () => {
  /** Requests by so many workers side by side: the time as a multiple of the floor, and the share refused. */
  async function measure(
    workers: number,
    provided: Omit<VirtualProviderOptions, 'serviceMs'>,
    requests = 10_000,
  ) {
    await forgetLimits(database);
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { serviceMs, ...provided });
    const all = Array.from({ length: workers }, () => startLeasedWorker(clock, database));
    await clock.runUntil(Promise.all(all.map((worker) => askRecords(worker, provider, requests / workers))));
    expect(provider.served).toBe(requests);
    const settledAt = clock.now() / 10;
    const seconds = clock.now() / 1000;
    return {
      timesFloor: clock.now() / ((requests * serviceMs) / provided.limit),
      refusedOnceSettled: provider.refusals.filter((at) => at > settledAt).length / (requests * 0.9),
      callsPerSecond: all.map(({ calls }) => calls / seconds),
    };
  }

  const wide = [{}, { retryAfterMs: 1000 }, { spread: 0.5 }].map((variant) => ({ limit: 20, ...variant }));
  it.each(wide)('%j: one and two workers need at most 1.05 times the floor', async (provided) => {
    for (const workers of [1, 2]) {
      const measured = await measure(workers, provided);
      expect(measured.timesFloor).toBeLessThan(1.05);
      expect(measured.refusedOnceSettled).toBeLessThan(0.01);
    }
  });

  const variants = [{}, { retryAfterMs: 1000 }, { spread: 0.5 }, { refusalMs: 50, spread: 0.2 }];
  const narrow = [4, 5, 6, 10].flatMap((limit) => variants.map((variant) => ({ limit, ...variant })));
  it.each(narrow)('%j: one and two workers need at most 1.1 times the floor', async (provided) => {
    for (const workers of [1, 2]) {
      const measured = await measure(workers, provided, 5_000);
      expect(measured.timesFloor).toBeLessThan(1.1);
      expect(measured.refusedOnceSettled).toBeLessThan(0.01);
    }
  });

  it('follow a limit that falls and rises again', async () => {
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { limit: 20, serviceMs });
    const workers = [startLeasedWorker(clock, database), startLeasedWorker(clock, database)];
    const ask = (records: number) =>
      clock.runUntil(Promise.all(workers.map((worker) => askRecords(worker, provider, records / 2))));
    await ask(3_000);
    expect(await atOnce()).toBeGreaterThanOrEqual(19);
    provider.limit = 5;
    await ask(800);
    expect(await atOnce()).toBeLessThanOrEqual(6);
    provider.limit = 40;
    await ask(12_000);
    expect(await atOnce()).toBeGreaterThanOrEqual(36);
  });

  it('never have more under way together than the level, however their work comes and goes', async () => {
    const step = fc.record({
      records: fc.integer({ min: 1, max: 30 }),
      pauseMs: fc.integer({ min: 0, max: 400 }),
    });
    const work = fc.array(step, { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(work, { minLength: 2, maxLength: 3 }), async (all) => {
        await forgetLimits(database);
        await settleAt(7);
        const clock = new VirtualClock();
        const provider = new VirtualProvider(clock, { limit: 7, serviceMs, networkMs: 0 });
        const go = async (steps: (typeof all)[number]) => {
          const worker = startLeasedWorker(clock, database);
          for (const { records, pauseMs } of steps) {
            await askRecords(worker, provider, records);
            await clock.sleep(pauseMs);
          }
        };
        await clock.runUntil(Promise.all(all.map(go)));
        expect(provider.refusals).toEqual([]);
      }),
      // To make a failure smaller takes hundreds of runs, which would end the test before it could name it. Its seed and
      // path do: each run is the same again.
      { numRuns: 25, endOnFailure: true },
    );
  });

  it('report a request that waits for a block of requests per second as under way', async () => {
    // It was started before the pool had told the load, and the report gave its share away.
    await settleAt(1);
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { limit: 1, serviceMs });
    const worker = startLeasedWorker(clock, database);
    await clock.runUntil(askRecords(worker, provider, 1));
    // That more is wanted now is news: the lease is renewed, with no new block.
    await clock.runUntil(askRecords(worker, provider, 18));
    // A second after it was leased the block is stale; the share is not given back yet.
    await clock.runUntil(clock.sleep(1_040 - clock.now()));
    expect(await sumOfShares()).toBe(1);
    const { calls } = worker;
    const asked = askRecords(worker, provider, 1);
    // The report has arrived then, and its answer has not.
    await clock.runUntil(clock.sleep(7));
    expect(worker.calls).toBe(calls + 1);
    expect(worker.pool.figures.underWay).toBe(1);
    expect(await share('b', { wants: 1 }, clock)).toBe(0);
    await clock.runUntil(asked);
    expect(provider.refusals).toEqual([]);
  });

  it('lose their share five seconds after their last report, by the clock of the workers', async () => {
    await settleAt(7);
    const clock = new VirtualClock();
    expect(await share('a', {}, clock)).toBe(7);
    await clock.runUntil(clock.sleep(4_999));
    expect(await share('b', {}, clock)).toBe(0);
    await clock.runUntil(clock.sleep(1));
    expect(await share('b', {}, clock)).toBe(7);
  });

  it('renew a few times a second, and not at all without work', async () => {
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { limit: 20, serviceMs });
    const worker = startLeasedWorker(clock, database);
    await clock.runUntil(askRecords(worker, provider, 4_000));
    expect(worker.calls).toBeLessThan(40);
    await clock.runUntil(clock.sleep(1_000));
    const { calls } = worker;
    await clock.runUntil(clock.sleep(60_000));
    expect(worker.calls).toBe(calls);
    expect(await sumOfShares()).toBe(0);
  });

  it('send nothing any more when a lease cannot be renewed in time, and what waits ends with the reason', async () => {
    await settleAt(2);
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { limit: 2, serviceMs });
    const worker = startLeasedWorker(clock, database);
    const asked = askRecords(worker, provider, 10_000);
    void clock.sleep(1_000).then(() => (worker.fault = new Error('the database is gone')));
    await expect(clock.runUntil(asked)).rejects.toThrow('the database is gone');
    // Five seconds from the last renewal, and the answers to what was under way.
    expect(clock.now()).toBeLessThan(6_100);
    expect(worker.pool.figures.underWay).toBe(0);
    await expect(clock.runUntil(askRecords(worker, provider, 1))).rejects.toThrow('the database is gone');
    worker.fault = null;
    await clock.runUntil(askRecords(worker, provider, 10));
  });
});
