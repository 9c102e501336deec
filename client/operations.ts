/** Starting the workflows that people turn to when in doubt, and waiting for their end. */
import { createHash } from 'node:crypto';
import type {
  ClearInput,
  ReclassifyInput,
  ReconcileInput,
  RegenerateInput,
} from '../workflows/operations-input.js';
import { CliError } from './cli-error.js';
import { withTemporal } from './context.js';
import { printJson, say } from './output.js';
import { refuseConflictingSettings } from './settings-check.js';

export interface Operation {
  workflowType: 'regenerateSnapshots' | 'clearSnapshots' | 'reclassify' | 'reconcile';
  workflowId: string;
  input: RegenerateInput | ClearInput | ReclassifyInput | ReconcileInput;
  /** One line for Temporal Web. */
  summary: string;
}

export interface Ended<Result> {
  workflowId: string;
  result: Result;
}

/**
 * Runs an operation to its end, showing how far it is; the same one that runs already is attached to.
 * @returns null when the person has left, or when it failed: both have been told, and the exit code is set
 */
export async function runOperation<Result>(
  operation: Operation,
  asJson: boolean,
): Promise<Ended<Result> | null> {
  const { workflowType, workflowId, input, summary } = operation;
  await refuseConflictingSettings();
  return withTemporal(async (session) => {
    const [{ describeBadEnd, followDetails }, { startWorkflow, webAddress }] = await Promise.all([
      import('./follow-details.js'),
      import('./temporal.js'),
    ]);
    const started = await startWorkflow(session, workflowType, workflowId, input, summary);
    say(started.attached ? `${workflowId} is running already; attached to it.` : `Started ${workflowId}.`);
    const web = webAddress(session, workflowId, started.runId ?? undefined);
    if (web !== null) say(web);
    const outcome = await followDetails<Result>(session, started);
    if (outcome.kind === 'detached') return null;
    const { state, result, message } = outcome;
    if (state === 'completed' && result !== null) return { workflowId, result };
    if (asJson) printJson({ workflowId, state, message, ...result });
    throw new CliError(describeBadEnd(workflowId, state, message), 1);
  });
}

/** The same request has the same id, so that starting it again finds the one that runs. */
export function rangeId(
  name: string,
  { source, workspaceId, from, to }: RegenerateInput | (ReconcileInput & { workspaceId?: number }),
): string {
  const parts = [name, source, workspaceId === undefined ? null : `workspace-${workspaceId}`];
  if (from !== undefined || to !== undefined) parts.push(from ?? 'begin', to ?? 'end');
  return parts.filter((part) => part !== null).join('-');
}

/** The id for some numbers, or for all records. */
export function reclassifyId(numbers: readonly string[]): string {
  if (numbers.length === 0) return 'reclassify-all';
  if (numbers.length === 1) return `reclassify-${(numbers[0] ?? '').replaceAll(/[^0-9A-Za-z]/g, '')}`;
  const digest = createHash('sha256').update(JSON.stringify(numbers)).digest('hex').slice(0, 12);
  return `reclassify-${numbers.length}-numbers-${digest}`;
}
