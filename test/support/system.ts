/** The whole system for one test: a simulator, a database with PostgREST, a Temporal namespace, and workers on demand. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { Source } from '../../activities/types.js';
import { demoCredentials, type DemoMapping } from '../../simulator/demo-data.js';
import { startSimulator, type Simulator } from '../../simulator/server.js';
import type { World } from '../../simulator/world.js';
import { createTestNamespace } from './temporal.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';

export interface System {
  db: TestDatabase;
  simulator: Simulator;
  client: Client;
  temporal: { address: string; namespace: string };
  /** The environment of a command or worker of this system. */
  env: NodeJS.ProcessEnv;
  /** A worker as a process of its own, ready when this resolves. */
  startWorker(extra?: NodeJS.ProcessEnv): Promise<WorkerProcess>;
  /** Runs a backfill to its end. */
  backfill(input: { source: Source; from: string; to: string } & Record<string, unknown>): Promise<unknown>;
  start(type: string, input: unknown, workflowId?: string): Promise<WorkflowHandle>;
  close(): Promise<void>;
}

export interface WorkerProcess {
  pid: number;
  /** Everything that it has written to standard error. */
  log(): string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface SystemOptions {
  world: World;
  mapping?: Partial<DemoMapping>;
  sources?: Source[];
  latencyMs?: number;
}

const cli = new URL('../../bin/hourledger.mjs', import.meta.url).pathname;
let workflows = 0;

export async function startSystem(options: SystemOptions): Promise<System> {
  const [db, temporal, simulator] = await Promise.all([
    createTestDatabase(),
    createTestNamespace(),
    startSimulator({
      world: options.world,
      credentials: structuredClone(demoCredentials),
      ...(options.latencyMs === undefined ? {} : { latencyMs: options.latencyMs }),
    }),
  ]);
  const rest = await db.startRest();
  await seedMapping(db, options.mapping ?? {});
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection, namespace: temporal.namespace });
  const env = {
    ...environment(options.sources ?? ['twilio', 'elevenlabs'], simulator),
    SUPABASE_URL: rest.supabaseUrl,
    SUPABASE_SERVICE_ROLE_KEY: rest.serviceRoleKey,
    DATABASE_URL: db.databaseUrl,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
  const workers = new Set<WorkerProcess>();
  const start: System['start'] = (type, input, workflowId) =>
    client.workflow.start(type, {
      taskQueue: 'hourledger',
      workflowId: workflowId ?? `${type}-${++workflows}`,
      args: [input],
    });
  return {
    db,
    simulator,
    client,
    temporal,
    env,
    start,
    async startWorker(extra = {}) {
      const worker = await launchWorker({ ...env, ...extra });
      workers.add(worker);
      return worker;
    },
    async backfill(input) {
      const result: unknown = await (await start('backfill', input)).result();
      return result;
    },
    async close() {
      for (const worker of workers) await worker.kill('SIGKILL');
      await connection.close();
      await simulator.stop();
      await db.close();
    },
  };
}

function environment(sources: Source[], simulator: Simulator): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  const { twilio, elevenlabs } = demoCredentials;
  return {
    ...(PATH === undefined ? {} : { PATH }),
    ...(HOME === undefined ? {} : { HOME }),
    ...(sources.includes('twilio')
      ? {
          TWILIO_ACCOUNT_SID: twilio.accountSid,
          TWILIO_AUTH_TOKEN: twilio.authToken,
          TWILIO_BASE_URL: simulator.twilioUrl,
        }
      : {}),
    ...(sources.includes('elevenlabs')
      ? { ELEVENLABS_API_KEY: elevenlabs.apiKey, ELEVENLABS_BASE_URL: simulator.elevenLabsUrl }
      : {}),
  };
}

async function launchWorker(env: NodeJS.ProcessEnv): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [cli, 'worker'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: string[] = [];
  const ended = once(child, 'exit');
  await new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes('Worker is ready')) resolve();
    });
    void ended.then(() => reject(new Error(`The worker ended: ${lines.join('\n')}`)));
  });
  return { pid: child.pid!, log: () => lines.join('\n'), kill: (signal) => end(child, signal, ended) };
}

async function end(child: ChildProcess, signal: NodeJS.Signals, ended: Promise<unknown>): Promise<void> {
  child.kill(signal);
  await ended;
}

/** Writes a mapping as a person would, with SQL. */
export async function seedMapping(db: TestDatabase, mapping: Partial<DemoMapping>): Promise<void> {
  for (const { id, name } of mapping.workspaces ?? []) {
    await db.query(
      'insert into workspaces (id, name) values ($1, $2) on conflict (id) do update set name = excluded.name',
      [id, name],
    );
  }
  for (const phone of mapping.workspace_phones ?? []) {
    await db.query(
      'insert into workspace_phones (phone_number, workspace_id, is_primary, valid_from, valid_to) values ($1, $2, $3, $4, $5)',
      [phone.phone_number, phone.workspace_id, phone.is_primary, phone.valid_from, phone.valid_to],
    );
  }
  for (const { agent_id, workspace_id } of mapping.workspace_agents ?? []) {
    await db.query('insert into workspace_agents (agent_id, workspace_id) values ($1, $2)', [
      agent_id,
      workspace_id,
    ]);
  }
  for (const { valid_from, usd_per_credit } of mapping.credit_rates ?? []) {
    await db.query('insert into credit_rates (valid_from, usd_per_credit) values ($1, $2)', [
      valid_from,
      usd_per_credit,
    ]);
  }
}
