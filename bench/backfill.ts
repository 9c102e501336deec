/** A backfill from its start to its end, which gives up when one of its steps fails again and again. */
import { startBackfill } from '../client/temporal.js';
import { parseBackfillInput, type BackfillRequest } from '../workflows/input.js';
import type { System } from './system.js';

export interface Backfill {
  workflowId: string;
  wall_ms: number;
}

const look_ms = 5_000;
/** Nothing disturbs a benchmark: what fails so often has no better luck later, and would be tried for an hour. */
const attempts_max = 4;

/**
 * Runs a backfill to its end.
 * @param onLook called now and then while it runs
 * @throws Error when the backfill fails, or one of its activities does so again and again
 */
export async function runBackfill(
  system: System,
  request: BackfillRequest,
  onLook?: () => Promise<void>,
): Promise<Backfill> {
  const began_ms = performance.now();
  const { handle, workflowId } = await startBackfill(system.session, request);
  const state = { ended: false };
  const result = handle.result().finally(() => (state.ended = true));
  const looking = onLook === undefined ? null : lookOften(onLook, state);
  // Whichever fails first is thrown here; what fails after that, because everything is being stopped, is nobody's business.
  for (const promise of [result, looking]) promise?.catch(() => undefined);
  await Promise.race([result, watch(system, state).then(() => result)]);
  const wall_ms = performance.now() - began_ms;
  await looking;
  return { workflowId, wall_ms };
}

/** Days, first and last, `YYYY-MM-DD`. */
export interface Days {
  from: string;
  to: string;
}

/** So many days, the first of them so many behind `day`, or before it where that is negative. */
export function daysFrom(day: string, offset: number, count: number): Days {
  const text = (days: number) => new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
  return { from: text(offset), to: text(offset + count - 1) };
}

/**
 * Reads days like those that will be measured: what is measured is a service that has run for a while, whose worker,
 * gateway and database have loaded and compiled what they need, and know how many requests the provider takes at once.
 */
export async function warmUp(
  system: System,
  source: BackfillRequest['source'],
  { from, to }: Days,
): Promise<void> {
  await runBackfill(system, parseBackfillInput({ source, from, to }, new Date()));
}

async function lookOften(onLook: () => Promise<void>, state: { ended: boolean }): Promise<void> {
  while (!state.ended) {
    await onLook();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Returns when the backfill has ended. @throws Error with an activity's own failure */
async function watch({ session }: System, state: { ended: boolean }): Promise<void> {
  const { client, namespace } = session;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, look_ms).unref());
    if (state.ended) return;
    for await (const { workflowId, runId } of client.workflow.list({
      query: `ExecutionStatus = 'Running'`,
    })) {
      const execution = { workflowId, runId };
      const { pendingActivities } = await client.workflowService.describeWorkflowExecution({
        namespace,
        execution,
      });
      const failing = pendingActivities.find(({ attempt }) => (attempt ?? 0) >= attempts_max);
      if (failing === undefined) continue;
      const name = failing.activityType?.name ?? 'An activity';
      throw new Error(`${name} fails again and again: ${failing.lastFailure?.message ?? 'without a reason'}`);
    }
  }
}
