/** A real Temporal server and workers of the workflows, with a fake behind the activities for each test. */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  bundleWorkflowCode,
  type WorkflowBundle,
} from '@temporalio/worker';
import type { Activities } from '../../../activities/types.js';
import { FakeLedger } from './fake-ledger.js';

const workflowsPath = fileURLToPath(new URL('../../../workflows/index.ts', import.meta.url));
const logger = new DefaultLogger('ERROR');
Runtime.install({ logger });
const idLength = `test-${randomUUID()}`.length;

/** The code of the workflows, as a worker runs it. */
export function bundleWorkflows(): Promise<WorkflowBundle> {
  return bundleWorkflowCode({ workflowsPath, logger });
}

/** Workers of the workflows and of each source, for all tests of a file. */
export class WorkflowEnvironment {
  readonly client: Client;
  readonly taskQueue = `test-${randomUUID()}`;
  readonly #ledgers = new Map<string, FakeLedger>();
  readonly #close: (() => Promise<void>)[] = [];

  constructor(client: Client) {
    this.client = client;
  }

  static async start(address: string, namespace: string): Promise<WorkflowEnvironment> {
    const connection = await Connection.connect({ address });
    const native = await NativeConnection.connect({ address });
    const environment = new WorkflowEnvironment(new Client({ connection, namespace }));
    await environment.#work(native, namespace, await bundleWorkflows());
    environment.#close.push(
      () => connection.close(),
      () => native.close(),
    );
    return environment;
  }

  /** A workflow id that nobody used before, whose activities (and those of its children) are the ledger's. */
  idFor(ledger: FakeLedger): string {
    const id = `test-${randomUUID()}`;
    this.#ledgers.set(id, ledger);
    return id;
  }

  async close(): Promise<void> {
    for (const ledger of this.#ledgers.values()) ledger.releaseAll();
    for (const close of this.#close) await close();
  }

  async #work(
    connection: NativeConnection,
    namespace: string,
    workflowBundle: WorkflowBundle,
  ): Promise<void> {
    const activities = this.#activities();
    const shared = { connection, namespace, shutdownGraceTime: 0 };
    const { taskQueue } = this;
    const workers = await Promise.all([
      Worker.create({ ...shared, taskQueue, workflowBundle, activities }),
      ...(['twilio', 'elevenlabs'] as const).map((source) =>
        Worker.create({
          ...shared,
          taskQueue: `${taskQueue}-${source}`,
          activities,
        }),
      ),
    ]);
    const running = workers.map((worker) => worker.run());
    this.#close.push(async () => {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
    });
  }

  /** Activities that go to the ledger of the workflow which called them. */
  #activities(): object {
    const names = Object.keys(new FakeLedger().activities()) as (keyof Activities)[];
    const routed = names.map((name) => [
      name,
      (input: never) => {
        // Children and scheduled runs append something to the id that was given.
        const id = Context.current().info.workflowExecution?.workflowId.slice(0, idLength) ?? '';
        return this.#ledgers.get(id)!.activities()[name](input);
      },
    ]);
    return Object.fromEntries(routed) as object;
  }
}

/** Asks until `holds`; every round asks the server, so nothing but the condition is waited for. */
export async function until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
  }
}
