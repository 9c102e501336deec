/** How many days may be under way, and which are started next: a sliding window, without any Temporal in it. */
import type { Day, Source } from '../activities/types.js';

/** Unless somebody asks for another number. */
export const defaultMaxParallelDays = 100;
/** A provider is asked for no more days than this side by side. */
export const limitOfParallelDays = 100;
/** Each has up to two fetches of pages staged: more children would only stage more than is merged. */
const childrenAtOnce_max = 8;
/**
 * As long as nobody knows how many records a day has. Conversations are asked one by one, as many at once as the provider
 * allows, by all children together: several of them keep asking while one goes over to its next activity.
 */
const daysPerChild_first: Record<Source, number> = { twilio: 5, elevenlabs: 2 };
/**
 * A range of calls that fits into the window is started at once in about so many children, however thin its days may
 * be: enough for fetches beside merges. Smaller children would leave a second wave, which begins when the first has
 * ended, with hardly anything to do in between.
 */
const childrenOfOneWave = 6;
/** More would make cancelling slow, which lets days under way end. */
const daysPerChild_max = 15;
/**
 * What is worth a child workflow: it costs as much as four or five activities, and runs four of its own at least. A
 * conversation costs seven times the processor time of a call.
 */
const recordsPerChild: Record<Source, number> = { twilio: 8_000, elevenlabs: 2_000 };

/**
 * How many days one child takes: many thin ones, few thick ones, and at most half of the window, so that one child
 * fetches while another one merges.
 * @param recordsPerDay of the days that were read so far; null while there are none
 * @param unended days that have not ended, under way or not; null when they may be more than anybody has counted
 */
export function daysPerChild(
  source: Source,
  maxParallelDays: number,
  recordsPerDay: number | null,
  unended: number | null,
): number {
  let worthwhile = daysPerChild_first[source];
  if (recordsPerDay !== null) {
    worthwhile = Math.ceil(recordsPerChild[source] / Math.max(recordsPerDay, 1));
  } else if (source === 'twilio' && unended !== null && unended <= maxParallelDays) {
    worthwhile = Math.max(worthwhile, Math.ceil(unended / childrenOfOneWave));
  }
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
  /** Of the days that were read so far; null while there are none. */
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
    if (now.paused || this.#freeDays < 1 || this.#running.size >= childrenAtOnce_max) return 'wait';
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

  #sizeOfNext(more: boolean): number {
    const unended = more ? null : this.waitingDays + this.runningDays;
    const size = daysPerChild(this.#source, this.maxParallelDays, this.recordsPerDay, unended);
    if (unended === null || unended > this.maxParallelDays || this.recordsPerDay !== null) return size;
    // All of them start now: evenly, since a child of what is left over would cost as much as a whole one.
    const children = Math.max(1, Math.ceil(this.waitingDays / size));
    return Math.max(1, Math.ceil(this.waitingDays / children));
  }

  get #freeDays(): number {
    return this.maxParallelDays - this.runningDays;
  }
}
