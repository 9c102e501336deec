/** Waiting for a workflow's end while showing what it says of itself, as Temporal Web does. */
import { oneLine } from './cli-error.js';
import { follow, type Outcome } from './follow.js';
import { leavingOnInterrupt } from './interrupt.js';
import { say } from './output.js';
import { askWorkflow, type StartedWorkflow, type TemporalSession } from './temporal.js';

/**
 * Shows the workflow's current details whenever they change, until it ends or the person leaves; who leaves is told how
 * to cancel it, and the exit code is set.
 */
export async function followDetails<Result>(
  session: TemporalSession,
  started: StartedWorkflow,
): Promise<Outcome<Result>> {
  const { workflowId } = started;
  let shown = '';
  const outcome = await leavingOnInterrupt((leave) =>
    follow<Result, { currentDetails?: string }>(session, started, {
      look: () => askWorkflow(session, workflowId, '__temporal_workflow_metadata'),
      show: ({ currentDetails = '' }) => {
        const text = currentDetails.replaceAll('**', '');
        if (text !== shown) say(text);
        shown = text;
      },
      note: say,
      leave,
    }),
  );
  if (outcome.kind === 'detached') {
    say(
      `Left ${workflowId}; it goes on. This cancels it: temporal workflow cancel --workflow-id ${workflowId}`,
    );
    process.exitCode = 130;
  }
  return outcome;
}

/** One line on a workflow that did not end as it should. */
export function describeBadEnd(
  workflowId: string,
  state: string,
  message: string | null | undefined,
): string {
  return `${workflowId} ${state === 'failed' ? 'failed' : `was ${state}`}: ${oneLine(message ?? '')}`;
}
