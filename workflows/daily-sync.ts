/** `dailySync`: the days that the nominal time asks for, of every source, then the records that are not settled. */
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  TemporalFailure,
  continueAsNew,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { failureTypes } from '../activities/failure-types.js';
import type { AskAgainInput, Counts, Day, FailedDay, Source } from '../activities/types.js';
import { asking, noting } from './activity-options.js';
import { askAgain, describeRefused, nothingAskedAgain, type AskedAgain } from './ask-again.js';
import { addCounts, noCounts } from './counts.js';
import { DayWindow, defaultMaxParallelDays } from './day-window.js';
import { describeFailedDays, describeFailure, hopelessFailureIn, refusing, sourceOff } from './failures.js';
import { drainAndSweep } from './first-and-last.js';
import { parseDailySyncInput, type DailySyncInput, type DailySyncRequest } from './input.js';
import { internalsOf, type Internals } from './internals.js';
import { currentRun, runDays } from './run-days.js';

const failedDaysKept_max = 100;
const setAsideKept_max = 50;
/** Set by the schedule: when this run was due, however late it started. */
const scheduledStartTime = defineSearchAttributeKey('TemporalScheduledStartTime', 'DATETIME');

/** What a daily sync did with one source. */
export interface SourceSummary {
  /** Days listed again: completed, still open, failed. */
  days: { planned: number; completed: number; open: number; failed: number };
  /** Of those days. */
  records: Counts;
  /** Of the records that were asked again one by one. */
  askedAgain: Counts;
  /** The first hundred. */
  failedDays: FailedDay[];
  /** One line, when the source as a whole could not be synced; else null. */
  failure: string | null;
}

/** What a daily sync returns. */
export interface DailySyncSummary {
  /** The instant that the window was computed from, ISO 8601 in UTC. */
  nominalTime: string;
  sources: Partial<Record<Source, SourceSummary>>;
  /** What could not be drained, with the reason; and how many records were refused. */
  setAside: string[];
}

/** One source's way through a sync; carried from run to run of the chain. */
interface SourceTrack {
  source: Source;
  /** Days that were started, in the order of the plan, which is the same in every run of the chain. */
  daysStarted: number;
  unsettled: AskedAgain;
  hinted: AskedAgain;
  summary: SourceSummary;
  /** The type of the failure that stopped the source. */
  failureType: string | null;
  done: boolean;
}

/** Carried from run to run of the chain. */
export interface DailySyncTally {
  nominalTime: string;
  tracks: SourceTrack[];
  setAside: string[];
}

/**
 * Syncs every source that is asked for, side by side; one that fails stops no other. Cancelling it lets the days under
 * way end.
 * @param input what a person or the schedule gives; see `DailySyncInput`
 * @param internals for the workflow itself
 * @throws ApplicationFailure InvalidInput or SourceOff before anything is written; at the end DaysFailed, or the type
 *   that stopped the only source that failed, with the DailySyncSummary as its detail
 */
export async function dailySync(
  input?: DailySyncInput,
  internals?: Internals<DailySyncTally>,
): Promise<DailySyncSummary> {
  const request = refusing(() => parseDailySyncInput(input, new Date(Date.now())));
  const { tuning, carried } = internalsOf('dailySync', internals);
  const stop = { cancelling: false, daysStarted: 0 };
  CancellationScope.current().cancelRequested.catch(() => {
    stop.cancelling = true;
  });
  const mustContinue = () =>
    workflowInfo().continueAsNewSuggested ||
    (tuning.continueAfterDays !== undefined && stop.daysStarted >= tuning.continueAfterDays);
  return CancellationScope.nonCancellable(async () => {
    const tally = carried ?? (await begin(request));
    setCurrentDetails(describeTally(tally));
    const stopping = () => stop.cancelling || mustContinue();
    const started = (days: number) => {
      stop.daysStarted += days;
    };
    const { lookbackDays } = request;
    await Promise.all(
      tally.tracks
        .filter((track) => !track.done)
        .map((track) => sync(track, tally, { stopping, started, lookbackDays: lookbackDays ?? null })),
    );
    const left = tally.tracks.some((track) => !track.done);
    if (left && !stop.cancelling) {
      const next: Internals<DailySyncTally> = { kind: 'hourledger-internals', tuning, carried: tally };
      return continueAsNew<typeof dailySync>(input, next);
    }
    addSetAside(tally, await drainAndSweep());
    // A cancel that came too late to leave anything out has changed nothing.
    if (stop.cancelling && left)
      throw new CancelledFailure('Cancelled; the days that were under way have ended.');
    return end(tally);
  });
}

/** The sources and the nominal time, before anything is written. */
async function begin(request: DailySyncRequest): Promise<DailySyncTally> {
  const on = await noting('Which sources are on?').listSources();
  const sources = request.sources ?? on;
  const off = sources.filter((source) => !on.includes(source));
  if (off.length > 0) throw sourceOff(off);
  if (sources.length === 0) throw sourceOff(['twilio', 'elevenlabs']);
  const tracks = sources.map((source) => newTrack(source));
  return { nominalTime: request.nominalTime ?? startDue(), tracks, setAside: [] };
}

/** When this run was due by its schedule, else when it began. */
function startDue(): string {
  const { typedSearchAttributes, startTime } = workflowInfo();
  return (typedSearchAttributes.get(scheduledStartTime) ?? startTime).toISOString();
}

/** How the workflow steers its sources. */
interface Steering {
  /** Whether no day and no batch may start any more in this run. */
  stopping(): boolean;
  started(days: number): void;
  lookbackDays: number | null;
}

/** Takes one source to its end, or to where this run must stop. */
async function sync(track: SourceTrack, tally: DailySyncTally, steering: Steering): Promise<void> {
  try {
    const { source } = track;
    await asking(source, `${source}: are the credentials accepted?`).checkCredentials({ source });
    const listedDays = await syncDays(track, tally, steering);
    if (listedDays === null) return;
    const { nominalTime } = tally;
    const scope = { kind: 'unsettled' as const, nominalTime, listedDays };
    await askInTurn(track, scope, 'records not settled', track.unsettled, steering);
    // Webhooks start askHinted for theirs; what they named while Temporal was away waits for this.
    await askInTurn(track, { kind: 'hinted' }, 'named by webhooks', track.hinted, steering);
    track.summary.askedAgain = addCounts(track.unsettled.counts, track.hinted.counts);
    track.done = track.unsettled.done && track.hinted.done;
    if (!track.done) return;
    addSetAside(tally, describeRefused(source, track.unsettled.refused + track.hinted.refused));
    await noting(`${source}, by day`).countUnsettled({ source });
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    track.summary.failure = describeFailure(error);
    track.failureType = hopelessFailureIn(error)?.type ?? null;
    track.done = true;
  }
  setCurrentDetails(describeTally(tally));
}

async function askInTurn(
  { source }: SourceTrack,
  scope: AskAgainInput['scope'],
  what: string,
  asked: AskedAgain,
  steering: Steering,
): Promise<void> {
  const target = { source, run: currentRun(), scope };
  await askAgain(target, asked, `${source}, ${what}`, () => !steering.stopping());
}

/** The days of one source; returns those of the plan, or null when the run must stop before the last of them. */
async function syncDays(
  track: SourceTrack,
  tally: DailySyncTally,
  steering: Steering,
): Promise<Day[] | null> {
  const { source, summary } = track;
  const run = currentRun();
  const { nominalTime } = tally;
  const { lookbackDays } = steering;
  const line = `${source}, due ${nominalTime}`;
  const days = await noting(line).planDailySync({ source, nominalTime, lookbackDays, run });
  summary.days.planned = days.length;
  const window = new DayWindow(source, defaultMaxParallelDays);
  window.add(days.slice(track.daysStarted));
  const hopeless = await runDays({
    ...{ source, run, window, askSettled: false, dryRun: false, reportEvery_ms: null },
    more: () => false,
    plan: () => Promise.resolve(),
    paused: () => false,
    stopping: () => steering.stopping(),
    started: (_key, started) => {
      track.daysStarted += started.length;
      steering.started(started.length);
    },
    ended: (_key, _days, ended) => {
      summary.days.completed += ended.completed;
      summary.days.open += ended.open;
      summary.days.failed += ended.failed.length;
      summary.records = addCounts(summary.records, ended.counts);
      summary.failedDays.push(...ended.failed.slice(0, failedDaysKept_max - summary.failedDays.length));
      addSetAside(tally, ended.setAside);
      setCurrentDetails(describeTally(tally));
    },
  });
  if (hopeless !== null) throw hopeless;
  return window.waitingDays > 0 ? null : days;
}

/** Fails, naming every source with a failure, or returns what was done. */
function end(tally: DailySyncTally): DailySyncSummary {
  const { nominalTime, tracks, setAside } = tally;
  const sources = Object.fromEntries(tracks.map(({ source, summary }) => [source, summary]));
  const result: DailySyncSummary = { nominalTime, sources, setAside };
  const failing = tracks.filter(({ summary }) => summary.failure !== null || summary.days.failed > 0);
  if (failing.length === 0) return result;
  const types = new Set(failing.map(({ failureType }) => failureType ?? failureTypes.daysFailed));
  const [type] = types.size === 1 ? types : [failureTypes.daysFailed];
  throw ApplicationFailure.create({
    message: `${failing.map(describeTrackFailure).join(' ')} The next run takes up what is left out.`,
    type: type ?? failureTypes.daysFailed,
    nonRetryable: true,
    details: [result],
  });
}

function describeTrackFailure({ source, summary }: SourceTrack): string {
  if (summary.failure !== null) return `${source}: ${summary.failure}`;
  const { failed, planned } = summary.days;
  return `${source}: ${failed} of ${planned} days failed: ${describeFailedDays(summary.failedDays, failed)}`;
}

function describeTally(tally: DailySyncTally): string {
  const lines = tally.tracks.map(({ source, summary, unsettled, hinted }) => {
    const { planned, completed, open, failed } = summary.days;
    return (
      `- ${source}: ${completed} days completed, ${open} open, ${failed} failed of ${planned}; ` +
      `${summary.records.fetched} records fetched, ${unsettled.counts.fetched + hinted.counts.fetched} asked again`
    );
  });
  return [`**due ${tally.nominalTime}**`, ...lines].join('\n');
}

function addSetAside(tally: DailySyncTally, lines: readonly string[]): void {
  for (const line of lines) {
    const fits = tally.setAside.length < setAsideKept_max;
    if (fits && !tally.setAside.includes(line)) tally.setAside.push(line);
  }
}

function newTrack(source: Source): SourceTrack {
  const days = { planned: 0, completed: 0, open: 0, failed: 0 };
  const summary = {
    days,
    records: { ...noCounts },
    askedAgain: { ...noCounts },
    failedDays: [],
    failure: null,
  };
  const [unsettled, hinted] = [nothingAskedAgain(), nothingAskedAgain()];
  return { source, daysStarted: 0, unsettled, hinted, summary, failureType: null, done: false };
}
