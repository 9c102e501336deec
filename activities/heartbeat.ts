/** Heartbeats for activities that work for longer than a few seconds. */
import { setMaxListeners } from 'node:events';
import { Context } from '@temporalio/activity';

/** Well below the heartbeat timeout of 10 s, so that a pause of the process is no lost heartbeat. */
const interval_ms = 3_000;

/** Steps can be as short as a request, and each heartbeat is encoded whole. */
const apart_ms = 500;

/**
 * Runs work with heartbeats: after its steps, and in between while a step takes long. The details are what a later
 * attempt resumes from.
 * @param details read at each heartbeat
 */
export async function withHeartbeats<T>(
  details: () => unknown,
  work: (beat: () => void, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  // Each request under way listens to it, and there are more of them than Node takes for normal.
  setMaxListeners(0, context.cancellationSignal);
  let beatAt = -Infinity;
  const beat = () => {
    if (performance.now() - beatAt < apart_ms) return;
    beatAt = performance.now();
    context.heartbeat(details());
  };
  const timer = setInterval(beat, interval_ms);
  try {
    return await work(beat, context.cancellationSignal);
  } finally {
    clearInterval(timer);
  }
}

/** What the attempt before this one said last; null in a first attempt. */
export function resumedDetails(): unknown {
  return (Context.current().info.heartbeatDetails as unknown) ?? null;
}
