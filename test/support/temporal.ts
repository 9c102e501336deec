/** A Temporal namespace of its own for a test, on the suite's server. */
import { randomBytes } from 'node:crypto';
import { Connection } from '@temporalio/client';
import { suite } from './suite.js';
import { waitFor } from './wait-for.js';

export interface TestNamespace {
  address: string;
  namespace: string;
}

const day_s = 86_400;

/** Registers a namespace and waits until workflows can be started in it. */
export async function createTestNamespace(): Promise<TestNamespace> {
  const address = suite().temporalAddress;
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const connection = await Connection.connect({ address });
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: { seconds: day_s as unknown as Long },
    });
    await waitFor(() => isUsable(connection, namespace), { what: `namespace ${namespace}` });
    return { address, namespace };
  } finally {
    await connection.close();
  }
}

/** A server knows a new namespace only when its cache has been refreshed; asking for a workflow goes through that cache. */
async function isUsable(connection: Connection, namespace: string): Promise<boolean> {
  try {
    await connection.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId: 'none' },
    });
    return true;
  } catch (error) {
    return /workflow.*not found/i.test((error as Error).message);
  }
}
