/** `reconcile`: the provider's own figures of each day beside the ledger's; a drift fetches the day again. */
import { ApplicationFailure, setCurrentDetails } from '@temporalio/workflow';
import { failureTypes } from '../activities/failure-types.js';
import type { Day, FailedDay, Source } from '../activities/types.js';
import { asking, noting } from './activity-options.js';
import { daysFrom, describeDays } from './calendar.js';
import { DayWindow, defaultMaxParallelDays } from './day-window.js';
import { describeFailedDays, refusing, sourceOff } from './failures.js';
import { drain } from './ingest-days.js';
import { parseReconcileInput, type ReconcileInput } from './operations-input.js';
import { currentRun, runDays } from './run-days.js';

/** Days that are compared in one go: one page of usage for each category. */
const daysAtOnce = 31;
const daysKept_max = 1000;

/** What reconciling has found; the figures themselves are in `sync_days`. */
export interface ReconcileSummary {
  source: Source;
  days: number;
  /** Days that drifted at first, and were fetched again. */
  fetchedAgain: number;
  /** Days that drift still: the first thousand. */
  drifting: Day[];
  failedDays: FailedDay[];
  /** What could not be drained, with the reason. */
  setAside: string[];
}

/**
 * Compares every day of a range. What remains of a drift after the day was fetched again stays in `sync_days`, with
 * its explanation.
 * @throws ApplicationFailure InvalidInput or SourceOff before anything is written; DaysFailed at the end, with the
 *   ReconcileSummary as its detail, when days could not be fetched again
 */
export async function reconcile(input: ReconcileInput): Promise<ReconcileSummary> {
  const request = refusing(() => parseReconcileInput(input, new Date(Date.now())));
  const { source, from, to } = request;
  const on = await noting('Is the source on?').listSources();
  if (!on.includes(source)) throw sourceOff([source]);
  const all = daysFrom(from, to);
  const summary: ReconcileSummary = {
    ...{ source, days: 0, fetchedAgain: 0 },
    ...{ drifting: [], failedDays: [], setAside: [] },
  };
  for (let at = 0; at < all.length; at += daysAtOnce) {
    const days = all.slice(at, at + daysAtOnce);
    await reconcileDays(source, days, summary);
    summary.days += days.length;
    const { fetchedAgain, drifting } = summary;
    setCurrentDetails(
      `**${source}, ${summary.days} of ${all.length} days: ${fetchedAgain} fetched again, ${drifting.length} drift**`,
    );
  }
  summary.setAside = [...new Set([...summary.setAside, ...(await drain('what is left'))])];
  await noting('of closed runs').sweepPages();
  if (summary.failedDays.length === 0) return summary;
  const failed = summary.failedDays.length;
  throw ApplicationFailure.create({
    message: `${failed} days could not be fetched again: ${describeFailedDays(summary.failedDays, failed)}`,
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
  const window = new DayWindow(defaultMaxParallelDays);
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
      summary.failedDays.push(...ended.failed);
      summary.setAside.push(...ended.setAside);
    },
  });
  if (hopeless !== null) throw hopeless;
}
