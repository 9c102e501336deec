/** Requests per second over all workers: times for requests are leased from Postgres in blocks. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '../database/ledger.js';
import type { Source } from './types.js';

/** A leased time that has passed by so much is given up, so that an idle worker does not save up a burst. */
const staleAfter_ms = 1_000;

interface Lease {
  /** How long until the first request of the block, in milliseconds. */
  waitMs: number;
  /** How far apart the requests of the block are, in milliseconds. */
  spacingMs: number;
}

export class RequestPace {
  readonly #ledger: Ledger;
  readonly #source: Source;
  readonly #block: number;
  readonly #now: () => number;
  /** Times at which requests may be sent, in milliseconds of the monotonic clock. */
  #times: number[] = [];
  #leasing: Promise<void> | null = null;

  /** @param block how many requests are leased at once: more cost less, fewer share better between workers */
  constructor(ledger: Ledger, source: Source, block: number, now: () => number = () => performance.now()) {
    this.#ledger = ledger;
    this.#source = source;
    this.#block = block;
    this.#now = now;
  }

  /**
   * Resolves when the next request may be sent.
   * @throws LedgerError when no block can be leased; the signal's reason when it is aborted
   */
  async take(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const time = this.#times.shift();
      if (time === undefined) {
        await this.#lease();
      } else if (time >= this.#now() - staleAfter_ms) {
        const wait = time - this.#now();
        // Timers are coarser than a few milliseconds, and the provider does not mind those.
        if (wait > 4) await delay(wait, undefined, { signal });
        return;
      }
    }
  }

  /** One lease at a time, however many wait for it. */
  #lease(): Promise<void> {
    this.#leasing ??= this.#leaseBlock().finally(() => (this.#leasing = null));
    return this.#leasing;
  }

  async #leaseBlock(): Promise<void> {
    const { waitMs, spacingMs } = await this.#ledger.call<Lease>('lease_requests', {
      p_source: this.#source,
      p_requests: this.#block,
    });
    const first = this.#now() + waitMs;
    this.#times = Array.from({ length: this.#block }, (_, index) => first + index * spacingMs);
  }
}
