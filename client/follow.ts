/** Waiting for a workflow to its end while showing how far it is; leaving it does not stop it. */
import { CancelledFailure, TerminatedFailure, TimeoutFailure, WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { isPolled, taskQueue, type StartedWorkflow, type TemporalSession } from './temporal.js';

const look_ms = 500;
/** Without an answer for this long, something is said. */
const silence_ms = 3_000;

export type EndState = 'completed' | 'failed' | 'cancelled' | 'terminated';

/** How a workflow ended, or that the person has left. */
export type Outcome<Result> =
  { kind: 'ended'; state: EndState; result: Result | null; message: string | null } | { kind: 'detached' };

export interface Following<Progress> {
  /** Looks at the workflow; null when it does not answer. */
  look: () => Promise<Progress | null>;
  show: (progress: Progress) => void;
  note: (text: string) => void;
  /** Aborted when the person leaves. */
  leave: AbortSignal;
}

/**
 * Follows a workflow, through continue-as-new, to its end.
 * @returns its result, or what its failure says and carries as detail
 */
export async function follow<Result, Progress>(
  session: TemporalSession,
  started: StartedWorkflow,
  following: Following<Progress>,
): Promise<Outcome<Result>> {
  const ended = endOf<Result>(started);
  const left = new Promise<Outcome<Result>>((resolve) => {
    following.leave.addEventListener('abort', () => resolve({ kind: 'detached' }), { once: true });
  });
  const stop = new AbortController();
  const watching = watch(session, following, stop.signal);
  try {
    return await Promise.race([ended, left]);
  } finally {
    stop.abort();
    await watching;
  }
}

/** Runs work with a signal that Ctrl-C aborts: the process is not ended by it, the wait is. */
export async function leavingOnInterrupt<T>(work: (leave: AbortSignal) => Promise<T>): Promise<T> {
  const leave = new AbortController();
  const interrupt = () => leave.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await work(leave.signal);
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

async function watch<Progress>(
  session: TemporalSession,
  following: Following<Progress>,
  stop: AbortSignal,
): Promise<void> {
  let heardAt = Date.now();
  let complained = false;
  while (!stop.aborted) {
    const progress = await Promise.race([following.look(), pause(silence_ms, stop).then(() => null)]);
    if (progress !== null) {
      [heardAt, complained] = [Date.now(), false];
      following.show(progress);
    } else if (!complained && Date.now() - heardAt >= silence_ms) {
      complained = true;
      following.note(await describeSilence(session));
    }
    await pause(look_ms, stop);
  }
}

async function describeSilence(session: TemporalSession): Promise<string> {
  const polled = await isPolled(session, taskQueue, 'workflow').catch(() => null);
  if (polled === null) return 'Temporal does not answer at the moment; waiting for it.';
  return polled
    ? 'No worker has answered for some seconds; the work goes on as soon as one does. Is one running? npx hourledger worker'
    : `No worker polls task queue ${taskQueue}, so nothing moves. Start one with: npx hourledger worker`;
}

function pause(duration_ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, duration_ms);
    stop.addEventListener('abort', end, { once: true });
  });
}

async function endOf<Result>({ handle }: StartedWorkflow): Promise<Outcome<Result>> {
  try {
    const result = (await handle.result()) as Result;
    return { kind: 'ended', state: 'completed', result, message: null };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { state, result, message } = describeFailed(error.cause);
    return { kind: 'ended', state, result: result as Result | null, message };
  }
}

/** The detail of a failure is what the workflow would have returned. */
function describeFailed(cause: Error | undefined): { state: EndState; result: unknown; message: string } {
  const message = cause?.message ?? 'It failed.';
  if (cause instanceof CancelledFailure) return { state: 'cancelled', result: null, message };
  if (cause instanceof TerminatedFailure) {
    return { state: 'terminated', result: null, message: 'Somebody has terminated it.' };
  }
  if (cause instanceof TimeoutFailure) return { state: 'failed', result: null, message: 'It has timed out.' };
  const detail: unknown = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
  return { state: 'failed', result: detail ?? null, message };
}
