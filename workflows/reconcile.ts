/** `reconcile`: the provider's own figures of each day beside the ledger's; a drift fetches the day again. */
import { ApplicationFailure, continueAsNew, setCurrentDetails, workflowInfo } from '@temporalio/workflow';
import { failureTypes } from '../activities/failure-types.js';
import type { Day, FailedDay, Source } from '../activities/types.js';
import { asking, noting } from './activity-options.js';
import { daysFrom, describeDays } from './calendar.js';
import { DayWindow, defaultMaxParallelDays } from './day-window.js';
import { describeFailedDays, refusing } from './failures.js';
import { checkSource, drainAndSweep } from './first-and-last.js';
import { internalsOf, type Internals } from './internals.js';
import { parseReconcileInput, type ReconcileInput } from './operations-input.js';
import { currentRun, runDays } from './run-days.js';

/** Days that are compared in one go: one page of usage for each category. */
const daysAtOnce = 31;
const daysKept_max = 1000;
const failedDaysKept_max = 100;
const setAsideKept_max = 50;

/** What reconciling has found; the figures themselves are in `sync_days`. Carried from run to run of the chain. */
export interface ReconcileSummary {
  source: Source;
  /** Compared, from the first day of the range on. */
  days: number;
  /** Days that drifted at first, and were fetched again. */
  fetchedAgain: number;
  /** Days that drift still: the first thousand. */
  drifting: Day[];
  /** Days that could not be fetched again. */
  failed: number;
  /** The first hundred of them. */
  failedDays: FailedDay[];
  /** What could not be drained, with the reason. */
  setAside: string[];
}

/**
 * Compares every day of a range. What remains of a drift after the day was fetched again stays in `sync_days`, with
 * its explanation.
 * @param internals for the workflow itself
 * @throws ApplicationFailure InvalidInput, SourceOff or ProviderCredentialsRefused before anything is written;
 *   DaysFailed at the end, with the ReconcileSummary as its detail, when days could not be fetched again
 */
export async function reconcile(
  input: ReconcileInput,
  internals?: Internals<ReconcileSummary>,
): Promise<ReconcileSummary> {
  const request = refusing(() => parseReconcileInput(input, new Date(Date.now())));
  const { tuning, carried } = internalsOf('reconcile', internals);
  const { source, from, to } = request;
  const summary = carried ?? (await begin(source));
  const all = daysFrom(from, to);
  const begunAt = summary.days;
  while (summary.days < all.length) {
    const { continueAfterDays = Infinity } = tuning;
    if (workflowInfo().continueAsNewSuggested || summary.days - begunAt >= continueAfterDays) {
      const next: Internals<ReconcileSummary> = { kind: 'hourledger-internals', tuning, carried: summary };
      return continueAsNew<typeof reconcile>(input, next);
    }
    const days = all.slice(summary.days, summary.days + daysAtOnce);
    await reconcileDays(source, days, summary);
    summary.days += days.length;
    const { fetchedAgain, drifting } = summary;
    setCurrentDetails(
      `**${source}, ${summary.days} of ${all.length} days: ${fetchedAgain} fetched again, ${drifting.length} drift**`,
    );
  }
  addSetAside(summary, await drainAndSweep());
  return end(summary);
}

async function begin(source: Source): Promise<ReconcileSummary> {
  await checkSource(source);
  return { source, days: 0, fetchedAgain: 0, drifting: [], failed: 0, failedDays: [], setAside: [] };
}

function end(summary: ReconcileSummary): ReconcileSummary {
  const { failed, failedDays } = summary;
  if (failed === 0) return summary;
  const days = failed === 1 ? '1 day' : `${failed} days`;
  throw ApplicationFailure.create({
    message: `${days} could not be fetched again: ${describeFailedDays(failedDays, failed)}`,
    type: failureTypes.daysFailed,
    nonRetryable: true,
    details: [summary],
  });
}

async function reconcileDays(source: Source, days: Day[], summary: ReconcileSummary): Promise<void> {
  const run = currentRun();
  const line = describeDays(days);
  await asking(source, line).fetchProviderTotals({ source, run, days, everyCategory: false });
  const first = await noting(line).compareDays({ source, run, days });
  if (first.drifting.length === 0) return;
  await fetchAgain(source, first.drifting, summary);
  const again = `${describeDays(first.drifting)}, again`;
  // Twilio's totals move too, and what is billed besides calls explains. The lists of ElevenLabs were just read.
  if (source === 'twilio') {
    for (const everyCategory of [false, true]) {
      await asking(source, again).fetchProviderTotals({ source, run, days: first.drifting, everyCategory });
    }
  }
  const { drifting } = await noting(again).compareDays({ source, run, days: first.drifting });
  summary.drifting.push(...drifting.slice(0, daysKept_max - summary.drifting.length));
}

/** The whole days, settled records too: a drift says that something is wrong with what looked settled. */
async function fetchAgain(source: Source, days: Day[], summary: ReconcileSummary): Promise<void> {
  const window = new DayWindow(source, defaultMaxParallelDays);
  window.add(days);
  summary.fetchedAgain += days.length;
  const hopeless = await runDays({
    ...{ source, run: currentRun(), window, askSettled: true, dryRun: false, reportEvery_ms: null },
    more: () => false,
    plan: () => Promise.resolve(),
    paused: () => false,
    stopping: () => false,
    started: () => undefined,
    ended: (_key, _days, ended) => {
      summary.failed += ended.failed.length;
      summary.failedDays.push(...ended.failed.slice(0, failedDaysKept_max - summary.failedDays.length));
      addSetAside(summary, ended.setAside);
    },
  });
  if (hopeless !== null) throw hopeless;
}

/** The same sentence once, and not without end. */
function addSetAside(summary: ReconcileSummary, lines: readonly string[]): void {
  const { setAside } = summary;
  for (const line of lines) {
    if (setAside.length < setAsideKept_max && !setAside.includes(line)) setAside.push(line);
  }
}
