/** The real parts for a benchmark: a fresh stack in a folder of its own, the fake providers, and worker processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { seedMapping } from '../client/demo/figures.js';
import { isRunning, stopProcess } from '../client/demo/processes.js';
import { connectTemporal, isPolled, taskQueue, type TemporalSession } from '../client/temporal.js';
import { Ledger } from '../database/ledger.js';
import { packageRoot } from '../database/package-root.js';
import { connectionsOf } from '../settings/connections.js';
import { demoCredentials } from '../simulator/demo-data.js';
import { startStack, stackStatus, stopStack, type StackInfo } from '../stack/index.js';
import { choosePort } from '../stack/ports.js';
import { launchPostgrest, restAnswers } from '../stack/postgrest.js';
import { terminate, waitHealthy } from '../stack/processes.js';
import { readState } from '../stack/state.js';

const workerStart_ms = 60_000;
const look_ms = 50;
/** Enough for what one command asks at once. */
const restPoolSize = 4;
const restStart_ms = 30_000;
const restStop_ms = 5_000;

/** What is left to stop, newest last; `stopAll` is for every end, Ctrl-C included. */
const running: (() => Promise<void>)[] = [];

/** Stops everything that was started and is still up, newest first; waits for what somebody else is stopping. */
export async function stopAll(): Promise<void> {
  for (let stop = running.at(-1); stop !== undefined; stop = running.at(-1)) await stop();
}

/** Stops it once, however often and by whomever it is asked for. */
export function whenStopping(stop: () => Promise<void>): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  const once = () => {
    stopping ??= stop().finally(() => running.splice(running.indexOf(once), 1));
    return stopping;
  };
  running.push(once);
  return once;
}

export interface Provider {
  pid: number;
  url: string;
  stop(): Promise<void>;
}

/** Starts the fake providers. @param args of simulator/main */
export async function startProvider(...args: string[]): Promise<Provider> {
  const program = path.join(packageRoot(), 'dist', 'simulator', 'main.js');
  // Half a million rendered calls are a gigabyte beside the heap, and their facts are some hundred megabytes in it.
  const options = ['--max-old-space-size=8192', program, ...args];
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = whenStopping(() => stopProcess(child));
  const [line] = (await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])) as [Buffer | number];
  if (!Buffer.isBuffer(line)) throw new Error('The fake providers did not start; see above.');
  const { twilioUrl } = JSON.parse(line.toString()) as { twilioUrl: string };
  return { pid: pidOf(child), url: twilioUrl, stop };
}

export interface BenchWorker {
  pid: number;
  stop(): Promise<void>;
}

export interface System {
  info: StackInfo;
  session: TemporalSession;
  ledger: Ledger;
  /** A connection for looking at things, and for changing settings. */
  database: pg.Client;
  /** The process of each part of the stack. */
  pids: { postgres: number; postgrest: number; gateway: number; temporal: number };
  /** A worker that takes work of the source when this resolves. */
  startWorker(source: 'twilio' | 'elevenlabs', provider: Provider): Promise<BenchWorker>;
  /** The ledger in another database of the stack, through a PostgREST of its own; that one stops with the stack. */
  openLedger(databaseUrl: string): Promise<Ledger>;
  stop(): Promise<void>;
}

/** Starts a stack from nothing, with the demonstration's mapping. @param profileDir where workers write CPU profiles */
export async function startSystem(profileDir: string | null = null): Promise<System> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'hourledger-bench-'));
  const stopParts = whenStopping(async () => {
    await stopStack(dataDir, { deleteData: true });
  });
  const info = await startStack({ dataDir });
  await seedMapping(info.databaseUrl);
  const where = connectionsOf(info, dataDir);
  const session = await connectTemporal(where);
  const database = new pg.Client({ connectionString: info.databaseUrl });
  // Ctrl-C stops the server under it.
  database.on('error', () => undefined);
  await database.connect();
  // What is measured is hourledger, and not how fast somebody allows it to ask.
  await database.query('update hourledger.request_limits set requests_per_second = 100000');
  const rests: (() => Promise<void>)[] = [];
  const gateway = stackStatus(dataDir).parts.find(({ part }) => part === 'proxy')?.pid ?? 0;
  return {
    info,
    session,
    ledger: new Ledger(where),
    database,
    pids: { ...info.pids, gateway },
    async openLedger(databaseUrl) {
      const { ledger, stop } = await openLedger(info, databaseUrl);
      rests.push(stop);
      return ledger;
    },
    startWorker: (source, provider) => startWorker(session, info, source, provider, profileDir),
    stop: async () => {
      for (const stop of rests) await stop();
      await database.end();
      await session.close();
      await stopParts();
    },
  };
}

async function openLedger(info: StackInfo, databaseUrl: string) {
  const { dataDir } = info;
  const secrets = readState(dataDir)?.secrets;
  if (secrets === undefined) throw new Error(`There is no stack in ${dataDir}.`);
  const port = await choosePort();
  const logFile = path.join(dataDir, 'logs', `postgrest-${port}.log`);
  const rest = await launchPostgrest({ databaseUrl, ...secrets, port, logFile, poolSize: restPoolSize });
  const stop = whenStopping(() => terminate(rest, ['SIGTERM'], restStop_ms));
  const postgrestUrl = `http://127.0.0.1:${port}`;
  const healthy = () => restAnswers(`${postgrestUrl}/`, secrets.serviceRoleKey);
  await waitHealthy('PostgREST', rest, logFile, healthy, restStart_ms);
  return { ledger: new Ledger({ ...connectionsOf(info, dataDir), postgrestUrl }), stop };
}

async function startWorker(
  session: TemporalSession,
  info: StackInfo,
  source: 'twilio' | 'elevenlabs',
  provider: Provider,
  profileDir: string | null,
): Promise<BenchWorker> {
  const logFile = path.join(info.dataDir, 'logs', `worker-${process.hrtime.bigint()}.log`);
  const log = openSync(logFile, 'a');
  const profiling = profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  const program = path.join(packageRoot(), 'dist', 'client', 'main.js');
  const child = spawn(process.execPath, [...profiling, program, 'worker'], {
    env: environmentOf(info, source, provider),
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const stop = whenStopping(() => stopProcess(child));
  const end_ms = Date.now() + workerStart_ms;
  const queues = [taskQueue, `${taskQueue}-${source}`];
  const isReady = async () => {
    if (!readFileSync(logFile, 'utf8').includes('Worker is ready')) return false;
    const polled = await Promise.all(queues.map((queue) => isPolled(session, queue, 'activity')));
    return polled.every(Boolean);
  };
  while (!(await isReady())) {
    if (!isRunning(child) || Date.now() > end_ms) {
      throw new Error(`The worker does not start: ${readFileSync(logFile, 'utf8').slice(-500)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, look_ms));
  }
  return { pid: pidOf(child), stop };
}

function environmentOf(
  info: StackInfo,
  source: 'twilio' | 'elevenlabs',
  provider: Provider,
): NodeJS.ProcessEnv {
  const { twilio, elevenlabs } = demoCredentials;
  return {
    PATH: process.env['PATH'] ?? '',
    HOURLEDGER_DATA_DIR: info.dataDir,
    ...(source === 'twilio'
      ? {
          TWILIO_ACCOUNT_SID: twilio.accountSid,
          TWILIO_AUTH_TOKEN: twilio.authToken,
          TWILIO_BASE_URL: provider.url,
        }
      : { ELEVENLABS_API_KEY: elevenlabs.apiKey, ELEVENLABS_BASE_URL: provider.url }),
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('A process did not start.');
  return child.pid;
}
