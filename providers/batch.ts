/** The items of one `runAll`: which are ready, waiting or under way, and how the whole of it ends. */
import { setMaxListeners } from 'node:events';
import { ProviderError } from './types.js';

export interface BatchOptions<T, R> {
  /** Gets each result as it comes; what it returns is waited for before the batch ends, without holding up requests. */
  onResult: (item: T, result: R) => void | Promise<void>;
  /**
   * For an error that means "too many at once": how long to wait, in milliseconds, where the provider says so. Null
   * for any other error, which ends the batch.
   */
  shouldRequeue: (error: unknown) => { retryAfterMs?: number | undefined } | null;
  /** Ends the batch when it has been refused for so long, in milliseconds, and nothing of it got through. */
  giveUpAfterMs: number;
  /** Ends the batch. The worker has to look at it by itself to end its request early. */
  signal?: AbortSignal | undefined;
}

/** The usual `shouldRequeue`: a 429 goes back to the queue, everything else is for Temporal's retry. */
export function requeueRateLimited(error: unknown): { retryAfterMs?: number | undefined } | null {
  return error instanceof ProviderError && error.kind === 'rate-limited' ? error : null;
}

/** How a request ended: `failed` says nothing about the limit. */
export type Answer =
  { kind: 'accepted' } | { kind: 'failed' } | { kind: 'refused'; retryAfterMs: number | undefined };

/** What a batch needs of the pool that starts its items. */
export interface BatchHost {
  now: () => number;
  sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  /** Called as each request ends. */
  onAnswer: (answer: Answer) => void;
  /** Before this time nothing is started. */
  pausedUntil: () => number;
  /** Called when there may be something to start. */
  pump: () => void;
}

export class Batch<T, R> {
  /** Settles when nothing is under way any more. */
  readonly finished: Promise<void>;
  readonly #items: readonly T[];
  readonly #worker: (item: T) => Promise<R>;
  readonly #options: BatchOptions<T, R>;
  readonly #host: BatchHost;
  /** Refused items whose wait is over; they go first. */
  readonly #returned: T[] = [];
  /** Until when the other refused items wait. */
  readonly #waits = new Set<{ until: number }>();
  readonly #ending = new AbortController();
  #next = 0;
  #underWay = 0;
  #delivering = 0;
  #refusedSince: number | null = null;
  #error: { reason: unknown } | null = null;
  #settle: () => void = () => undefined;

  constructor(
    items: readonly T[],
    worker: (item: T) => Promise<R>,
    options: BatchOptions<T, R>,
    host: BatchHost,
  ) {
    this.#items = items;
    this.#worker = worker;
    this.#options = options;
    this.#host = host;
    // One listener for each waiting item is no leak.
    setMaxListeners(0, this.#ending.signal);
    const { signal } = options;
    const stop = () => this.fail(signal?.reason);
    this.finished = new Promise((resolve, reject) => {
      this.#settle = () => {
        signal?.removeEventListener('abort', stop);
        if (this.#error === null) resolve();
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a signal's reason can be anything
        else reject(this.#error.reason);
      };
    });
    if (signal?.aborted === true) stop();
    else signal?.addEventListener('abort', stop, { once: true });
    this.#settleWhenDone();
  }

  /** How many items could be started now. */
  get ready(): number {
    return this.#error === null ? this.#returned.length + this.#items.length - this.#next : 0;
  }

  /** Starts the next item; only when one is ready. */
  startNext(): void {
    const item = this.#returned.length > 0 ? this.#returned.pop() : this.#items[this.#next++];
    this.#underWay += 1;
    void this.#attempt(item as T);
  }

  async #attempt(item: T): Promise<void> {
    let result: R;
    try {
      result = await this.#worker(item);
    } catch (error) {
      this.#underWay -= 1;
      this.#handleError(item, error);
      this.#settleWhenDone();
      this.#host.pump();
      return;
    }
    this.#underWay -= 1;
    this.#refusedSince = null;
    this.#delivering += 1;
    this.#host.onAnswer({ kind: 'accepted' });
    this.#host.pump();
    try {
      await this.#options.onResult(item, result);
    } catch (error) {
      this.fail(error);
    }
    this.#delivering -= 1;
    this.#settleWhenDone();
  }

  #handleError(item: T, error: unknown): void {
    const requeue = this.#options.shouldRequeue(error);
    if (requeue === null) {
      this.#host.onAnswer({ kind: 'failed' });
      this.fail(error);
      return;
    }
    this.#host.onAnswer({ kind: 'refused', retryAfterMs: requeue.retryAfterMs });
    if (this.#error !== null) return;
    this.#putBack(item, requeue.retryAfterMs ?? 0);
    if (this.#isHopeless()) this.fail(error);
  }

  #putBack(item: T, waitMs: number): void {
    if (waitMs <= 0) {
      this.#returned.push(item);
      return;
    }
    const wait = { until: this.#host.now() + waitMs };
    this.#waits.add(wait);
    const goOn = () => {
      this.#waits.delete(wait);
      this.#returned.push(item);
      this.#host.pump();
    };
    // It only rejects when the batch has ended.
    void this.#host.sleep(waitMs, this.#ending.signal).then(goOn, () => undefined);
  }

  /** Whether the time without progress is over, or will be before anything can be started again. */
  #isHopeless(): boolean {
    const now = this.#host.now();
    this.#refusedSince ??= now;
    const giveUpAt = this.#refusedSince + this.#options.giveUpAfterMs;
    if (now >= giveUpAt) return true;
    if (this.#underWay > 0) return false;
    const readyAt = this.ready > 0 ? now : Math.min(...[...this.#waits].map((wait) => wait.until));
    return Math.max(readyAt, this.#host.pausedUntil()) > giveUpAt;
  }

  /** Ends it, as soon as nothing of it is under way any more. */
  fail(reason: unknown): void {
    if (this.#error !== null) return;
    this.#error = { reason };
    this.#ending.abort();
    this.#settleWhenDone();
  }

  #settleWhenDone(): void {
    const idle = this.#underWay === 0 && this.#delivering === 0;
    if (idle && (this.#error !== null || (this.ready === 0 && this.#waits.size === 0))) this.#settle();
  }
}
