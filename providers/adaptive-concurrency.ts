/** Runs many requests to one provider at once, as many as it takes; shared by everything in this process that asks it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Batch, type Answer, type BatchOptions } from './batch.js';

/** A provider that refuses even a single request is left alone this long, doubling each time up to the maximum. */
const pauseMsMin = 100;
const pauseMsMax = 1_000;
/**
 * A longer `Retry-After` speaks of the whole account, and everything waits for it. A shorter one speaks of slots: only the
 * refused item waits, because with other workers about a slot is free again within one answer.
 */
const slotRetryAfterMsMax = 2_000;

/** How much there is to do. */
export interface Load {
  underWay: number;
  /** How many would be under way if they could be, those that are included. */
  wanted: number;
}

/** Who decides how many requests may be under way at once, and learns how they went. */
export interface Level {
  readonly value: number;
  attach(host: LevelHost): void;
  /** @param full whether as many were under way as the level allows; else success says nothing about the limit */
  accepted(full: boolean): void;
  /** The provider said that there were too many. */
  refused(): void;
  /** Told whenever the load may have changed. */
  loaded(load: Load): void;
}

/** What a level tells whom it is attached to. */
export interface LevelHost {
  /** The value may have risen. */
  changed(): void;
  /** The level cannot be had for now: what waits for it ends with this error. */
  failed(error: unknown): void;
}

export interface AdaptiveConcurrencyOptions {
  /** Never more than this at once, whatever the level; default 64. */
  max?: number;
  /** Milliseconds, only ever increasing; default: the process's monotonic clock. */
  now?: () => number;
  /** Resolves after milliseconds, or rejects when the signal is aborted. */
  sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** Figures since the start, for logs and metrics. */
export interface ConcurrencyFigures {
  level: number;
  underWay: number;
  accepted: number;
  refused: number;
}

interface Startable {
  readonly ready: number;
  startNext(): void;
  fail(reason: unknown): void;
}

export class AdaptiveConcurrency {
  readonly #level: Level;
  readonly #max: number;
  readonly #now: () => number;
  readonly #sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Those that are not finished, in the order in which their items start: single requests, and batches of them. */
  readonly #singles: Startable[] = [];
  readonly #batches: Startable[] = [];
  /** Whose turn it is where both have something ready, so that neither keeps the other waiting for long. */
  #singlesFirst = true;
  #underWay = 0;
  #accepted = 0;
  #refused = 0;
  #pausedUntil = 0;
  #nextPauseMs = pauseMsMin;

  constructor(level: Level, options: AdaptiveConcurrencyOptions = {}) {
    this.#level = level;
    this.#max = options.max ?? 64;
    this.#now = options.now ?? (() => performance.now());
    this.#sleep = options.sleep ?? ((milliseconds, signal) => delay(milliseconds, undefined, { signal }));
    level.attach({
      changed: () => this.#pump(),
      failed: (error) => {
        for (const batch of [...this.#singles, ...this.#batches]) batch.fail(error);
      },
    });
  }

  get figures(): ConcurrencyFigures {
    return {
      level: this.#level.value,
      underWay: this.#underWay,
      accepted: this.#accepted,
      refused: this.#refused,
    };
  }

  /** One request within the same limits, in turns with the items that wait: a list is what further items come from. */
  async run<R>(task: () => Promise<R>, options: Omit<BatchOptions<null, R>, 'onResult'>): Promise<R> {
    const results: R[] = [];
    const onResult = (_: null, result: R) => void results.push(result);
    await this.#runBatch<null, R>([null], task, { ...options, onResult }, this.#singles);
    return results[0] as R;
  }

  /**
   * Runs the worker for each item, in their order as far as nothing is refused. A refused item goes back and waits until
   * the provider's `Retry-After`. Of several calls the first goes first: taking turns, all of them would be at their ends at
   * the same time, and nothing would be asked while each goes over to what comes next.
   *
   * Resolves when every item has its result. Rejects with the first error that is not a refusal, with the last refusal when
   * nothing got through for `giveUpAfterMs`, or with the signal's reason; and only when nothing of it is under way any more.
   */
  runAll<T, R>(
    items: readonly T[],
    worker: (item: T) => Promise<R>,
    options: BatchOptions<T, R>,
  ): Promise<void> {
    return this.#runBatch(items, worker, options, this.#batches);
  }

  async #runBatch<T, R>(
    items: readonly T[],
    worker: (item: T) => Promise<R>,
    options: BatchOptions<T, R>,
    queue: Startable[],
  ): Promise<void> {
    const batch = new Batch<T, R>(items, worker, options, {
      now: this.#now,
      sleep: this.#sleep,
      onAnswer: (answer) => this.#record(answer),
      pausedUntil: () => this.#pausedUntil,
      pump: () => this.#pump(),
    });
    queue.push(batch);
    this.#pump();
    try {
      await batch.finished;
    } finally {
      queue.splice(queue.indexOf(batch), 1);
    }
  }

  #pump(): void {
    while (this.#underWay < Math.min(this.#level.value, this.#max) && this.#now() >= this.#pausedUntil) {
      const batch = this.#next();
      if (batch === undefined) break;
      this.#underWay += 1;
      batch.startNext();
    }
    const ready = [...this.#singles, ...this.#batches].reduce((sum, batch) => sum + batch.ready, 0);
    this.#level.loaded({ underWay: this.#underWay, wanted: Math.min(this.#underWay + ready, this.#max) });
  }

  #next(): Startable | undefined {
    const [single, batch] = [this.#singles, this.#batches].map((queue) =>
      queue.find(({ ready }) => ready > 0),
    );
    const next = this.#singlesFirst ? (single ?? batch) : (batch ?? single);
    this.#singlesFirst = next !== single;
    return next;
  }

  #record(answer: Answer): void {
    const full = this.#underWay >= this.#level.value;
    this.#underWay -= 1;
    if (answer.kind === 'accepted') {
      this.#accepted += 1;
      this.#nextPauseMs = pauseMsMin;
      this.#level.accepted(full);
    } else if (answer.kind === 'refused') {
      this.#refused += 1;
      this.#level.refused();
      // Refused while nothing else of ours was there: fewer at once will not help, only waiting will.
      if (this.#underWay === 0) this.#pause(answer.retryAfterMs);
    }
  }

  #pause(retryAfterMs: number | undefined): void {
    const forAll = retryAfterMs !== undefined && retryAfterMs > slotRetryAfterMsMax;
    const pauseMs = forAll ? retryAfterMs : this.#nextPauseMs;
    this.#nextPauseMs = Math.min(this.#nextPauseMs * 2, pauseMsMax);
    const until = this.#now() + pauseMs;
    this.#pausedUntil = until;
    void this.#sleep(pauseMs).then(() => {
      // Not by the clock: timers may fire a little early, and nothing would ever start again.
      if (this.#pausedUntil === until) this.#pausedUntil = 0;
      this.#pump();
    });
  }
}
