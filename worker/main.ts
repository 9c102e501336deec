/** The worker process: wiring only. Runs until SIGTERM or SIGINT, then drains: what is under way is finished. */
import { existsSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { fileURLToPath } from 'node:url';
import { NativeConnection } from '@temporalio/worker';
import { sources } from '../activities/types.js';
import { Ledger } from '../database/ledger.js';
import { configuredSources, createProviders } from '../providers/index.js';
import { resolveConnections } from '../settings/connections.js';
import { readEnvironment } from '../settings/environment.js';
import { createWorkers } from './create-workers.js';
import { runDrainLoop } from './drain-loop.js';
import { installTemporalLog, log } from './log.js';

/** The task queue that workflows are started on; people type it into the `temporal` CLI. */
const taskQueue = 'hourledger';

/**
 * Runs a worker until it is told to stop.
 * @throws SettingsError for settings that are missing or malformed, before anything is connected
 */
export async function runWorker(): Promise<void> {
  // Pages are large texts that live for a moment. Left alone, the heap grows to several times what is alive in it before
  // they are collected; kept closer, collecting costs more than it saves.
  setFlagsFromString('--heap-growing-percent=100');
  const env = readEnvironment();
  const connections = resolveConnections(env);
  installTemporalLog();
  const ledger = new Ledger(connections);
  await ledger.call('apply_settings', {
    p_ledger_currency: env.LEDGER_CURRENCY ?? null,
    p_default_workspace_id: env.DEFAULT_WORKSPACE_ID ?? null,
  });
  const [connection, providers] = await Promise.all([
    NativeConnection.connect(connections.temporal),
    createProviders(env),
  ]);
  const workers = await createWorkers({
    connection,
    namespace: connections.namespace,
    taskQueue,
    workflows: workflowCode(),
    ledger,
    providers,
  });
  const stop = new AbortController();
  const shutDown = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) return;
    log.info({ signal }, 'Shutting down: what is under way is finished');
    stop.abort();
    for (const worker of workers) worker.shutdown();
  };
  process.on('SIGTERM', shutDown);
  process.on('SIGINT', shutDown);
  log.info({ sources: configuredSources(env), namespace: connections.namespace }, 'Worker is ready');
  try {
    await Promise.all([...workers.map((worker) => worker.run()), runDrainLoop(ledger, stop.signal)]);
  } finally {
    for (const source of sources) providers[source]?.close();
    await connection.close();
  }
  log.info('Worker has stopped');
}

/** The bundle built ahead; from sources it is made now, which takes some seconds. */
function workflowCode(): { bundle: { codePath: string } } | { path: string } {
  const built = fileURLToPath(new URL('../workflow-bundle.js', import.meta.url));
  if (existsSync(built)) return { bundle: { codePath: built } };
  return { path: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)) };
}
