/**
 * Whether the worker of this machine polls its task queue: `node health-main.js`, exit code 0 or 1. A worker that is up
 * and cannot reach Temporal, or hangs, does not poll, which looking at its process would not show.
 */
import { hostname } from 'node:os';
import { Connection } from '@temporalio/client';
import { resolveConnections } from '../settings/connections.js';
import { readEnvironment } from '../settings/environment.js';

const taskQueue = 'hourledger';
const connect_ms = 5_000;
/** A poll lasts a minute; who has not been seen for longer than this is not there any more. */
const pollerAge_ms = 75_000;

try {
  const healthy = await isPolling();
  process.stdout.write(healthy ? 'polling\n' : `no worker of ${hostname()} polls ${taskQueue}\n`);
  process.exitCode = healthy ? 0 : 1;
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function isPolling(): Promise<boolean> {
  const { temporal, namespace } = resolveConnections(readEnvironment());
  const connection = await Connection.connect({ ...temporal, connectTimeout: connect_ms });
  try {
    // Without a type these are the pollers for workflows, which every worker has.
    const { pollers } = await connection.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: taskQueue },
    });
    const oldest_ms = Date.now() - pollerAge_ms;
    return pollers.some(({ identity, lastAccessTime }) => {
      // The SDK calls a worker PID@HOST.
      const isOurs = identity?.endsWith(`@${hostname()}`) === true;
      return isOurs && (lastAccessTime?.seconds?.toNumber() ?? 0) * 1000 > oldest_ms;
    });
  } finally {
    await connection.close();
  }
}
