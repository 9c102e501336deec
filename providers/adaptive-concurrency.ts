/** Runs many requests to one provider at once, as many as it takes; shared by everything in this process that asks it. */
import { setTimeout as delay } from 'node:timers/promises';
import { Batch, type Answer, type BatchOptions } from './batch.js';
import { ConcurrencyLevel } from './concurrency-level.js';

/** A provider that refuses even a single request is left alone this long, doubling each time up to the maximum. */
const pauseMsMin = 100;
const pauseMsMax = 1_000;
/**
 * A longer `Retry-After` speaks of the whole account, and everything waits for it. A shorter one speaks of slots: only the
 * refused item waits, because with other workers about a slot is free again within one answer.
 */
const slotRetryAfterMsMax = 2_000;

export interface AdaptiveConcurrencyOptions {
  /** How many at once to begin with; default 4. */
  initial?: number;
  /** Never more than this at once; default 64. */
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
  readonly hasReady: boolean;
  startNext(): void;
}

export class AdaptiveConcurrency {
  readonly #level: ConcurrencyLevel;
  readonly #now: () => number;
  readonly #sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Those that are not finished; the first is the next to start an item. */
  readonly #batches: Startable[] = [];
  #underWay = 0;
  #accepted = 0;
  #refused = 0;
  #pausedUntil = 0;
  #nextPauseMs = pauseMsMin;

  constructor(options: AdaptiveConcurrencyOptions = {}) {
    this.#level = new ConcurrencyLevel(options.initial ?? 4, options.max ?? 64);
    this.#now = options.now ?? (() => performance.now());
    this.#sleep = options.sleep ?? ((milliseconds, signal) => delay(milliseconds, undefined, { signal }));
  }

  get figures(): ConcurrencyFigures {
    return {
      level: this.#level.value,
      underWay: this.#underWay,
      accepted: this.#accepted,
      refused: this.#refused,
    };
  }

  /** One request within the same limits; see `runAll`. */
  async run<R>(task: () => Promise<R>, options: Omit<BatchOptions<null, R>, 'onResult'>): Promise<R> {
    const results: R[] = [];
    await this.runAll<null, R>([null], task, {
      ...options,
      onResult: (_, result) => void results.push(result),
    });
    return results[0] as R;
  }

  /**
   * Runs the worker for each item, in their order as far as nothing is refused. A refused item goes back and waits until
   * the provider's `Retry-After`; several calls share the level in turns.
   *
   * Resolves when every item has its result. Rejects with the first error that is not a refusal, with the last refusal when
   * nothing got through for `giveUpAfterMs`, or with the signal's reason; and only when nothing of it is under way any more.
   */
  async runAll<T, R>(
    items: readonly T[],
    worker: (item: T) => Promise<R>,
    options: BatchOptions<T, R>,
  ): Promise<void> {
    const batch = new Batch<T, R>(items, worker, options, {
      now: this.#now,
      sleep: this.#sleep,
      onAnswer: (answer) => this.#record(answer),
      pausedUntil: () => this.#pausedUntil,
      pump: () => this.#pump(),
    });
    this.#batches.push(batch);
    this.#pump();
    try {
      await batch.finished;
    } finally {
      this.#batches.splice(this.#batches.indexOf(batch), 1);
    }
  }

  #pump(): void {
    while (this.#underWay < this.#level.value && this.#now() >= this.#pausedUntil) {
      const index = this.#batches.findIndex((batch) => batch.hasReady);
      const [batch] = index < 0 ? [] : this.#batches.splice(index, 1);
      if (batch === undefined) return;
      // To the end of the row, so that batches take turns.
      this.#batches.push(batch);
      this.#underWay += 1;
      batch.startNext();
    }
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
