/** What a backfill has left in Temporal: workflows, events, and bytes of history. */
import type { System } from './system.js';

export interface History {
  workflows: number;
  events: number;
  bytes: number;
  /** How many activities there were, by name. */
  activities: Record<string, number>;
}

const index_ms = 15_000;
const look_ms = 100;

/** Adds up the histories of a workflow and of all its children, however often it continued as new. */
export async function readHistory({ session }: System, workflowId: string): Promise<History> {
  const { workflow } = session.client;
  const total: History = { workflows: 0, events: 0, bytes: 0, activities: {} };
  for (const { id, runId } of await closedWorkflows({ session }, workflowId)) {
    const handle = workflow.getHandle(id, runId);
    const { historyLength, historySize } = await handle.describe();
    total.workflows += 1;
    total.events += historyLength;
    total.bytes += historySize ?? 0;
    const { events } = await handle.fetchHistory();
    for (const event of events ?? []) {
      const name = event.activityTaskScheduledEventAttributes?.activityType?.name;
      if (name != null) total.activities[name] = (total.activities[name] ?? 0) + 1;
    }
  }
  return total;
}

/** The index follows a moment behind: a list counts when it is the same twice and nothing in it runs. */
async function closedWorkflows(
  { session }: Pick<System, 'session'>,
  workflowId: string,
): Promise<{ id: string; runId: string }[]> {
  const end_ms = Date.now() + index_ms;
  let before = -1;
  for (;;) {
    const found: { id: string; runId: string }[] = [];
    let open = 0;
    for await (const one of session.client.workflow.list()) {
      if (one.workflowId !== workflowId && !one.workflowId.startsWith(`${workflowId}/`)) continue;
      found.push({ id: one.workflowId, runId: one.runId });
      if (one.status.name === 'RUNNING') open += 1;
    }
    if ((open === 0 && found.length > 0 && found.length === before) || Date.now() > end_ms) return found;
    before = found.length;
    await new Promise((resolve) => setTimeout(resolve, look_ms));
  }
}
