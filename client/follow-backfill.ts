/** Waiting for a backfill with its progress shown; the command and the demonstration share it. */
import type { BackfillProgress } from '../workflows/messages.js';
import { progressOf } from './backfills.js';
import { follow, type Outcome } from './follow.js';
import type { ProgressLine } from './progress-bar.js';
import type { StartedWorkflow, TemporalSession } from './temporal.js';

/**
 * Follows a backfill to its end.
 * @returns the final progress also where it was cancelled, if a worker tells
 */
export async function followBackfill(
  session: TemporalSession,
  started: StartedWorkflow,
  line: ProgressLine,
  leave: AbortSignal,
): Promise<Outcome<BackfillProgress>> {
  const { workflowId } = started;
  const warned = new Set<string>();
  const show = (progress: BackfillProgress) => {
    for (const warning of progress.warnings) {
      if (warned.has(warning)) continue;
      warned.add(warning);
      line.note(warning);
    }
    line.update(progress);
  };
  const outcome = await follow<BackfillProgress, BackfillProgress>(session, started, {
    look: () => progressOf(session, workflowId),
    show,
    note: line.note,
    leave,
  });
  if (outcome.kind === 'detached') return outcome;
  const result = outcome.result ?? (await progressOf(session, workflowId));
  if (result !== null) show(result);
  return { ...outcome, result };
}
