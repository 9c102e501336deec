/** Many requests at once, on a virtual clock against a virtual provider: the same numbers on every machine. */
import { describe, expect, test } from 'vitest';
import {
  AdaptiveConcurrency,
  type Level,
  type LevelHost,
  type Load,
} from '../../providers/adaptive-concurrency.js';
import { requeueRateLimited, type BatchOptions } from '../../providers/batch.js';
import { ProviderError } from '../../providers/index.js';
import { VirtualClock, VirtualProvider } from './support/virtual-provider.js';

const serviceMs = 50;
const items = (count: number) => Array.from({ length: count }, (_, index) => index);
const options = <T, R>(more: Partial<BatchOptions<T, R>> = {}): BatchOptions<T, R> => ({
  onResult: () => undefined,
  shouldRequeue: requeueRateLimited,
  giveUpAfterMs: 60_000,
  ...more,
});

/** A level that is what a test says, and loses one with each refusal. */
class FixedLevel implements Level {
  value: number;
  host: LevelHost | undefined;
  wanted = 0;

  constructor(value: number) {
    this.value = value;
  }

  attach(host: LevelHost): void {
    this.host = host;
  }

  accepted(): void {
    // A fixed level learns nothing.
  }

  refused(): void {
    this.value = Math.max(1, this.value - 1);
  }

  loaded({ wanted }: Load): void {
    this.wanted = wanted;
  }

  change(value: number): void {
    this.value = value;
    this.host?.changed();
  }
}

function poolOn(clock: VirtualClock, level: Level = new FixedLevel(4), max = 64): AdaptiveConcurrency {
  return new AdaptiveConcurrency(level, { max, now: clock.now, sleep: clock.sleep });
}

test('asks for as many at once as the level says, and never for more than its own maximum', async () => {
  const clock = new VirtualClock();
  const provider = new VirtualProvider(clock, { limit: 100, serviceMs });
  const level = new FixedLevel(9);
  const pool = poolOn(clock, level, 7);
  let most = 0;
  const watched = async () => {
    most = Math.max(most, pool.figures.underWay);
    await provider.request();
  };
  await clock.runUntil(pool.runAll(items(500), watched, options()));
  expect(most).toBe(7);
  level.value = 3;
  most = 0;
  await clock.runUntil(pool.runAll(items(20), watched, options()));
  expect(most).toBe(3);
  expect(level.wanted).toBe(0);
});

test('goes on when the level rises from nothing, and ends with its error when it cannot be had', async () => {
  const clock = new VirtualClock();
  const level = new FixedLevel(0);
  const pool = poolOn(clock, level);
  const first = pool.runAll(items(3), () => clock.sleep(1), options());
  expect(level.wanted).toBe(3);
  void clock.sleep(100).then(() => level.change(2));
  await clock.runUntil(first);
  expect(clock.now()).toBe(102);
  level.value = 0;
  const second = pool.runAll(items(3), () => clock.sleep(1), options());
  level.host?.failed(new Error('no lease'));
  await expect(clock.runUntil(second)).rejects.toThrow('no lease');
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
    await clock.runUntil(poolOn(clock, new FixedLevel(2)).runAll(items(20), worker, options()));
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
    await clock.runUntil(poolOn(clock, new FixedLevel(1)).runAll(items(5), worker, options()));
    expect(asked.length).toBeLessThan(20);
  });

  test('is asked again although timers fire a little early, as those of Node.js do', async () => {
    const clock = new VirtualClock();
    const pool = new AdaptiveConcurrency(new FixedLevel(1), {
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
    expect(delivered).toEqual([0, 2, 3, 4]);
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

  test('batches go in the order in which they came, as single requests do, and the two in turns', async () => {
    const clock = new VirtualClock();
    const pool = poolOn(clock, new FixedLevel(1));
    const order: string[] = [];
    const run = (name: string) =>
      pool.runAll(items(3), () => clock.sleep(1), options({ onResult: () => void order.push(name) }));
    const list = (name: string) => pool.run(() => clock.sleep(1).then(() => order.push(name)), options());
    await clock.runUntil(Promise.all([run('a'), run('b'), list('list 1'), list('list 2')]));
    expect(order).toEqual(['a', 'list 1', 'a', 'list 2', 'a', 'b', 'b', 'b']);
  });
});
