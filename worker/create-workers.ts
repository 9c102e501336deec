/** The Temporal workers of one process: one for workflows and the database, one for each provider that is on. */
import type { Client } from '@temporalio/client';
import {
  type NativeConnection,
  Worker,
  type WorkflowBundleOption,
  type WorkerOptions,
} from '@temporalio/worker';
import { createActivities, type Dependencies } from '../activities/index.js';
import { RequestLease } from '../activities/request-lease.js';
import { sources, type Source } from '../activities/types.js';
import type { Ledger } from '../database/ledger.js';
import { AdaptiveConcurrency } from '../providers/adaptive-concurrency.js';
import type { Providers } from '../providers/index.js';

/** Requests leased from the ledger at once. A page of Twilio's is a thousand records, one of ElevenLabs' a single one. */
const leaseBlock: Record<Source, number> = { twilio: 10, elevenlabs: 200 };
/** Requests at once at most. A page of Twilio's is two megabytes of text while it is under way. */
const concurrency_max: Record<Source, number> = { twilio: 4, elevenlabs: 64 };

export interface WorkerSettings {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  workflows: { bundle: WorkflowBundleOption } | { path: string };
  ledger: Ledger;
  providers: Providers;
  /** Default: what is read from the limits above. */
  client?: Client;
}

/** What activities work with in this process. */
export function createDependencies(ledger: Ledger, providers: Providers): Dependencies {
  const perSource = <T>(make: (source: Source) => T): Record<Source, T> => ({
    twilio: make('twilio'),
    elevenlabs: make('elevenlabs'),
  });
  const lease = perSource((source) => new RequestLease(ledger, source, { block: leaseBlock[source] }));
  const concurrency = perSource(
    (source) => new AdaptiveConcurrency(lease[source], { max: concurrency_max[source] }),
  );
  return { ledger, providers, concurrency, lease };
}

/** Workers that are ready to run. A provider's task queue carries the activities that ask it, and no others. */
export async function createWorkers(settings: WorkerSettings): Promise<Worker[]> {
  const { connection, namespace, taskQueue, workflows, ledger, providers } = settings;
  const activities = createActivities(createDependencies(ledger, providers));
  const { checkCredentials, fetchProviderPage, fetchRecordsAgain, fetchProviderTotals, ...database } =
    activities;
  const common = {
    connection,
    namespace,
    // An activity that is cut off by a shutdown goes on at its last heartbeat; a statement lasts 8 s at most.
    shutdownGraceTime: '15 seconds',
    shutdownForceTime: '25 seconds',
    // The default keeps heartbeats back for 80% of their timeout, which leaves little of it for a slow step.
    maxHeartbeatThrottleInterval: '3 seconds',
  } satisfies Partial<WorkerOptions>;
  const workers = [
    Worker.create({
      ...common,
      taskQueue,
      activities: database,
      maxConcurrentActivityTaskExecutions: 8,
      ...('bundle' in workflows ? { workflowBundle: workflows.bundle } : { workflowsPath: workflows.path }),
    }),
    ...sources
      .filter((source) => providers[source] !== undefined)
      .map((source) =>
        Worker.create({
          ...common,
          taskQueue: `${taskQueue}-${source}`,
          activities: { checkCredentials, fetchProviderPage, fetchRecordsAgain, fetchProviderTotals },
          maxConcurrentActivityTaskExecutions: 4,
        }),
      ),
  ];
  return Promise.all(workers);
}
