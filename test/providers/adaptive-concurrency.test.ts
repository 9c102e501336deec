/** The level of concurrency, on a virtual clock against a virtual provider: the same numbers on every machine. */
import { describe, expect, test } from 'vitest';
import { AdaptiveConcurrency } from '../../providers/adaptive-concurrency.js';
import { requeueRateLimited, type BatchOptions } from '../../providers/batch.js';
import { ProviderError } from '../../providers/index.js';
import { VirtualClock, VirtualProvider, type VirtualProviderOptions } from './support/virtual-provider.js';

const serviceMs = 50;
const items = (count: number) => Array.from({ length: count }, (_, index) => index);
const options = <T, R>(more: Partial<BatchOptions<T, R>> = {}): BatchOptions<T, R> => ({
  onResult: () => undefined,
  shouldRequeue: requeueRateLimited,
  giveUpAfterMs: 60_000,
  ...more,
});

function poolOn(clock: VirtualClock, bounds: { initial?: number; max?: number } = {}): AdaptiveConcurrency {
  return new AdaptiveConcurrency({ ...bounds, now: clock.now, sleep: clock.sleep });
}

/** 10,000 requests by so many workers side by side; how long compared to the shortest possible, and the share refused. */
async function measure(workers: number, provided: Omit<VirtualProviderOptions, 'serviceMs'>, max = 64) {
  const clock = new VirtualClock();
  const provider = new VirtualProvider(clock, { serviceMs, ...provided });
  const requests = 10_000;
  const pools = items(workers).map(() => poolOn(clock, { max }));
  await clock.runUntil(
    Promise.all(pools.map((pool) => pool.runAll(items(requests / workers), provider.request, options()))),
  );
  expect(provider.served).toBe(requests);
  const settledAt = clock.now() / 10;
  return {
    timesFloor: clock.now() / ((requests * serviceMs) / provided.limit),
    refusedOnceSettled: provider.refusals.filter((at) => at > settledAt).length / (requests * 0.9),
  };
}

describe('finds how many at once a provider takes', () => {
  test.each([
    ['never refused', { limit: 20 }, 20],
    ['refused above', { limit: 20 }, 64],
    ['refused above, with Retry-After', { limit: 20, retryAfterMs: 1000 }, 64],
    ['refused above, in uneven time', { limit: 20, spread: 0.5 }, 64],
  ])('20 at once, %s: at most 1.1 times the floor', async (_, provided, max) => {
    const measured = await measure(1, provided, max);
    expect(measured.timesFloor).toBeLessThan(1.1);
    expect(measured.refusedOnceSettled).toBeLessThan(0.01);
  });

  const variants = [{}, { retryAfterMs: 1000 }, { spread: 0.5 }, { refusalMs: 50, spread: 0.2 }];
  const limits = [4, 5, 6, 8, 10];
  test.each(limits.flatMap((limit) => variants.map((variant) => ({ limit, ...variant }))))(
    '%j: at most 1.3 times the floor and few refused, alone and with a second worker',
    async (provided) => {
      for (const workers of [1, 2]) {
        const measured = await measure(workers, provided);
        expect(measured.timesFloor).toBeLessThan(1.3);
        expect(measured.refusedOnceSettled).toBeLessThan(0.01);
      }
    },
  );

  test('follows a limit that falls and rises again', async () => {
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { limit: 20, serviceMs });
    const pool = poolOn(clock);
    await clock.runUntil(pool.runAll(items(2_000), provider.request, options()));
    expect(pool.figures.level).toBeGreaterThanOrEqual(19);
    provider.limit = 5;
    await clock.runUntil(pool.runAll(items(500), provider.request, options()));
    expect(pool.figures.level).toBeLessThanOrEqual(6);
    provider.limit = 40;
    await clock.runUntil(pool.runAll(items(5_000), provider.request, options()));
    expect(pool.figures.level).toBeGreaterThanOrEqual(36);
  });

  test('stays between 1 and the maximum', async () => {
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { limit: 100, serviceMs });
    const pool = poolOn(clock, { initial: 500, max: 7 });
    let most = 0;
    const watched = async () => {
      most = Math.max(most, pool.figures.underWay);
      await provider.request();
    };
    await clock.runUntil(pool.runAll(items(500), watched, options()));
    expect(most).toBe(7);
    provider.limit = 1;
    await clock.runUntil(pool.runAll(items(200), provider.request, options()));
    expect(pool.figures.level).toBeGreaterThanOrEqual(1);
  });

  test('a few items at a time teach nothing about the limit', async () => {
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { limit: 100, serviceMs });
    const pool = poolOn(clock, { initial: 4 });
    for (let turn = 0; turn < 50; turn += 1) {
      await clock.runUntil(pool.runAll(items(2), provider.request, options()));
    }
    expect(pool.figures.level).toBe(4);
  });
});

describe('a refused item', () => {
  const refusal = (retryAfterMs?: number) =>
    new ProviderError({ kind: 'rate-limited', source: 'elevenlabs', message: 'too many', retryAfterMs });

  test('waits until Retry-After while the others go on', async () => {
    const clock = new VirtualClock();
    const asked: [number, number][] = [];
    const worker = async (item: number) => {
      asked.push([item, clock.now()]);
      await clock.sleep(10);
      if (item === 0 && clock.now() < 1000) throw refusal(2000);
    };
    await clock.runUntil(poolOn(clock, { initial: 2 }).runAll(items(20), worker, options()));
    expect(asked.filter(([item]) => item === 0)).toEqual([
      [0, 0],
      [0, 2010],
    ]);
    expect(Math.max(...asked.filter(([item]) => item !== 0).map(([, at]) => at))).toBeLessThan(500);
  });

  test('makes the others wait too when it was alone: fewer at once will not help', async () => {
    const clock = new VirtualClock();
    const asked: number[] = [];
    const worker = async () => {
      asked.push(clock.now());
      await clock.sleep(10);
      if (clock.now() < 3000) throw refusal();
    };
    await clock.runUntil(poolOn(clock, { initial: 1 }).runAll(items(5), worker, options()));
    expect(asked.length).toBeLessThan(20);
  });

  test('is asked again although timers fire a little early, as those of Node.js do', async () => {
    const clock = new VirtualClock();
    const pool = new AdaptiveConcurrency({
      initial: 1,
      now: clock.now,
      sleep: (milliseconds, signal) => clock.sleep(milliseconds - 0.5, signal),
    });
    let asked = 0;
    const worker = () => ((asked += 1) <= 3 ? Promise.reject(refusal()) : Promise.resolve());
    await clock.runUntil(pool.runAll(items(2), worker, options()));
    expect(asked).toBe(5);
  });

  test('gives up with the refusal when nothing gets through for long enough', async () => {
    const clock = new VirtualClock();
    const worker = () => Promise.reject(refusal());
    const batch = poolOn(clock).runAll(items(5), worker, options({ giveUpAfterMs: 10_000 }));
    await expect(clock.runUntil(batch)).rejects.toMatchObject({ kind: 'rate-limited' });
    expect(clock.now()).toBeGreaterThan(8_000);
    expect(clock.now()).toBeLessThan(12_000);
  });

  test('gives up at once when Retry-After is later than its time', async () => {
    const clock = new VirtualClock();
    const worker = () => Promise.reject(refusal(30_000));
    const batch = poolOn(clock).runAll(items(5), worker, options({ giveUpAfterMs: 10_000 }));
    await expect(clock.runUntil(batch)).rejects.toMatchObject({ retryAfterMs: 30_000 });
    expect(clock.now()).toBe(0);
  });
});

describe('a batch', () => {
  test('ends with the first other error, when nothing of it is under way any more, and delivers what came', async () => {
    const clock = new VirtualClock();
    const delivered: number[] = [];
    let underWay = 0;
    const worker = async (item: number) => {
      underWay += 1;
      await clock.sleep(10 + item);
      underWay -= 1;
      if (item === 1) throw new Error('broken');
    };
    const batch = poolOn(clock).runAll(
      items(100),
      worker,
      options({ onResult: (item) => void delivered.push(item) }),
    );
    await expect(clock.runUntil(batch)).rejects.toThrow('broken');
    expect(underWay).toBe(0);
    expect(delivered).toEqual([0, 2, 3, 4, 5]);
  });

  test('ends with the reason of its signal, and leaves the pool to others', async () => {
    const clock = new VirtualClock();
    const provider = new VirtualProvider(clock, { limit: 2, serviceMs, retryAfterMs: 1000 });
    const pool = poolOn(clock);
    const controller = new AbortController();
    const stopped = pool.runAll(items(1_000), provider.request, options({ signal: controller.signal }));
    const other = pool.runAll(items(10), provider.request, options());
    void clock.sleep(200).then(() => controller.abort(new Error('cancelled')));
    await expect(clock.runUntil(stopped)).rejects.toThrow('cancelled');
    await clock.runUntil(other);
    expect(pool.figures.underWay).toBe(0);
  });

  test('an error while a result is taken ends it', async () => {
    const clock = new VirtualClock();
    const onResult = () => Promise.reject(new Error('the database is gone'));
    const batch = poolOn(clock).runAll(items(10), () => clock.sleep(1), options({ onResult }));
    await expect(clock.runUntil(batch)).rejects.toThrow('the database is gone');
  });

  test('without items is done; one task gives its result', async () => {
    const clock = new VirtualClock();
    const pool = poolOn(clock);
    await pool.runAll([], () => Promise.resolve(), options());
    expect(await pool.run(() => Promise.resolve(7), options())).toBe(7);
  });

  test('batches take turns', async () => {
    const clock = new VirtualClock();
    const pool = poolOn(clock, { initial: 1, max: 1 });
    const order: string[] = [];
    const run = (name: string) =>
      pool.runAll(items(3), () => clock.sleep(1), options({ onResult: () => void order.push(name) }));
    await clock.runUntil(Promise.all([run('a'), run('b')]));
    expect(order.indexOf('b')).toBeLessThan(3);
    expect(order.lastIndexOf('a')).toBeGreaterThan(order.indexOf('b'));
  });
});
