/** What people and the client ask of running workflows: queries, signals and updates, with the shapes they carry. */
import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Counts, Day, FailedDay, Source } from '../activities/types.js';

/**
 * `planned`: nothing was started yet. `cancelling`: days under way are being finished. `finishing`: the last dirt is
 * being drained. The last three are ends.
 */
export type BackfillState =
  'planned' | 'running' | 'paused' | 'cancelling' | 'finishing' | 'completed' | 'failed' | 'cancelled';

/** What the query `progress` answers, and what a backfill returns in the end. */
export interface BackfillProgress {
  source: Source;
  from: Day;
  to: Day;
  order: 'newest-first' | 'oldest-first';
  reprocess: 'none' | 'failed' | 'completed';
  dryRun: boolean;
  state: BackfillState;
  maxParallelDays: number;
  days: {
    /** To do when the backfill began, by its `reprocess`. */
    total: number;
    /** Fetched whole; in a dry run, counted whole. */
    completed: number;
    /** Fetched, but not over yet, so that a later run fetches them again. */
    open: number;
    failed: number;
    running: number;
    /** Not started yet. */
    remaining: number;
  };
  /** Of the days that ended. */
  records: Counts;
  /** Fetched by days under way, as far as they told: a hint for a progress bar. */
  recordsUnderWay: number;
  /** The first hundred; `days.failed` counts all, and `sync_days` names all. */
  failedDays: FailedDay[];
  /** Full sentences for people. */
  warnings: string[];
  /** When the backfill began, ISO 8601. */
  startedAt: string;
}

/** What a run of days tells its parent while it is under way. */
export interface DaysUnderWay {
  /** The first day of the run as its parent listed it. */
  key: Day;
  /** Records fetched so far. */
  fetched: number;
}

/** What a backfill has done so far. */
export const progress = defineQuery<BackfillProgress>('progress');
/** Start no further day; days under way are finished. */
export const pause = defineSignal('pause');
/** Go on after a pause. */
export const resume = defineSignal('resume');
/** Let up to this many days (1 to 100) be under way at once; answers the number that now holds. */
export const setMaxParallelDays = defineUpdate<number, [number]>('setMaxParallelDays');
/** From a webhook to `askHinted`: look once more for hints before ending. Not for people. */
export const hinted = defineSignal('hinted');
/** From a run of days to its parent; not for people. */
export const daysUnderWay = defineSignal<[DaysUnderWay]>('daysUnderWay');
