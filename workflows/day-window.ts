/** How many days may be under way, and which are started next: a sliding window, without any Temporal in it. */
import type { Day, Source } from '../activities/types.js';

/** Unless somebody asks for another number. */
export const defaultMaxParallelDays = 100;
/** A provider is asked for no more days than this side by side. */
export const limitOfParallelDays = 100;
/** Each keeps a fetch under way: more children would only wait for each other's merges. */
const childrenAtOnce = { max: 8, ofThickDays: 4 };
/** As many as in the most children of thin days: while so many records are under way, a child more would only cost more. */
const recordsUnderWay_max = 80_000;
/**
 * As long as nobody knows how many records a day has. Conversations are asked one by one, as many at once as the provider
 * allows, by all children together: several of them keep asking while one goes over to its next activity.
 */
const daysPerChild_first: Record<Source, number> = { twilio: 5, elevenlabs: 2 };
/** More would make cancelling slow, which lets days under way end. */
const daysPerChild_max = 31;
/** The pages of a day are asked for one after the other, so that a child of several thick days has less to wait for. */
const daysPerChild_min: Record<Source, number> = { twilio: 3, elevenlabs: 1 };
/**
 * What is worth a child workflow, which costs as much as four or five activities and runs five of its own: of calls, most of
 * what one fetch takes. A conversation costs seven times the processor time of a call.
 */
const recordsPerChild: Record<Source, number> = { twilio: 15_000, elevenlabs: 2_000 };
/** What few records are still worth a child, so that up to as many as of thick days share a short backfill. */
const recordsPerChild_min: Record<Source, number> = { twilio: 5_000, elevenlabs: 2_000 };

/**
 * How many days one child takes: many thin ones, few thick ones, and at most half of the window, so that one child
 * fetches while another one merges.
 * @param recordsPerDay about; null while nobody knows
 */
export function daysPerChild(source: Source, maxParallelDays: number, recordsPerDay: number | null): number {
  const worthwhile =
    recordsPerDay === null
      ? daysPerChild_first[source]
      : Math.max(daysPerChild_min[source], Math.round(recordsPerChild[source] / Math.max(recordsPerDay, 1)));
  return Math.min(worthwhile, daysPerChild_max, Math.ceil(maxParallelDays / 2));
}

/** `plan`: days must be added first, so that the next child gets as many as it can take. */
export type WindowStep = 'plan' | 'start' | 'wait' | 'end';

/** Days that wait, in the order in which they are to start, and days under way in runs. */
export class DayWindow {
  readonly #source: Source;
  readonly #waiting: Day[] = [];
  readonly #running = new Map<string, Day[]>();
  #lastTaken: Day | null = null;
  maxParallelDays: number;
  /** Of the days that were read so far, or as the provider says; null while nobody knows. */
  recordsPerDay: number | null = null;

  /** @param lastTaken the day behind which the waiting days begin; null when none was started yet. */
  constructor(source: Source, maxParallelDays: number, lastTaken: Day | null = null) {
    this.#source = source;
    this.maxParallelDays = maxParallelDays;
    this.#lastTaken = lastTaken;
  }

  add(days: readonly Day[]): void {
    this.#waiting.push(...days);
  }

  /**
   * The next run of days to start, its key being its first day; null while the window is full or nothing waits.
   * @param more whether there are days that were not added yet
   */
  take(more: boolean): { key: string; days: Day[] } | null {
    const size = Math.min(this.#freeDays, this.#sizeOfNext(more));
    if (size < 1 || this.#waiting.length === 0) return null;
    const days = this.#waiting.splice(0, size);
    const key = days[0] ?? '';
    this.#running.set(key, days);
    this.#lastTaken = days.at(-1) ?? null;
    return { key, days };
  }

  finish(key: string): void {
    this.#running.delete(key);
  }

  /**
   * What to do next. `more`: there are days that were not added yet. `paused`: nothing may start for now. `stopping`:
   * nothing may start any more.
   */
  nextStep(now: { more: boolean; paused: boolean; stopping: boolean }): WindowStep {
    const left = !now.stopping && (now.more || this.#waiting.length > 0);
    if (!left) return this.#running.size > 0 ? 'wait' : 'end';
    if (now.paused || this.#freeDays < 1 || this.#running.size >= this.#childrenAtOnce) return 'wait';
    const wanted = this.#sizeOfNext(now.more);
    if (now.more && this.#waiting.length < wanted) return 'plan';
    // A child of the few days that are free just now would cost as much as a whole one.
    return this.#freeDays >= Math.min(wanted, this.#waiting.length) || this.#running.size === 0
      ? 'start'
      : 'wait';
  }

  get waitingDays(): number {
    return this.#waiting.length;
  }

  get runningDays(): number {
    let days = 0;
    for (const run of this.#running.values()) days += run.length;
    return days;
  }

  /** The day that was started last; what is planned next begins behind it. */
  get lastTaken(): Day | null {
    return this.#lastTaken;
  }

  /** Where all that is left can start now, it is divided evenly: one child much smaller than the others would save nothing. */
  #sizeOfNext(more: boolean): number {
    const size = daysPerChild(this.#source, this.maxParallelDays, this.recordsPerDay);
    if (more || this.waitingDays === 0 || this.waitingDays > this.#freeDays) return size;
    return Math.ceil(
      this.waitingDays / Math.max(Math.ceil(this.waitingDays / size), this.#childrenWorthwhile),
    );
  }

  /** How many children more may share what is left, each still worth its costs. */
  get #childrenWorthwhile(): number {
    const records = this.waitingDays * (this.recordsPerDay ?? 0);
    const idle = childrenAtOnce.ofThickDays - this.#running.size;
    return Math.min(idle, this.waitingDays, Math.floor(records / recordsPerChild_min[this.#source]));
  }

  get #childrenAtOnce(): number {
    const { max, ofThickDays } = childrenAtOnce;
    if (this.recordsPerDay === null) return max;
    const size = daysPerChild(this.#source, this.maxParallelDays, this.recordsPerDay);
    const children = Math.floor(recordsUnderWay_max / Math.max(1, size * this.recordsPerDay));
    return Math.min(max, Math.max(ofThickDays, children));
  }

  get #freeDays(): number {
    return this.maxParallelDays - this.runningDays;
  }
}
