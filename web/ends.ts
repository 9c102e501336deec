/** Waiting for a workflow on behalf of a request. */
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';

export type End =
  { kind: 'completed'; result: unknown } | { kind: 'failed'; message: string } | { kind: 'stopping' };

/** The workflow's end, or that the server ends before it. */
export async function endOf(handle: WorkflowHandle, stopping: AbortSignal): Promise<End> {
  if (stopping.aborted) return { kind: 'stopping' };
  const answered = new AbortController();
  const stopped = new Promise<End>((resolve) => {
    const { signal } = answered;
    stopping.addEventListener('abort', () => resolve({ kind: 'stopping' }), { once: true, signal });
  });
  try {
    return await Promise.race([resultOf(handle), stopped]);
  } finally {
    answered.abort();
  }
}

async function resultOf(handle: WorkflowHandle): Promise<End> {
  try {
    return { kind: 'completed', result: (await handle.result()) as unknown };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return { kind: 'failed', message: innermostMessage(error) };
  }
}

/** What failed, out of what Temporal wraps around it, on one line. */
function innermostMessage(error: Error): string {
  let innermost = error;
  while (innermost.cause instanceof Error && innermost.cause.message !== '') innermost = innermost.cause;
  return innermost.message.replaceAll(/\s*\n\s*/g, ' ').trim();
}
