/** `backfill`: every day of a range of one source, in a sliding window of children. */
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  upsertMemo,
  workflowInfo,
  isCancellation,
} from '@temporalio/workflow';
import { failureTypes } from '../activities/failure-types.js';
import type { Day } from '../activities/types.js';
import { noting } from './activity-options.js';
import {
  addSummary,
  addWarnings,
  describeProgress,
  newTally,
  progressOf,
  recordsPerDay,
  type BackfillTally,
} from './backfill-tally.js';
import { warnAboutEmptyDays } from './calendar.js';
import { DayWindow } from './day-window.js';
import { describeFailedDays, refusing } from './failures.js';
import { checkSource, drainAndSweep } from './first-and-last.js';
import {
  parseBackfillInput,
  parseMaxParallelDays,
  type BackfillInput,
  type BackfillRequest,
} from './input.js';
import { internalsOf, type Internals } from './internals.js';
import {
  daysUnderWay,
  pause,
  progress,
  resume,
  setMaxParallelDays,
  type BackfillProgress,
  type BackfillState,
  type DaysUnderWay,
} from './messages.js';
import { currentRun, runDays } from './run-days.js';

/** Enough for the widest window twice over, and a small answer. */
const planLimit = 200;
/** A progress bar moves often enough at this, and thin days are over before. */
const reportEvery_ms = 5_000;

/**
 * Reads the days of a range and keeps what is done in `sync_days`, so that the same backfill can be started again. A
 * day that fails fails alone. Cancelling it lets the days under way end.
 * @param input what a person gives; see `BackfillInput`
 * @param internals for the workflow itself
 * @returns the final progress
 * @throws ApplicationFailure InvalidInput or SourceOff before anything is written; ProviderCredentialsRefused; at the
 *   end DaysFailed, with the final progress as its detail
 */
export async function backfill(
  input: BackfillInput,
  internals?: Internals<BackfillTally>,
): Promise<BackfillProgress> {
  const now = new Date(Date.now());
  const request = refusing(() => parseBackfillInput(input, now));
  const run = new BackfillRun(request, internalsOf('backfill', internals), now);
  CancellationScope.current().cancelRequested.catch(() => {
    run.cancel();
  });
  return CancellationScope.nonCancellable(() => run.execute(input));
}

/** One run of the chain. */
class BackfillRun {
  readonly #request: BackfillRequest;
  readonly #internals: Internals<BackfillTally>;
  readonly #tally: BackfillTally;
  readonly #window: DayWindow;
  /** Records fetched by the runs of days under way, by the first day of each. */
  readonly #underWay = new Map<Day, number>();
  #lastPlanned: Day | null;
  #more = true;
  #daysStarted = 0;
  #cancelling = false;
  #begun = false;
  #ending: BackfillState | null = null;

  constructor(request: BackfillRequest, internals: Internals<BackfillTally>, now: Date) {
    const { source, from, to } = request;
    this.#request = request;
    this.#internals = internals;
    this.#tally = internals.carried ?? newTally(request, now, warnAboutEmptyDays(source, from, to, now));
    this.#begun = internals.carried !== null;
    this.#lastPlanned = this.#tally.lastTaken;
    this.#window = new DayWindow(source, this.#tally.maxParallelDays, this.#tally.lastTaken);
    this.#window.recordsPerDay = recordsPerDay(this.#tally);
    this.#listen();
  }

  cancel(): void {
    this.#cancelling = true;
    this.#show();
  }

  async execute(input: BackfillInput): Promise<BackfillProgress> {
    const { source, reprocess, dryRun } = this.#request;
    if (this.#internals.carried === null) await this.#begin();
    const hopeless = await runDays({
      ...{ source, dryRun, run: currentRun(), window: this.#window },
      askSettled: reprocess === 'completed',
      reportEvery_ms: this.#internals.tuning.reportEvery_ms ?? reportEvery_ms,
      more: () => this.#more,
      plan: () => this.#plan(),
      paused: () => this.#tally.paused,
      stopping: () => this.#cancelling || this.#mustContinueAsNew(),
      started: (key, days) => this.#started(key, days),
      ended: (key, _days, summary) => {
        this.#underWay.delete(key);
        addSummary(this.#tally, summary);
        this.#window.recordsPerDay = recordsPerDay(this.#tally) ?? this.#window.recordsPerDay;
        this.#show();
      },
    });
    if (hopeless === null && !this.#cancelling && this.#mustContinueAsNew()) {
      await condition(allHandlersFinished);
      // Somebody may have cancelled meanwhile; a next run would never hear of it.
      if (!this.#cancelled()) return this.#continueAsNew(input);
    }
    await this.#finish();
    return this.#end(hopeless);
  }

  async #begin(): Promise<void> {
    const { source, from, to, order, reprocess, dryRun } = this.#request;
    upsertMemo({ source, from, to, order, reprocess, dryRun });
    this.#show();
    try {
      this.#window.recordsPerDay = await checkSource(source, { from, to });
    } catch (error) {
      if (!isCancellation(error)) this.#ending = 'failed';
      throw error;
    }
  }

  async #plan(): Promise<void> {
    const { source, from, to, order, reprocess } = this.#request;
    const after = this.#lastPlanned;
    const limit = this.#internals.tuning.planLimit ?? planLimit;
    const summary = after === null ? `${from} to ${to}` : `${from} to ${to}, behind ${after}`;
    const plan = await noting(summary).planBackfill({ source, from, to, order, reprocess, after, limit });
    this.#tally.total ??= plan.total;
    this.#lastPlanned = plan.days.at(-1) ?? after;
    this.#more = plan.more && plan.days.length > 0;
    this.#window.add(plan.days);
    this.#show();
  }

  #started(key: Day, days: Day[]): void {
    this.#begun = true;
    this.#daysStarted += days.length;
    this.#underWay.set(key, 0);
    this.#tally.lastTaken = this.#window.lastTaken;
    this.#show();
  }

  /** Whether this run's history is long enough while there are days left for another one. */
  #mustContinueAsNew(): boolean {
    const { continueAfterDays } = this.#internals.tuning;
    const longEnough =
      workflowInfo().continueAsNewSuggested ||
      (continueAfterDays !== undefined && this.#daysStarted >= continueAfterDays);
    return longEnough && this.#isLeft;
  }

  /** Whether there are days that were not started. */
  get #isLeft(): boolean {
    return this.#more || this.#window.waitingDays > 0;
  }

  #cancelled(): boolean {
    return this.#cancelling;
  }

  #continueAsNew(input: BackfillInput): Promise<never> {
    const { tuning } = this.#internals;
    const carried = this.#tally;
    return continueAsNew<typeof backfill>(input, { kind: 'hourledger-internals', tuning, carried });
  }

  async #finish(): Promise<void> {
    if (this.#request.dryRun) return;
    this.#ending = this.#cancelling ? null : 'finishing';
    this.#show();
    addWarnings(this.#tally, await drainAndSweep());
  }

  #end(hopeless: ApplicationFailure | null): BackfillProgress {
    const { failed, failedDays, total } = this.#tally;
    // A cancel that came too late to leave anything out has changed nothing.
    const isCutShort = this.#cancelling && this.#isLeft && hopeless === null;
    this.#ending = hopeless !== null || failed > 0 ? 'failed' : 'completed';
    if (isCutShort) this.#ending = 'cancelled';
    this.#show();
    const details = [this.#progress()];
    if (hopeless !== null) {
      const { message, type } = hopeless;
      throw ApplicationFailure.create({ message, type: type ?? 'Error', nonRetryable: true, details });
    }
    if (isCutShort) throw new CancelledFailure('Cancelled; the days that were under way have ended.');
    if (failed > 0) {
      const message =
        `${failed} of ${total ?? failed} days failed: ${describeFailedDays(failedDays, failed)} ` +
        'Start the same backfill again to try them again.';
      throw ApplicationFailure.create({
        message,
        type: failureTypes.daysFailed,
        nonRetryable: true,
        details,
      });
    }
    return this.#progress();
  }

  #listen(): void {
    setHandler(progress, () => this.#progress(), { description: 'What this backfill has done so far.' });
    setHandler(pause, () => this.#setPaused(true), {
      description: 'Start no further day; days under way are finished.',
    });
    setHandler(resume, () => this.#setPaused(false), { description: 'Go on after a pause.' });
    setHandler(
      setMaxParallelDays,
      (value) => {
        this.#tally.maxParallelDays = value;
        this.#window.maxParallelDays = value;
        this.#show();
        return value;
      },
      {
        description: 'Let up to this many days (1 to 100) be under way at once.',
        validator: (value: unknown) => {
          refusing(() => parseMaxParallelDays(value));
        },
      },
    );
    setHandler(
      daysUnderWay,
      (report: Partial<DaysUnderWay> | null) => {
        // Anybody can send a signal, and one that throws would hold the workflow up for good.
        const { key, fetched } = report ?? {};
        if (key === undefined || typeof fetched !== 'number') return;
        if (this.#underWay.has(key)) this.#underWay.set(key, fetched);
      },
      { description: 'Sent by runs of days while they work; not for people.' },
    );
  }

  #setPaused(paused: boolean): void {
    this.#tally.paused = paused;
    this.#show();
  }

  #progress(): BackfillProgress {
    let recordsUnderWay = 0;
    for (const fetched of this.#underWay.values()) recordsUnderWay += fetched;
    const runningDays = this.#window.runningDays;
    return progressOf(this.#request, this.#tally, { state: this.#state(), runningDays, recordsUnderWay });
  }

  #state(): BackfillState {
    if (this.#ending !== null) return this.#ending;
    if (this.#cancelling) return 'cancelling';
    if (this.#tally.paused) return 'paused';
    return this.#begun ? 'running' : 'planned';
  }

  #show(): void {
    setCurrentDetails(describeProgress(this.#progress()));
  }
}
