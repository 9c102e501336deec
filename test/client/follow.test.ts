/** Waiting for a workflow: its own end is what counts, not how well it could be looked at meanwhile. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { follow, type Following } from '../../client/follow.js';
import type { StartedWorkflow, TemporalSession } from '../../client/temporal.js';
import type { backfill } from '../../workflows/index.js';
import { suite } from '../support/suite.js';
import { waitFor } from '../support/wait-for.js';
import { connectForTests } from '../workflows/support/connect.js';
import { FakeLedger } from '../workflows/support/fake-ledger.js';
import type { WorkflowEnvironment } from '../workflows/support/workflow-environment.js';

/** The way to Temporal, which a test can block. */
class Relay {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #blocked = false;

  constructor() {
    const [host, port] = suite().temporalAddress.split(':');
    this.#server = createServer((socket) => {
      if (this.#blocked) return void socket.destroy();
      const onward = connect(Number(port), host);
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => undefined).on('close', () => other.destroy());
        one.pipe(other);
      }
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  block(): void {
    this.#blocked = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  unblock(): void {
    this.#blocked = false;
  }

  async close(): Promise<void> {
    this.block();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

let environment: WorkflowEnvironment;
let relay: Relay;
let session: TemporalSession;

beforeAll(async () => {
  environment = await connectForTests();
  relay = new Relay();
  const address = await relay.listen();
  // Without the retries of the SDK, which would make any outage of less than 20 s invisible.
  const connection = await Connection.connect({ address, interceptors: [] });
  const client = new Client({ connection, namespace: 'default' });
  session = { client, namespace: 'default', address, webUrl: null, close: () => connection.close() };
});

afterAll(async () => {
  await session.close();
  await relay.close();
  await environment.close();
});

/** A backfill of one day that waits for the ledger to let it go on. */
async function startHeld(
  prepare: (ledger: FakeLedger) => void = () => undefined,
): Promise<{ ledger: FakeLedger; started: StartedWorkflow }> {
  const ledger = new FakeLedger();
  prepare(ledger);
  ledger.hold('2025-08-01');
  const workflowId = environment.idFor(ledger);
  await environment.client.workflow.start<typeof backfill>('backfill', {
    taskQueue: environment.taskQueue,
    workflowId,
    args: [{ source: 'twilio', from: '2025-08-01', to: '2025-08-01' }],
  });
  const handle = session.client.workflow.getHandle(workflowId);
  return { ledger, started: { handle, workflowId, runId: null, attached: true } };
}

function watching(over: Partial<Following<string>>): { following: Following<string>; notes: string[] } {
  const notes: string[] = [];
  const following: Following<string> = {
    look: () => Promise.resolve('progress'),
    show: () => undefined,
    note: (text) => notes.push(text),
    leave: new AbortController().signal,
    ...over,
  };
  return { following, notes };
}

test('an outage of Temporal is waited for, however long it takes', async () => {
  const { ledger, started } = await startHeld();
  const { following, notes } = watching({ look: () => Promise.resolve(null) });
  const outcome = follow(session, started, following);
  relay.block();
  await waitFor(() => notes.includes('Temporal does not answer at the moment; waiting for it.'));
  relay.unblock();
  ledger.releaseAll();
  expect(await outcome).toMatchObject({ kind: 'ended', state: 'completed' });
});

test('what goes wrong with showing progress is said once, and decides nothing', async () => {
  const { ledger, started } = await startHeld();
  let shown = 0;
  const { following, notes } = watching({
    show: () => {
      shown += 1;
      throw new Error('The terminal is too narrow.');
    },
  });
  const outcome = follow(session, started, following);
  await waitFor(() => shown > 0);
  ledger.releaseAll();
  expect(await outcome).toMatchObject({ kind: 'ended', state: 'completed' });
  expect(notes).toEqual(['The progress cannot be shown: The terminal is too narrow.']);
});

test('leaving takes the question back at once, also while Temporal is away', async () => {
  const { ledger, started } = await startHeld();
  const leave = new AbortController();
  const { following, notes } = watching({ look: () => Promise.resolve(null), leave: leave.signal });
  const outcome = follow(session, started, following);
  relay.block();
  await waitFor(() => notes.length > 0);
  leave.abort();
  expect(await outcome).toEqual({ kind: 'detached' });
  relay.unblock();
  ledger.releaseAll();
});

test('a workflow that Temporal does not know is an error, and not waited for', async () => {
  const handle = session.client.workflow.getHandle('there-is-none');
  const started = { handle, workflowId: 'there-is-none', runId: null, attached: true };
  await expect(follow(session, started, watching({}).following)).rejects.toThrow('not found');
});

test('a failure is told in the words of what failed, out of what Temporal wraps around it', async () => {
  const { ledger, started } = await startHeld((held) => {
    held.keyRefused = 'twilio';
  });
  const outcome = await follow(session, started, watching({}).following);
  expect(outcome).toMatchObject({ kind: 'ended', state: 'failed', message: 'The key was refused.' });
  ledger.releaseAll();
});
