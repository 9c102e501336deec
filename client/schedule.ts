/** The daily schedule in Temporal: what it is to be, comparing it with what is there, and how its last run went. */
import { isDeepStrictEqual } from 'node:util';
import {
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
  WorkflowNotFoundError,
  type ScheduleDescription,
  type ScheduleOptions,
} from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { CliError, oneLine } from './cli-error.js';
import { whatFailed } from './failure.js';
import { taskQueue, type TemporalSession } from './temporal.js';

export const scheduleId = 'hourledger-daily-sync';
export const defaultCron = '0 0 * * *';

const timezone = 'UTC';
const action = {
  type: 'startWorkflow',
  workflowType: 'dailySync',
  taskQueue,
  args: [{}],
  // Temporal adds the time that the run was due to the id.
  workflowId: 'daily-sync',
} as const;
const policies = {
  // A run that takes longer than a day must not swallow the next one: that one waits, and starts at once afterwards.
  // More than one need not wait, because each run takes up all days that runs before it left out.
  overlap: ScheduleOverlapPolicy.BUFFER_ONE,
  // After an outage of Temporal itself one missed run is enough, for the same reason; a day back there is one.
  catchupWindow: 86_400_000,
  // A day that fails is taken up by the next run, so that a failure is no reason to stop.
  pauseOnFailure: false,
};
/** Started later than this after it was due, a run is late. */
const lateAfter_ms = 600_000;

/**
 * Temporal compiles a cron expression and forgets its text, but keeps the comment behind it; whoever edits the times
 * elsewhere replaces the comment as well. No retry policy: dailySync ends when its work is done or hopeless, and what
 * it left out belongs to the next run.
 */
function wanted(cron: string): Pick<ScheduleOptions, 'spec' | 'action' | 'policies'> {
  return { spec: { cronExpressions: [`${cron} # cron ${cron}`], timezone }, action, policies };
}

export type Applied = 'created' | 'updated' | 'unchanged';

/**
 * Makes the schedule what it is to be. Whether it is paused stays as it is.
 * @throws CliError (2) when Temporal refuses the cron expression
 */
export async function applySchedule(session: TemporalSession, cron: string): Promise<Applied> {
  checkCron(cron);
  const found = await describeSchedule(session);
  try {
    if (found === null) {
      await session.client.schedule.create({ scheduleId, ...wanted(cron) });
      return 'created';
    }
    if (isAsWanted(found, cron)) return 'unchanged';
    const handle = session.client.schedule.getHandle(scheduleId);
    await handle.update(({ state }) => ({ ...wanted(cron), state }));
    return 'updated';
  } catch (error) {
    // The SDK's way of telling that the server refused the times.
    if (!(error instanceof TypeError)) throw error;
    throw cronRefused(cron, oneLine(error.message));
  }
}

function checkCron(cron: string): void {
  if (!/^\S+( \S+){4}$/.test(cron) || cron.includes('#')) throw cronRefused(cron, 'it needs five fields');
}

function cronRefused(cron: string, why: string): CliError {
  const remedy = `Give minute, hour, day of month, month and day of week, such as "${defaultCron}"`;
  const shown = cron.length > 60 ? `${cron.slice(0, 57)}...` : cron;
  return new CliError(`--cron is "${shown}", which is no cron expression (${why}). ${remedy}.`, 2);
}

function isAsWanted(found: ScheduleDescription, cron: string): boolean {
  const { spec } = found;
  return (
    cronOf(found) === cron &&
    (spec.intervals?.length ?? 0) === 0 &&
    (spec.skip?.length ?? 0) === 0 &&
    spec.startAt === undefined &&
    spec.endAt === undefined &&
    (spec.jitter ?? 0) === 0 &&
    (spec.timezone ?? '') === timezone &&
    found.action.workflowType === action.workflowType &&
    found.action.taskQueue === action.taskQueue &&
    isDeepStrictEqual(found.action.args, [{}]) &&
    found.action.retry === undefined &&
    found.policies.overlap === policies.overlap &&
    found.policies.catchupWindow === policies.catchupWindow &&
    found.policies.pauseOnFailure === policies.pauseOnFailure
  );
}

/** The cron expression that `apply` wrote; null when the times were edited elsewhere. */
export function cronOf({ spec }: ScheduleDescription): string | null {
  const calendars = spec.calendars ?? [];
  const comment = calendars.length === 1 ? calendars[0]?.comment?.trim() : undefined;
  return comment?.startsWith('cron ') === true ? comment.slice('cron '.length) : null;
}

/** The schedule as it is; null where there is none. */
export async function describeSchedule(session: TemporalSession): Promise<ScheduleDescription | null> {
  try {
    return await session.client.schedule.getHandle(scheduleId).describe();
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return null;
    throw error;
  }
}

/** The newest run of the schedule. Times are ISO 8601. */
export interface ScheduledRun {
  workflowId: string;
  dueAt: string;
  startedAt: string;
  /** As Temporal says: RUNNING, COMPLETED, FAILED …; null when it has forgotten the run. */
  status: string | null;
  /** It started long after it was due. */
  late: boolean;
  /** Of a run that failed, was terminated or ran out of time. */
  message: string | null;
}

/** What people see of the schedule. */
export interface ScheduleSummary {
  scheduleId: string;
  /** Null when the times were edited elsewhere. */
  cron: string | null;
  timezone: string;
  paused: boolean;
  note: string | null;
  overlap: string;
  catchupWindow_ms: number;
  nextRunAt: string | null;
  /** A run should have started by now, and has not. */
  overdue: boolean;
  /** When the first such run was due; null where there is none. */
  overdueSince: string | null;
  lastRun: ScheduledRun | null;
}

/**
 * The schedule for people and programs; null where there is none.
 * @param now runs that were due before it, by more than a grace, should have started
 */
export async function summarizeSchedule(
  session: TemporalSession,
  now = new Date(),
): Promise<ScheduleSummary | null> {
  const found = await describeSchedule(session);
  if (found === null) return null;
  const { spec, state, policies: held, info } = found;
  const next = info.nextActionTimes[0];
  const overdueSince = state.paused ? null : await firstRunMissing(session, found, now);
  return {
    scheduleId,
    cron: cronOf(found),
    timezone: spec.timezone ?? timezone,
    paused: state.paused,
    note: state.note === undefined || state.note === '' ? null : state.note,
    overlap: held.overlap ?? 'SKIP',
    catchupWindow_ms: held.catchupWindow,
    nextRunAt: next?.toISOString() ?? null,
    overdue: overdueSince !== null,
    overdueSince: overdueSince?.toISOString() ?? null,
    lastRun: await lastRun(session, found),
  };
}

/**
 * When the first run was due behind which none has started. The server works the times out of the schedule, so that they
 * are known also where it is the server itself that is behind. A change of the schedule begins anew: its new times
 * were not due before.
 */
async function firstRunMissing(
  { client, namespace }: TemporalSession,
  { info }: ScheduleDescription,
  now: Date,
): Promise<Date | null> {
  const begins = [info.createdAt, info.lastUpdatedAt, ...info.recentActions.map(({ takenAt }) => takenAt)];
  const begin_ms = Math.max(...begins.map((instant) => instant?.getTime() ?? 0));
  const end_ms = now.getTime() - lateAfter_ms;
  if (end_ms <= begin_ms) return null;
  const { startTime } = await client.workflowService.listScheduleMatchingTimes({
    namespace,
    scheduleId,
    startTime: msToTs(begin_ms),
    endTime: msToTs(end_ms),
  });
  const [first] = startTime;
  return first === undefined ? null : new Date(tsToMs(first));
}

async function lastRun(
  session: TemporalSession,
  { info }: ScheduleDescription,
): Promise<ScheduledRun | null> {
  const last = info.recentActions.at(-1);
  if (last === undefined) return null;
  const { workflowId, firstExecutionRunId } = last.action.workflow;
  const run = {
    workflowId,
    dueAt: last.scheduledAt.toISOString(),
    startedAt: last.takenAt.toISOString(),
    late: last.takenAt.getTime() - last.scheduledAt.getTime() > lateAfter_ms,
  };
  const handle = session.client.workflow.getHandle(workflowId, undefined, { firstExecutionRunId });
  try {
    const { status } = await handle.describe();
    return {
      ...run,
      status: status.name,
      message: endedBadly.includes(status.name) ? await messageOf(handle) : null,
    };
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    // Temporal keeps closed workflows for a time only.
    return { ...run, status: null, message: null };
  }
}

const endedBadly = ['FAILED', 'TERMINATED', 'TIMED_OUT'];

async function messageOf(handle: { result: () => Promise<unknown> }): Promise<string | null> {
  try {
    await handle.result();
    return null;
  } catch (error) {
    const { cause } = error as Error;
    return oneLine(cause instanceof Error ? whatFailed(cause).message : String(error));
  }
}

/** What is said of runs that were due and have not started; null where there are none. */
export function describeOverdue({ overdueSince, lastRun }: ScheduleSummary): string | null {
  if (overdueSince === null) return null;
  const fact = `the run due ${overdueSince} has not started`;
  if (lastRun?.status !== 'RUNNING') return fact;
  return `${fact}: ${lastRun.workflowId} is still running, since ${lastRun.startedAt}`;
}

/** The last run in a line. */
export function describeLastRun(run: ScheduledRun): string {
  const late = run.late ? `, late (started ${run.startedAt})` : '';
  const message = run.message === null ? '' : `: ${run.message}`;
  return `${run.workflowId}, due ${run.dueAt}${late}: ${run.status?.toLowerCase() ?? 'forgotten by Temporal'}${message}`;
}
