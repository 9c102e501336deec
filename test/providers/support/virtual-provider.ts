/** A virtual clock, and a provider on it that answers after a while and refuses what is too many at once. */
import { ProviderError } from '../../../providers/index.js';

interface Timer {
  at: number;
  order: number;
  fire: () => void;
}

/** Time that passes only when everything waits for it. */
export class VirtualClock {
  #now = 0;
  #order = 0;
  #timers: Timer[] = [];
  #outside: Promise<unknown> = Promise.resolve();
  #waitsOutside = 0;

  now = (): number => this.#now;

  sleep = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = { at: this.#now + milliseconds, order: this.#order++, fire: resolve };
      this.#timers.push(timer);
      signal?.addEventListener('abort', () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        reject(signal.reason as Error);
      });
    });

  /**
   * What happens outside, in a real database for instance, takes no time here, however long it takes there. One thing
   * happens after another, in the order in which they were begun, so that each run is the same.
   */
  outside = <R>(work: () => Promise<R>): Promise<R> => {
    this.#waitsOutside += 1;
    const done = this.#outside.then(work).finally(() => {
      this.#waitsOutside -= 1;
    });
    this.#outside = done.catch(() => undefined);
    return done;
  };

  /** Lets time pass until the promise settles. */
  async runUntil<R>(promise: Promise<R>): Promise<R> {
    const state = { settled: false };
    const watched = promise.finally(() => {
      state.settled = true;
    });
    watched.catch(() => undefined);
    for (;;) {
      // All promise callbacks run before a setImmediate callback does.
      await new Promise(setImmediate);
      if (state.settled) return watched;
      if (this.#waitsOutside > 0) await this.#outside;
      else this.#fireNext();
    }
  }

  #fireNext(): void {
    let next = this.#timers[0];
    if (next === undefined) throw new Error('everything waits, and nothing will ever happen');
    for (const timer of this.#timers) {
      if (timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    const due = next;
    this.#timers = this.#timers.filter((timer) => timer !== due);
    this.#now = due.at;
    due.fire();
  }
}

export interface VirtualProviderOptions {
  /** How many requests are served at once. */
  limit: number;
  /** The time from the arrival of a request to its answer. */
  serviceMs: number;
  /** The time on the way, each way. */
  networkMs?: number;
  /** How long a refusal takes. */
  refusalMs?: number;
  retryAfterMs?: number;
  /** Spread of service time: 0.2 is from 0.8 to 1.2 of it. */
  spread?: number;
}

export class VirtualProvider {
  limit: number;
  served = 0;
  /** When each refusal happened. */
  readonly refusals: number[] = [];
  #active = 0;
  #random = 1;
  readonly #clock: VirtualClock;
  readonly #options: VirtualProviderOptions;

  constructor(clock: VirtualClock, options: VirtualProviderOptions) {
    this.#clock = clock;
    this.#options = options;
    this.limit = options.limit;
  }

  request = async (): Promise<void> => {
    const { networkMs = 0.5, refusalMs = 1, retryAfterMs, serviceMs, spread = 0 } = this.#options;
    const { sleep, now } = this.#clock;
    await sleep(networkMs);
    if (this.#active >= this.limit) {
      this.refusals.push(now());
      await sleep(refusalMs + networkMs);
      throw new ProviderError({
        kind: 'rate-limited',
        source: 'elevenlabs',
        message: 'too many',
        retryAfterMs,
      });
    }
    this.#active += 1;
    // A fixed sequence of pseudo-random numbers (Park and Miller), so that each run is the same.
    this.#random = (this.#random * 48_271) % 2_147_483_647;
    await sleep(serviceMs * (1 + spread * ((2 * this.#random) / 2_147_483_647 - 1)));
    this.#active -= 1;
    this.served += 1;
    await sleep(networkMs);
  };
}
