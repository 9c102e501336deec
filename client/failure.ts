/** What failed in a workflow, out of what Temporal wraps around it. */
import { ActivityFailure, ChildWorkflowFailure } from '@temporalio/common';

/** The failure of the activity or child that made a workflow fail, or the workflow's own. */
export function whatFailed(failure: Error): Error {
  const isWrapped = failure instanceof ActivityFailure || failure instanceof ChildWorkflowFailure;
  return isWrapped && failure.cause instanceof Error ? whatFailed(failure.cause) : failure;
}
