/** Days in children: starts runs of `ingestDays` as the window allows, and hands on what became of them. */
import {
  ApplicationFailure,
  ChildWorkflowFailure,
  ParentClosePolicy,
  TemporalFailure,
  condition,
  executeChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { Day, Run, Source } from '../activities/types.js';
import { noting } from './activity-options.js';
import { describeDays, outermost } from './calendar.js';
import { noCounts } from './counts.js';
import type { DayWindow } from './day-window.js';
import { describeFailure, hopelessFailureIn } from './failures.js';
import { ingestDays, type IngestSummary } from './ingest-days.js';

/** How a workflow steers its runs of days; every function is asked anew whenever something has changed. */
export interface DayRuns {
  source: Source;
  run: Run;
  askSettled: boolean;
  dryRun: boolean;
  /** How much time passes between two reports of a run of days; null for none. */
  reportEvery_ms: number | null;
  window: DayWindow;
  /** Whether there are days that the window does not know yet. */
  more(): boolean;
  /** Adds days to the window. */
  plan(): Promise<void>;
  paused(): boolean;
  /** Whether nothing may start any more. */
  stopping(): boolean;
  started(key: Day, days: Day[]): void;
  ended(key: Day, days: Day[], summary: IngestSummary): void;
}

/** The run that days and pages are filed under: the first of the chain, so that continue-as-new changes nothing. */
export function currentRun(): Run {
  const { workflowId, firstExecutionRunId } = workflowInfo();
  return { workflowId, runId: firstExecutionRunId };
}

/**
 * Runs days until none is left, or until stopping, and none is under way.
 * @returns the failure after which no day of this source can work, if there was one
 */
export async function runDays(runs: DayRuns): Promise<ApplicationFailure | null> {
  const { window } = runs;
  let hopeless: ApplicationFailure | null = null;
  let crash: { error: unknown } | null = null;
  const step = () =>
    window.nextStep({
      more: runs.more(),
      paused: runs.paused(),
      stopping: hopeless !== null || runs.stopping(),
    });
  for (;;) {
    await condition(() => crash !== null || step() !== 'wait');
    // The closures below set it, which the compiler cannot see.
    const crashed = crash as { error: unknown } | null;
    if (crashed !== null) throw crashed.error;
    const next = step();
    if (next === 'end') return hopeless;
    if (next === 'plan') {
      await runs.plan();
      continue;
    }
    const taken = window.take(runs.more());
    if (taken === null) continue;
    runs.started(taken.key, taken.days);
    ingest(runs, taken.key, taken.days)
      .then((failure) => {
        hopeless ??= failure;
      })
      .catch((error: unknown) => {
        crash = { error };
      });
  }
}

/** One child from start to end. Its failure is a fact about its days, and no failure of the parent. */
async function ingest(runs: DayRuns, key: Day, days: Day[]): Promise<ApplicationFailure | null> {
  let hopeless: ApplicationFailure | null = null;
  let summary: IngestSummary;
  try {
    summary = await executeIngestDays(runs, days);
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    hopeless = hopelessFailureIn(error);
    summary = await summaryOf(runs, days, error);
  }
  runs.window.finish(key);
  runs.ended(key, days, summary);
  return hopeless;
}

function executeIngestDays(runs: DayRuns, days: Day[]): Promise<IngestSummary> {
  const { source, run, askSettled, dryRun, reportEvery_ms } = runs;
  const { first, last } = outermost(days);
  return executeChild(ingestDays, {
    args: [{ source, days, run, askSettled, dryRun, reportEvery_ms }],
    // The days are in one run of one chain only; the run keeps the ids of a later backfill with the same id apart.
    workflowId: `${run.workflowId}/${source}/${first}..${last}/${run.runId.slice(0, 8)}`,
    staticSummary: `${source}, ${describeDays(days)}`,
    // A parent that was terminated leaves nothing behind for long: the child ends its few days cleanly, pages merged
    // and hours rolled up. Terminating the child too would leave its days begun and its pages unmerged.
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
  });
}

/** What became of the days of a child that failed. */
async function summaryOf(runs: DayRuns, days: Day[], error: TemporalFailure): Promise<IngestSummary> {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  const detail = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
  if (isIngestSummary(detail)) return detail;
  const message = describeFailure(error);
  const failed = days.map((day) => ({ day, message }));
  const { source, run, dryRun } = runs;
  if (!dryRun) {
    // The child ended without writing anything down: somebody terminated it, or the database was away too long.
    try {
      await noting(describeDays(days)).completeDays({ source, run, days: [], failed });
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      for (const each of failed)
        each.message += ` (And this could not be written down: ${describeFailure(error)})`;
    }
  }
  return { completed: 0, open: 0, failed, notDone: [], counts: { ...noCounts }, setAside: [] };
}

function isIngestSummary(detail: unknown): detail is IngestSummary {
  return typeof detail === 'object' && detail !== null && 'failed' in detail && 'notDone' in detail;
}
