/** What a backfill has done so far: plain data that is carried through continue-as-new, and how it is shown. */
import type { Counts, Day, FailedDay } from '../activities/types.js';
import { addCounts, noCounts } from './counts.js';
import type { IngestSummary } from './ingest-days.js';
import type { BackfillRequest } from './input.js';
import type { BackfillProgress, BackfillState } from './messages.js';

const failedDaysKept_max = 100;
const warningsKept_max = 50;

/** Carried from run to run of the chain. */
export interface BackfillTally {
  startedAt: string;
  /** Null until the first plan. */
  total: number | null;
  lastTaken: Day | null;
  completed: number;
  open: number;
  failed: number;
  records: Counts;
  failedDays: FailedDay[];
  warnings: string[];
  paused: boolean;
  maxParallelDays: number;
}

export function newTally(request: BackfillRequest, startedAt: Date, warnings: string[]): BackfillTally {
  return {
    startedAt: startedAt.toISOString(),
    total: null,
    lastTaken: null,
    completed: 0,
    open: 0,
    failed: 0,
    records: { ...noCounts },
    failedDays: [],
    warnings,
    paused: false,
    maxParallelDays: request.maxParallelDays,
  };
}

/** Adds what became of a run of days. */
export function addSummary(tally: BackfillTally, summary: IngestSummary): void {
  tally.completed += summary.completed;
  tally.open += summary.open;
  tally.failed += summary.failed.length;
  tally.records = addCounts(tally.records, summary.counts);
  tally.failedDays.push(...summary.failed.slice(0, failedDaysKept_max - tally.failedDays.length));
  addWarnings(tally, summary.setAside);
}

/** Adds what people should know; the same sentence once, and not without end. */
export function addWarnings(tally: BackfillTally, sentences: readonly string[]): void {
  for (const sentence of sentences) {
    const fits = tally.warnings.length < warningsKept_max;
    if (fits && !tally.warnings.includes(sentence)) tally.warnings.push(sentence);
  }
}

/** Of the days that ended well; null while there are none. */
export function recordsPerDay({ completed, open, records }: BackfillTally): number | null {
  return completed + open === 0 ? null : records.fetched / (completed + open);
}

/** The answer of the query `progress`. */
export function progressOf(
  request: BackfillRequest,
  tally: BackfillTally,
  now: { state: BackfillState; runningDays: number; recordsUnderWay: number },
): BackfillProgress {
  const { source, from, to, order, reprocess, dryRun } = request;
  const total = tally.total ?? 0;
  const begun = tally.completed + tally.open + tally.failed + now.runningDays;
  return {
    ...{ source, from, to, order, reprocess, dryRun },
    state: now.state,
    maxParallelDays: tally.maxParallelDays,
    days: {
      total,
      completed: tally.completed,
      open: tally.open,
      failed: tally.failed,
      running: now.runningDays,
      remaining: Math.max(0, total - begun),
    },
    records: tally.records,
    recordsUnderWay: now.recordsUnderWay,
    failedDays: tally.failedDays,
    warnings: tally.warnings,
    startedAt: tally.startedAt,
  };
}

/** The same in a few lines of Markdown, for Temporal Web. */
export function describeProgress(progress: BackfillProgress): string {
  const { days, records } = progress;
  const kind = progress.dryRun ? ' (dry run)' : '';
  const lines = [
    `**${progress.source}, ${progress.from} to ${progress.to}${kind}: ${progress.state}**`,
    `- days: ${days.completed} completed, ${days.open} open, ${days.failed} failed, ${days.running} running, ` +
      `${days.remaining} remaining of ${days.total}; at most ${progress.maxParallelDays} at once`,
    `- records: ${records.fetched} fetched, ${records.inserted} inserted, ${records.updated} updated, ` +
      `${records.unchanged} unchanged, ${records.rejected} rejected, ${records.gone} gone`,
    ...progress.failedDays.slice(0, 10).map(({ day, message }) => `- failed ${day}: ${message}`),
    ...progress.warnings.slice(0, 10).map((warning) => `- note: ${warning}`),
  ];
  return lines.join('\n');
}
