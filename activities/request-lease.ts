/** What this worker may send to a provider, leased from Postgres, where all workers share it: how many at once, and when. */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '../database/ledger.js';
import type { Level, LevelHost, Load } from '../providers/adaptive-concurrency.js';
import type { Source } from './types.js';

/** A leased time that has passed by so much is given up, so that an idle worker does not save up a burst. */
const staleAfter_ms = 1_000;
/** The next block is leased when so much of the last one is left: requests need not wait for it. */
const lowWaterShare = 0.25;
/** What is not wanted for so long is given back: an activity that ends leaves a shorter pause than this before its next. */
const releaseAfter_ms = 100;
/** A renewal that takes longer has failed. */
const answer_ms_max = 10_000;
const retryAfter_ms = 1_000;

/** What `lease_requests` answers. */
interface Lease {
  /** How long until the first request of the block, in milliseconds. */
  waitMs: number;
  /** How far apart the requests of the block are, in milliseconds. */
  spacingMs: number;
  /** How many requests may be under way. */
  share: number;
  /** Whether others have a share too, so that what is spare is of use to somebody. */
  isShared: boolean;
  expiresInMs: number;
  renewInMs: number;
  /** After so many accepted requests the answer would be another; null: only time matters. */
  renewAfter: number | null;
}

/** How requests went since the last report. */
interface Experience {
  wentWell: number;
  refused: number;
}

interface Taker {
  resolve: () => void;
  reject: (error: unknown) => void;
}

export interface RequestLeaseOptions {
  /** How many requests are leased at once: more cost less, fewer share better between workers. */
  block: number;
  /** Milliseconds, only ever increasing; default: the process's monotonic clock. */
  now?: () => number;
  /** Resolves after milliseconds, or rejects when the signal is aborted. */
  sleep?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * Renewed every second or so while there is work, sooner when something has happened that the others should know, and
 * given back when there is none. It errs on the safe side: a refusal takes effect at once, before the database knows of
 * it; while a report is under way no more is sent than it says; and a lease that cannot be renewed in time is over.
 */
export class RequestLease implements Level {
  readonly #ledger: Pick<Ledger, 'call'>;
  readonly #source: Source;
  readonly #block: number;
  readonly #now: () => number;
  readonly #sleep: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  readonly #holder = `${hostname()}/${process.pid}/${randomUUID().slice(0, 8)}`;
  #host: LevelHost = { changed: () => undefined, failed: () => undefined };

  /** Times at which requests may be sent, in milliseconds of the monotonic clock. */
  #times: number[] = [];
  readonly #takers: Taker[] = [];

  #share = 0;
  /** Whether more is under way than the share, since it was cut. */
  #isOver = false;
  /** Whether others have a share too. */
  #isShared = false;
  #expiresAt = -Infinity;
  #renewAt = -Infinity;
  #renewAfter = Infinity;
  /** What the last report said is under way, until its answer says how many may be. */
  #reported: number | null = null;
  /** What was wanted when the share was given. */
  #wantedThen = 0;
  #renewing = false;
  #retryAt = -Infinity;
  #load: Load = { underWay: 0, wanted: 0 };
  #experience: Experience = { wentWell: 0, refused: 0 };
  /** Since when less was wanted than the share. */
  #spareSince: number | null = null;
  #wake: { at: number; cancel: AbortController } | null = null;

  constructor(ledger: Pick<Ledger, 'call'>, source: Source, options: RequestLeaseOptions) {
    this.#ledger = ledger;
    this.#source = source;
    this.#block = options.block;
    this.#now = options.now ?? (() => performance.now());
    this.#sleep =
      options.sleep ?? ((milliseconds, signal) => delay(milliseconds, undefined, { signal, ref: false }));
  }

  /** How many requests may be under way now. */
  get value(): number {
    if (this.#now() >= this.#expiresAt) return 0;
    const share = this.#share - this.#experience.refused;
    return Math.max(0, this.#reported === null ? share : Math.min(share, this.#reported));
  }

  attach(host: LevelHost): void {
    this.#host = host;
  }

  accepted(full: boolean): void {
    if (full) this.#experience.wentWell += 1;
  }

  refused(): void {
    this.#experience.refused += 1;
  }

  loaded(load: Load): void {
    this.#load = load;
    this.#noteSpare();
    this.#renewWhenDue();
  }

  /**
   * Resolves when the next request may be sent.
   * @throws LedgerError when no block can be leased; the signal's reason when it is aborted
   */
  async take(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const time = this.#times.shift();
      if (time === undefined) {
        await new Promise<void>((resolve, reject) => {
          this.#takers.push({ resolve, reject });
          // Not at once: whoever is just starting this request has yet to tell that it is under way. A report without it
          // would give its share away, and it would be sent all the same.
          queueMicrotask(() => this.#renewWhenDue());
        });
      } else if (time >= this.#now() - staleAfter_ms) {
        const wait = time - this.#now();
        // Timers are coarser than a few milliseconds, and the provider does not mind those.
        if (wait > 4) await this.#sleep(wait, signal);
        return;
      }
    }
  }

  #renewWhenDue(): void {
    if (this.#renewing) return;
    const due = this.#dueAt();
    if (due <= this.#now()) void this.#renew();
    else this.#wakeAt(due);
  }

  #dueAt(): number {
    if (this.#takers.length > 0) return -Infinity;
    const { underWay, wanted } = this.#load;
    if (this.#share === 0 && underWay === 0 && wanted === 0) return Infinity;
    const due = this.#hasNews() ? -Infinity : Math.min(this.#renewAt, this.#releaseAt());
    return Math.max(this.#retryAt, due);
  }

  /** Whether the answer would be another one than the last. */
  #hasNews(): boolean {
    const { wentWell, refused } = this.#experience;
    const { underWay, wanted } = this.#load;
    if (refused > 0 || wentWell >= this.#renewAfter) return true;
    // The share was cut, and what was beyond it has been answered.
    if (this.#isOver && underWay <= this.#share) return true;
    if (wanted === 0) return false;
    if (this.#now() >= this.#expiresAt || this.#times.length < this.#block * lowWaterShare) return true;
    return wanted > this.#share && this.#wantedThen <= this.#share;
  }

  #releaseAt(): number {
    return this.#spareSince === null ? Infinity : this.#spareSince + releaseAfter_ms;
  }

  /** Calls again at that time, unless something calls sooner. */
  #wakeAt(at: number): void {
    if (this.#wake?.at === at) return;
    this.#wake?.cancel.abort();
    this.#wake = null;
    if (at === Infinity) return;
    const wake = { at, cancel: new AbortController() };
    this.#wake = wake;
    const wakeUp = () => {
      if (this.#wake === wake) this.#wake = null;
      this.#renewWhenDue();
    };
    // Timers may fire a little early; the next look then waits for the rest. It only rejects when it is cancelled.
    this.#sleep(Math.max(1, at - this.#now()), wake.cancel.signal).then(wakeUp, () => undefined);
  }

  async #renew(): Promise<void> {
    const askedAt = this.#now();
    const experience = this.#experience;
    const { underWay, wanted } = this.#load;
    const isLow = this.#takers.length > 0 || (wanted > 0 && this.#times.length < this.#block * lowWaterShare);
    const requests = isLow ? this.#block : 0;
    this.#renewing = true;
    this.#reported = underWay;
    this.#experience = { wentWell: 0, refused: 0 };
    try {
      const lease = await this.#ledger.call<Lease>(
        'lease_requests',
        {
          p_source: this.#source,
          p_holder: this.#holder,
          p_requests: requests,
          p_wants: wanted,
          p_under_way: underWay,
          p_went_well: experience.wentWell,
          p_refused: experience.refused,
        },
        AbortSignal.timeout(answer_ms_max),
      );
      this.#wantedThen = wanted;
      this.#accept(lease, askedAt, underWay, requests);
    } catch (error) {
      // If the report arrived all the same, it counts twice, which errs on the safe side.
      this.#experience.refused += experience.refused;
      this.#fail(error);
    }
    this.#renewing = false;
    this.#host.changed();
    this.#renewWhenDue();
  }

  #accept(lease: Lease, askedAt: number, underWay: number, requests: number): void {
    this.#reported = null;
    this.#retryAt = -Infinity;
    this.#share = lease.share;
    this.#isOver = underWay > lease.share;
    // From when it was asked: the database counts from a later moment.
    this.#expiresAt = askedAt + lease.expiresInMs;
    this.#renewAt = this.#now() + lease.renewInMs;
    this.#renewAfter = lease.renewAfter ?? Infinity;
    this.#isShared = lease.isShared;
    this.#noteSpare();
    const first = this.#now() + lease.waitMs;
    for (let index = 0; index < requests; index += 1) this.#times.push(first + index * lease.spacingMs);
    if (requests > 0) for (const { resolve } of this.#takers.splice(0)) resolve();
  }

  #fail(error: unknown): void {
    this.#retryAt = this.#now() + retryAfter_ms;
    for (const { reject } of this.#takers.splice(0)) reject(error);
    // What is under way may end; what waits would wait for nothing.
    if (this.#now() >= this.#expiresAt) this.#host.failed(error);
  }

  #noteSpare(): void {
    const { wanted } = this.#load;
    const isSpare = wanted < this.#share && (this.#isShared || wanted === 0);
    this.#spareSince = isSpare ? (this.#spareSince ?? this.#now()) : null;
  }
}
