/** `ingestDays`: one short run of days of one source, from the provider to finished snapshots. */
import {
  ApplicationFailure,
  CancellationScope,
  TemporalFailure,
  getExternalWorkflowHandle,
  log,
  workflowInfo,
} from '@temporalio/workflow';
import type { Counts, Day, DayCursor, FailedDay } from '../activities/types.js';
import { asking, noting, working } from './activity-options.js';
import { askAgain, describeRefused, nothingAskedAgain } from './ask-again.js';
import { describeDays } from './calendar.js';
import { noCounts } from './counts.js';
import { describeFailure, hopelessFailureIn, refusing } from './failures.js';
import { parseIngestDaysInput, type IngestDaysInput, type IngestDaysRequest } from './input.js';
import { daysUnderWay } from './messages.js';
import { readDays, type Reading, type Steps } from './read-days.js';

/** What became of a run of days. Every day is in exactly one of completed, open, failed and notDone. */
export interface IngestSummary {
  completed: number;
  /** Fetched, but not over yet. */
  open: number;
  failed: FailedDay[];
  /** Not begun, because somebody cancelled first. */
  notDone: Day[];
  /** Of the completed and open days. */
  counts: Counts;
  /** What could not be drained, with the reason. */
  setAside: string[];
}

/**
 * Fetches, merges, assigns and rolls up some days, and writes down their ends. Cancelling it lets the days under way
 * end, since all of them are under way from the first fetch on.
 * @throws ApplicationFailure InvalidInput; or what makes every other day hopeless (credentials refused, source off),
 *   with the IngestSummary as its detail
 */
export async function ingestDays(input: IngestDaysInput): Promise<IngestSummary> {
  const request = refusing(() => parseIngestDaysInput(input));
  if (CancellationScope.current().consideredCancelled) return { ...emptySummary(), notDone: request.days };
  return CancellationScope.nonCancellable(() => ingest(request));
}

async function ingest(request: IngestDaysRequest): Promise<IngestSummary> {
  const reading: Reading = { fetched: 0, unordered: 0, failed: new Map() };
  const cursors = request.days.map((day): DayCursor => ({ day, cursor: null, restarts: 0 }));
  const summary = emptySummary();
  let hopeless: ApplicationFailure | null = null;
  try {
    await readDays(stepsOf(request), reading, cursors);
    if (!request.dryRun && reading.failed.size < request.days.length) {
      const refused = reading.unordered > 0 ? await askUnordered(request, reading) : [];
      summary.setAside = [...refused, ...(await drain(describeDays(request.days)))];
    }
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    hopeless = hopelessFailureIn(error);
    failRest(request.days, reading, describeFailure(error));
  }
  summary.failed = request.days.flatMap((day) => reading.failed.get(day) ?? []);
  await finish(request, reading, summary);
  if (hopeless === null) return summary;
  throw ApplicationFailure.create({
    message: hopeless.message,
    type: hopeless.type ?? 'Error',
    nonRetryable: true,
    details: [summary],
  });
}

/** Draining until nothing is left: assign first, since that makes hours stale. Returns what was set aside. */
export async function drain(summary: string): Promise<string[]> {
  const classified = await working(summary).classifyWorkspace();
  const rolledUp = await working(summary).rollupHours();
  return [...classified.setAside, ...rolledUp.setAside];
}

function stepsOf(request: IngestDaysRequest): Steps {
  const { source, run, askSettled, dryRun } = request;
  let part = 0;
  return {
    fetch: (days) => {
      part += 1;
      const line = `${describeDays(days.map(({ day }) => day))}, part ${part}`;
      return asking(source, line).fetchProviderPage({ source, run, days, askSettled, dryRun });
    },
    merge: dryRun
      ? null
      : (pageIds, days) => {
          const line = `${describeDays(days)}, ${pageIds.length} ${pageIds.length === 1 ? 'page' : 'pages'}`;
          return working(line).upsertRawRows({ source, pageIds });
        },
    report: reporter(request),
  };
}

/**
 * Tells the parent how many records were fetched, when some time has passed since it heard last: a signal costs both
 * sides a step, so that a run of thin days, over before that, sends none.
 */
function reporter(request: IngestDaysRequest): (reading: Reading) => void {
  const parent = workflowInfo().parent;
  const interval_ms = request.reportEvery_ms;
  if (parent === undefined || interval_ms === null) return () => undefined;
  const handle = getExternalWorkflowHandle(parent.workflowId);
  let last_ms = Date.now();
  return ({ fetched }) => {
    if (Date.now() - last_ms < interval_ms) return;
    last_ms = Date.now();
    handle.signal(daysUnderWay, { key: request.days[0] ?? '', fetched }).catch((error: unknown) => {
      // The parent may have been terminated; the days are finished all the same.
      log.warn('The parent could not be told of progress.', { error });
    });
  };
}

/** Records that two overlapping fetches gave differently are asked by id: that answer decides. Returns what was refused. */
async function askUnordered(request: IngestDaysRequest, reading: Reading): Promise<string[]> {
  const { source, run } = request;
  const days = request.days.filter((day) => !reading.failed.has(day));
  const summary = `${describeDays(days)}, records in doubt`;
  const asked = nothingAskedAgain();
  await askAgain({ source, run, scope: { kind: 'unordered', days } }, asked, summary, () => true);
  return describeRefused(source, asked.refused);
}

function failRest(days: Day[], reading: Reading, message: string): void {
  for (const day of days) if (!reading.failed.has(day)) reading.failed.set(day, { day, message });
}

/** Writes the ends of the days down, which a dry run does not, and adds them up. */
async function finish(request: IngestDaysRequest, reading: Reading, summary: IngestSummary): Promise<void> {
  const { source, run } = request;
  const { failed } = summary;
  const days = request.days.filter((day) => !reading.failed.has(day));
  if (request.dryRun) {
    summary.completed = days.length;
    summary.counts = { ...noCounts, fetched: reading.fetched };
    return;
  }
  const line = describeDays(request.days);
  const { counts, open } = await noting(line).completeDays({ source, run, days, failed });
  summary.counts = counts;
  summary.open = open;
  summary.completed = days.length - open;
}

function emptySummary(): IngestSummary {
  return { completed: 0, open: 0, failed: [], notDone: [], counts: { ...noCounts }, setAside: [] };
}
