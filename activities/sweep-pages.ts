/** The activity `sweepPages`: deletes what workflow runs that Temporal reports closed left staged. */
import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { Dependencies } from './dependencies.js';
import type { Activities, Run } from './types.js';

/** Runs looked at in one go; the next sweep goes on. */
const runs_max = 100;

export function createSweepPages({ ledger }: Dependencies): Activities['sweepPages'] {
  return async () => {
    const runs = await ledger.call<Run[]>('runs_with_pages', { p_after: '', p_limit: runs_max });
    const closed: string[] = [];
    for (const run of runs) if (await isClosed(getClient(), run)) closed.push(run.runId);
    const swept = closed.length === 0 ? 0 : await ledger.call<number>('sweep_runs', { p_run_ids: closed });
    return { swept };
  };
}

/** A run that continued as new has ended, but its successors file their pages under it. */
async function isClosed(client: Client, { workflowId, runId }: Run): Promise<boolean> {
  try {
    const newest = await client.workflow.getHandle(workflowId).describe();
    const firstRunId = newest.raw.workflowExecutionInfo?.firstRunId ?? newest.runId;
    return firstRunId !== runId || newest.status.name !== 'RUNNING';
  } catch (error) {
    // Past its retention: Temporal keeps every workflow that is still running.
    if (error instanceof WorkflowNotFoundError) return true;
    throw error;
  }
}
