/** Waiting for a workflow on behalf of a request. */
import { setMaxListeners } from 'node:events';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { WebDependencies } from './types.js';

export type End =
  { kind: 'completed'; result: unknown } | { kind: 'failed'; message: string } | { kind: 'stopping' };

/** The workflow's end, or that the server ends before it. */
export async function endOf(handle: WorkflowHandle, { session, stopping }: WebDependencies): Promise<End> {
  // One for each request: Temporal's client never stops listening to the signal, once for each of its questions.
  const end = new AbortController();
  setMaxListeners(0, end.signal);
  const stop = () => end.abort();
  if (stopping.aborted) stop();
  stopping.addEventListener('abort', stop, { once: true });
  try {
    // The question is taken back at the end: Temporal's client would ask it again on a connection that is closed.
    const result: unknown = await session.client.withAbortSignal(end.signal, () => handle.result());
    return { kind: 'completed', result };
  } catch (error) {
    if (error instanceof WorkflowFailedError) return { kind: 'failed', message: innermostMessage(error) };
    if (stopping.aborted) return { kind: 'stopping' };
    throw error;
  } finally {
    stopping.removeEventListener('abort', stop);
  }
}

/** What failed, out of what Temporal wraps around it, on one line. */
function innermostMessage(error: Error): string {
  let innermost = error;
  while (innermost.cause instanceof Error && innermost.cause.message !== '') innermost = innermost.cause;
  return innermost.message.replaceAll(/\s*\n\s*/g, ' ').trim();
}
