/** Reading some days to their end: fetch, merge the fetch before, go on. The loop alone; what it calls is given to it. */
import { TemporalFailure } from '@temporalio/workflow';
import type { Day, DayCursor, FailedDay, FetchResult, UpsertResult } from '../activities/types.js';
import { describeFailure, hopelessFailureIn } from './failures.js';

/** How often a day begins anew when a staged page of it has vanished or is no JSON, before it fails. */
const restarts_max = 5;
/** How many fetches in a row may bring nothing before their days fail; the activity itself waits and retries. */
const idleFetches_max = 5;

/** The two activities, as this loop sees them. */
export interface Steps {
  fetch(days: DayCursor[]): Promise<FetchResult>;
  /** Null in a dry run, which stages nothing. */
  merge: ((pageIds: string[], days: Day[]) => Promise<UpsertResult>) | null;
  /** Called after every round while more is to come. */
  report(reading: Reading): void;
}

/** What reading has brought so far. */
export interface Reading {
  /** Records that the fetches told of; those of a day that began anew are counted again. */
  fetched: number;
  /** Records that have to be asked again, because two fetches that overlapped gave them differently. */
  unordered: number;
  failed: Map<Day, FailedDay>;
}

interface Staged {
  pageIds: string[];
  /** What the fetch was asked for: of which beginning of their days the pages are. */
  asked: DayCursor[];
}

/**
 * Reads days side by side until all of them are merged or failed. While one fetch is under way the pages of the fetch
 * before are merged: never more than one of each. Days whose common step fails for good go on each alone, so that only
 * the one at fault fails.
 * @throws the failure after which no day can work (credentials refused), once everything under way has ended
 */
export async function readDays(steps: Steps, reading: Reading, cursors: DayCursor[]): Promise<void> {
  const group = new Group(reading, cursors);
  let staged: Staged | null = null;
  while (group.unfinished.length > 0 || staged !== null) {
    staged = await readRound(steps, group, staged);
    if (staged !== null || group.unfinished.length > 0) steps.report(reading);
  }
  const alone = await Promise.allSettled(group.alone.map((cursor) => readDays(steps, reading, [cursor])));
  for (const result of alone) if (result.status === 'rejected') throw result.reason;
  if (group.hopeless !== null) throw group.hopeless;
}

/** One fetch, and the merge of what the fetch before staged; returns what this fetch staged. */
async function readRound(steps: Steps, group: Group, merging: Staged | null): Promise<Staged | null> {
  const asked = group.unfinished;
  const [fetched, merged] = await Promise.allSettled([
    asked.length > 0 ? steps.fetch(asked) : null,
    merging !== null && steps.merge !== null ? steps.merge(merging.pageIds, daysOf(merging.asked)) : null,
  ]);
  // The merge first: what it says of a day outweighs how far the later fetch came.
  const askedBefore = merging?.asked ?? [];
  if (merged.status === 'rejected') group.mergeFailed(askedBefore, merged.reason);
  else if (merged.value !== null) group.merged(askedBefore, merged.value);
  let staged: Staged | null = null;
  if (fetched.status === 'rejected') group.fetchFailed(asked, fetched.reason);
  else if (fetched.value !== null) staged = group.fetched(asked, fetched.value);
  group.nextRound();
  return steps.merge === null ? null : staged;
}

/** The bookkeeping of days that are read side by side. */
class Group {
  /** What the next fetch asks for. */
  unfinished: DayCursor[];
  /** Days that go on each alone, after a step that they shared failed. */
  readonly alone: DayCursor[] = [];
  hopeless: Error | null = null;
  readonly #reading: Reading;
  readonly #restarts: Map<Day, number>;
  #idleFetches = 0;
  /** Days that begin anew in the next round, and how far the others have come. */
  #anew: DayCursor[] = [];
  #further: DayCursor[] = [];

  constructor(reading: Reading, cursors: DayCursor[]) {
    this.#reading = reading;
    this.unfinished = cursors;
    this.#restarts = new Map(cursors.map(({ day, restarts }) => [day, restarts]));
  }

  /** Takes in the answer of a fetch; returns what is to be merged. */
  fetched(asked: DayCursor[], result: FetchResult): Staged | null {
    this.#reading.fetched += result.fetched;
    for (const { day, message } of result.failed) this.#fail(day, message);
    this.#further = result.unfinished;
    const idle = result.pageIds.length === 0 && result.fetched === 0 && sameCursors(asked, result.unfinished);
    this.#idleFetches = idle ? this.#idleFetches + 1 : 0;
    if (this.#idleFetches >= idleFetches_max) {
      for (const { day } of asked)
        this.#fail(day, `${idleFetches_max} fetches in a row brought nothing new.`);
    }
    const going = asked.filter(({ day }) => !this.#reading.failed.has(day));
    return going.length > 0 && result.pageIds.length > 0 ? { pageIds: result.pageIds, asked: going } : null;
  }

  /** The fetch of these days failed for good. */
  fetchFailed(asked: DayCursor[], error: unknown): void {
    this.#separate(asked, error);
  }

  /**
   * Takes in the answer of a merge of what was asked. A day that has begun anew since takes away the pages that it had
   * left behind: that they are missing is no reason to begin once more.
   */
  merged(asked: DayCursor[], result: UpsertResult): void {
    this.#reading.unordered += result.counts.unordered;
    const missing = asked.filter(
      ({ day, restarts }) => result.missingDays.includes(day) && restarts === this.#restarts.get(day),
    );
    this.#anew = this.#fromTheirBeginning(missing, result.malformed);
  }

  /** The merge of pages of these days failed for good. Which day is at fault shows when each is read alone. */
  mergeFailed(asked: DayCursor[], error: unknown): void {
    this.#separate(this.#fromTheirBeginning(asked), error);
  }

  /** Settles what the next fetch asks for. */
  nextRound(): void {
    const elsewhere = new Set([...this.alone, ...this.#anew].map(({ day }) => day));
    const further = this.#further.filter(({ day }) => !elsewhere.has(day));
    const next = [...further, ...this.#anew].filter(({ day }) => !this.#reading.failed.has(day));
    this.unfinished = this.hopeless === null ? next : [];
    this.#further = [];
    this.#anew = [];
  }

  #fromTheirBeginning(asked: readonly DayCursor[], malformed: readonly FailedDay[] = []): DayCursor[] {
    const cursors: DayCursor[] = [];
    for (const { day } of asked) {
      const restarts = (this.#restarts.get(day) ?? 0) + 1;
      this.#restarts.set(day, restarts);
      if (restarts <= restarts_max) cursors.push({ day, cursor: null, restarts });
      else {
        const broken = malformed.find((page) => page.day === day);
        const why =
          broken === undefined ? ', because staged pages of it had vanished.' : `. ${broken.message}`;
        this.#fail(day, `It began anew ${restarts_max} times${why}`);
      }
    }
    return cursors;
  }

  /** A day that was alone in what failed is at fault; of several, each is tried alone. */
  #separate(cursors: DayCursor[], error: unknown): void {
    if (!(error instanceof TemporalFailure)) throw error;
    if (hopelessFailureIn(error) !== null) this.hopeless = error;
    else if (cursors.length === 1) for (const { day } of cursors) this.#fail(day, describeFailure(error));
    else {
      const known = new Set([...this.alone, ...this.#anew].map(({ day }) => day));
      this.alone.push(...cursors.filter(({ day }) => !known.has(day)));
    }
  }

  #fail(day: Day, message: string): void {
    if (!this.#reading.failed.has(day)) this.#reading.failed.set(day, { day, message });
  }
}

function daysOf(cursors: readonly DayCursor[]): Day[] {
  return cursors.map(({ day }) => day);
}

function sameCursors(before: DayCursor[], after: DayCursor[]): boolean {
  const known = new Map(before.map(({ day, cursor }) => [day, cursor]));
  return after.length === before.length && after.every(({ day, cursor }) => known.get(day) === cursor);
}
