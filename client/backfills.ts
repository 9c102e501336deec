/** Running backfills: finding those that options name, whoever started them, under whatever id. */
import type { Source, Day } from '../activities/types.js';
import type { BackfillProgress } from '../workflows/messages.js';
import { askWorkflow, taskQueue, type TemporalSession } from './temporal.js';

export interface BackfillFilter {
  source?: Source;
  from?: Day;
  to?: Day;
}

export interface RunningBackfill {
  workflowId: string;
  runId: string;
  startedAt: Date;
  /** Null where its input is no backfill's, as far as can be told. */
  input: Required<BackfillFilter> | null;
}

/** A backfill that was started a moment ago is in the index a moment later. */
const indexDelay_ms = 1_000;

/** The running backfills that fit the filter, oldest first. */
export async function listBackfills(
  session: TemporalSession,
  filter: BackfillFilter = {},
): Promise<RunningBackfill[]> {
  const query = `WorkflowType = 'backfill' AND ExecutionStatus = 'Running' AND TaskQueue = '${taskQueue}'`;
  const found: RunningBackfill[] = [];
  for await (const { workflowId, runId, startTime, memo } of session.client.workflow.list({ query })) {
    const input = filterOf(memo) ?? filterOf(await firstInput(session, workflowId, runId));
    found.push({ workflowId, runId, startedAt: startTime, input });
  }
  return found
    .filter(({ input }) => fits(input, filter))
    .sort((one, other) => one.startedAt.getTime() - other.startedAt.getTime());
}

/** The same, looking twice before it finds none. */
export async function findBackfills(
  session: TemporalSession,
  filter: BackfillFilter,
): Promise<RunningBackfill[]> {
  const found = await listBackfills(session, filter);
  if (found.length > 0) return found;
  await new Promise((resolve) => setTimeout(resolve, indexDelay_ms));
  return listBackfills(session, filter);
}

/** How far a backfill is; null when no worker answers. */
export function progressOf(session: TemporalSession, workflowId: string): Promise<BackfillProgress | null> {
  return askWorkflow<BackfillProgress>(session, workflowId, 'progress');
}

function fits(input: Required<BackfillFilter> | null, filter: BackfillFilter): boolean {
  return (['source', 'from', 'to'] as const).every(
    (field) => filter[field] === undefined || filter[field] === input?.[field],
  );
}

function filterOf(fields: unknown): Required<BackfillFilter> | null {
  if (typeof fields !== 'object' || fields === null) return null;
  const { source, from, to } = fields as Record<string, unknown>;
  const isRange = typeof from === 'string' && typeof to === 'string';
  return (source === 'twilio' || source === 'elevenlabs') && isRange ? { source, from, to } : null;
}

/** What the workflow was started with: until a worker takes it up, it has no memo. */
async function firstInput(session: TemporalSession, workflowId: string, runId: string): Promise<unknown> {
  const { client, namespace } = session;
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const payload = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  return payload == null ? null : client.options.loadedDataConverter.payloadConverter.fromPayload(payload);
}
