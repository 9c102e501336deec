/** Waiting for a workflow to its end while showing how far it is; leaving it does not stop it. */
import { setMaxListeners } from 'node:events';
import {
  CancelledFailure,
  ServiceError,
  TerminatedFailure,
  TimeoutFailure,
  WorkflowFailedError,
  isGrpcServiceError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { oneLine } from './cli-error.js';
import { whatFailed } from './failure.js';
import { isPolled, taskQueue, type StartedWorkflow, type TemporalSession } from './temporal.js';

const look_ms = 500;
/** Without an answer for this long, something is said. */
const silence_ms = 3_000;
/**
 * Codes of gRPC after which the same question may be answered later: Temporal or the way to it is away for a moment.
 * Source: https://grpc.io/docs/guides/status-codes
 */
const passingCodes: ReadonlySet<number> = new Set([
  ...[1 /* CANCELLED */, 2 /* UNKNOWN */, 4 /* DEADLINE_EXCEEDED */, 8 /* RESOURCE_EXHAUSTED */],
  ...[10 /* ABORTED */, 13 /* INTERNAL */, 14 /* UNAVAILABLE */, 15 /* DATA_LOSS */],
]);

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
 * Follows a workflow, through continue-as-new, to its end. Nothing but its end decides the outcome: while Temporal is
 * away it is waited for, and what goes wrong with looking at the workflow or showing it is only told.
 * @returns its result, or what its failure says and carries as detail
 * @throws what Temporal says for good, such as that it does not know the workflow
 */
export async function follow<Result, Progress>(
  session: TemporalSession,
  started: StartedWorkflow,
  following: Following<Progress>,
): Promise<Outcome<Result>> {
  const stop = new AbortController();
  // Temporal's client listens once for each of its questions, of which there are three a minute.
  setMaxListeners(0, stop.signal);
  const left = new Promise<Outcome<Result>>((resolve) => {
    following.leave.addEventListener('abort', () => resolve({ kind: 'detached' }), { once: true });
  });
  const watching = watch(session, following, stop.signal);
  try {
    return await Promise.race([endOf<Result>(session, started, stop.signal), left]);
  } finally {
    stop.abort();
    await watching;
  }
}

/** Shows what can be shown, until told to stop. Never throws. */
async function watch<Progress>(
  session: TemporalSession,
  following: Following<Progress>,
  stop: AbortSignal,
): Promise<void> {
  try {
    await lookOn(session, following, stop);
  } catch (error) {
    const why = oneLine(error instanceof Error ? error.message : String(error));
    following.note(`The progress cannot be shown: ${why}`);
  }
}

async function lookOn<Progress>(
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

async function endOf<Result>(
  { client }: TemporalSession,
  { handle }: StartedWorkflow,
  stop: AbortSignal,
): Promise<Outcome<Result>> {
  for (;;) {
    try {
      // Taken back at the end: the client would go on asking on a connection that is closed.
      const result = (await client.withAbortSignal(stop, () => handle.result())) as Result;
      return { kind: 'ended', state: 'completed', result, message: null };
    } catch (error) {
      if (error instanceof WorkflowFailedError) {
        const { state, result, message } = describeFailed(error.cause);
        return { kind: 'ended', state, result: result as Result | null, message };
      }
      if (stop.aborted || !isPassing(error)) throw error;
    }
    await pause(look_ms, stop);
  }
}

function isPassing(error: unknown): boolean {
  const { cause } = error instanceof ServiceError ? error : { cause: error };
  return isGrpcServiceError(cause) && passingCodes.has(cause.code);
}

/** The detail of a failure is what the workflow would have returned. */
function describeFailed(cause: Error | undefined): { state: EndState; result: unknown; message: string } {
  const message = cause === undefined ? 'It failed.' : whatFailed(cause).message;
  if (cause instanceof CancelledFailure) return { state: 'cancelled', result: null, message };
  if (cause instanceof TerminatedFailure) {
    return { state: 'terminated', result: null, message: 'Somebody has terminated it.' };
  }
  if (cause instanceof TimeoutFailure) return { state: 'failed', result: null, message: 'It has timed out.' };
  const detail: unknown = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
  return { state: 'failed', result: detail ?? null, message };
}
