/** Temporal as the client uses it: connecting, names and ids, starting, and asking workflows. */
import {
  Client,
  Connection,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  type WorkflowHandle,
} from '@temporalio/client';
import proto from '@temporalio/proto';
import type { Source } from '../activities/types.js';
import type { Connections } from '../settings/connections.js';
import type { BackfillRequest, DailySyncInput } from '../workflows/input.js';
import { CliError, oneLine } from './cli-error.js';

/** People type it into the `temporal` CLI. */
export const taskQueue = 'hourledger';

const connect_ms = 5_000;
/** A worker answers a query in milliseconds; without one, the answer never comes. */
const query_ms = 4_000;
/** A poll lasts a minute; who has not been seen for longer than this is not there any more. */
const pollerAge_ms = 75_000;
const { TaskQueueType } = proto.temporal.api.enums.v1;
const taskQueueKind = {
  workflow: TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
  activity: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
} as const;

export interface TemporalSession {
  client: Client;
  namespace: string;
  address: string;
  /** Null where the address of Temporal's web page is not known. */
  webUrl: string | null;
  close: () => Promise<void>;
}

/** @throws CliError when no Temporal server answers; exit code 2 when it should be the embedded one */
export async function connectTemporal(where: Connections): Promise<TemporalSession> {
  const address = where.temporal.address ?? '127.0.0.1:7233';
  try {
    const connection = await Connection.connect({ ...where.temporal, connectTimeout: connect_ms });
    const client = new Client({ connection, namespace: where.namespace });
    return {
      client,
      namespace: where.namespace,
      address,
      webUrl: where.temporalWebUrl ?? cloudWebUrl(address),
      close: () => connection.close(),
    };
  } catch (error) {
    const fact = `Temporal cannot be reached at ${address} (${oneLine(messageOf(error))})`;
    if (where.dataDir !== null) {
      throw new CliError(`${fact}. Start the stack with: npx hourledger stack start`, 2, { cause: error });
    }
    throw new CliError(`${fact}. Check TEMPORAL_ADDRESS.`, 1, { cause: error });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function cloudWebUrl(address: string): string | null {
  return /\.(tmprl\.cloud|api\.temporal\.io)(:\d+)?$/.test(address) ? 'https://cloud.temporal.io' : null;
}

/** Where a workflow is seen in Temporal Web; null where that is not known. */
export function webAddress(session: TemporalSession, workflowId: string, runId?: string): string | null {
  if (session.webUrl === null) return null;
  const { namespace, webUrl } = session;
  const path = `${webUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`;
  return runId === undefined ? path : `${path}/${runId}`;
}

/** The same range, reprocess and dry run have the same id, so that starting it again finds the one that runs. */
export function backfillId({ source, from, to, reprocess, dryRun }: BackfillRequest): string {
  return `backfill-${source}-${from}-${to}-${reprocess}${dryRun ? '-dry-run' : ''}`;
}

/** @param nominalTime ISO 8601 in UTC */
export function dailySyncId(nominalTime: string, source: Source | undefined): string {
  return `daily-sync-manual-${nominalTime}${source === undefined ? '' : `-${source}`}`;
}

export interface StartedWorkflow {
  handle: WorkflowHandle;
  workflowId: string;
  /** Null when it ran already. */
  runId: string | null;
  /** It ran already; this start has changed nothing. */
  attached: boolean;
}

/** Starts a backfill, or finds the one of the same id that is running. */
export function startBackfill(session: TemporalSession, request: BackfillRequest): Promise<StartedWorkflow> {
  const { source, from, to, dryRun } = request;
  const summary = `${source}, ${from} to ${to}${dryRun ? ' (dry run)' : ''}`;
  return startWorkflow(session, 'backfill', backfillId(request), request, summary);
}

/** Starts a daily sync, or finds the one of the same id that is running. */
export function startDailySync(
  session: TemporalSession,
  input: DailySyncInput,
  workflowId: string,
): Promise<StartedWorkflow> {
  const summary = `${input.sources?.join(', ') ?? 'all sources'}, by hand`;
  return startWorkflow(session, 'dailySync', workflowId, input, summary);
}

/** Starts a workflow, or finds the one of the same id that is running. */
export async function startWorkflow(
  session: TemporalSession,
  workflowType: string,
  workflowId: string,
  input: object,
  staticSummary: string,
): Promise<StartedWorkflow> {
  const { workflow } = session.client;
  try {
    const handle = await workflow.start(workflowType, {
      workflowId,
      taskQueue,
      args: [input],
      staticSummary,
      // "Fail" and then attaching is "use existing" that says whether it did.
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.FAIL,
      workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    });
    return { handle, workflowId, runId: handle.firstExecutionRunId, attached: false };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return { handle: workflow.getHandle(workflowId), workflowId, runId: null, attached: true };
  }
}

/** The answer of a query, or null when nobody answers in time. */
export async function askWorkflow<T>(
  session: TemporalSession,
  workflowId: string,
  query: string,
): Promise<T | null> {
  const { client } = session;
  try {
    const asked = client.withDeadline(Date.now() + query_ms, () =>
      client.workflow.getHandle(workflowId).query(query),
    );
    return (await asked) as T;
  } catch {
    return null;
  }
}

/** Whether a worker polls a task queue for workflows or for activities. */
export async function isPolled(
  session: TemporalSession,
  queue: string,
  kind: 'workflow' | 'activity',
): Promise<boolean> {
  const { pollers } = await session.client.workflowService.describeTaskQueue({
    namespace: session.namespace,
    taskQueue: { name: queue },
    taskQueueType: taskQueueKind[kind],
  });
  const oldest_ms = Date.now() - pollerAge_ms;
  return pollers.some(({ lastAccessTime }) => (lastAccessTime?.seconds?.toNumber() ?? 0) * 1000 > oldest_ms);
}
