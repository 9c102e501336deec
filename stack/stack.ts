/** The embedded stack as a whole: PostgreSQL, PostgREST behind its gateway, and Temporal, in one data directory. */
import { existsSync, realpathSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { migrate } from '../database/migrate.js';
import { packageRoot } from '../database/package-root.js';
import { withLock } from './lock.js';
import { choosePort, requirePort } from './ports.js';
import { ensurePostgres, prepareRoles, stopPostgres } from './postgres.js';
import { launchPostgrest, restAnswers } from './postgrest.js';
import { isAlive, signal, spawnDetached, terminate, waitHealthy, waitUntil } from './processes.js';
import { StackError } from './stack-error.js';
import * as stateFile from './state.js';
import type { PartName, StackInfo, StackState } from './state.js';
import { ensureTemporal, httpStatus } from './temporal.js';

const rest_ms = 30_000;
/** A PostgREST that lost its database tries again at ever longer intervals; from here on a new one is quicker. */
const restReconnect_ms = 3_000;
/**
 * A few more than can work at the same time. PostgREST uses its connections in turns, and each has to plan everything and
 * to come by its memory for itself: what a merge costs a connection for the first time, more of them pay.
 */
const restPoolSize = Math.max(5, 2 * availableParallelism() + 1);

export interface StackOptions {
  /** The folder that holds everything; HOURLEDGER_DATA_DIR or .hourledger when left out. */
  dataDir?: string | undefined;
  /** Called with one line for each thing that takes time. */
  log?: (line: string) => void;
}

export interface PartStatus {
  part: PartName;
  pid: number | null;
  port: number | null;
  running: boolean;
}

export interface StackStatus {
  dataDir: string;
  state: 'running' | 'partly running' | 'stopped' | 'never started';
  parts: PartStatus[];
  /** What connects to it; null unless all of it runs. */
  info: StackInfo | null;
  logsDir: string;
}

/** The absolute path of the data directory: the one given, else HOURLEDGER_DATA_DIR, else .hourledger in the current folder. */
export function resolveDataDir(dataDir?: string): string {
  const given = dataDir ?? process.env['HOURLEDGER_DATA_DIR'];
  const absolute = path.resolve(given === undefined || given === '' ? '.hourledger' : given);
  return existsSync(absolute) ? realpathSync(absolute) : absolute;
}

/**
 * Starts whatever part is not running, on the ports and keys that the data directory has, migrates, and returns when
 * every part answers. What runs is left alone, so a second start is quick and changes nothing.
 *
 * @throws StackError or MigrationError, one line each. Parts that did start stay up, and the next start goes on from there.
 */
export async function startStack(options: StackOptions = {}): Promise<StackInfo> {
  const log = options.log ?? (() => undefined);
  if (process.platform === 'win32') {
    throw new StackError(
      'The embedded stack runs on Linux and macOS: use WSL, or set SUPABASE_URL and TEMPORAL_ADDRESS.',
      2,
    );
  }
  const given = resolveDataDir(options.dataDir);
  stateFile.prepareDataDir(given);
  const dataDir = resolveDataDir(given);
  return withLock(dataDir, async () => {
    stateFile.prepareDataDir(dataDir);
    const state = stateFile.readState(dataDir) ?? stateFile.newState();
    const save = () => stateFile.writeState(dataDir, state);
    save();
    // If one part fails the other one is still waited for, so that nothing goes on in the background after the error.
    const results = await Promise.allSettled([
      startDatabase(dataDir, state, save, log),
      ensureTemporal(dataDir, state, save, log),
    ]);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    const info = stateFile.infoOf(dataDir, state);
    if (info === null)
      throw new StackError(`The stack in "${dataDir}" has started, but not all of it: start it again.`);
    stateFile.writeInfo(dataDir, info);
    return info;
  });
}

async function startDatabase(
  dataDir: string,
  state: StackState,
  save: () => void,
  log: (line: string) => void,
) {
  await ensurePostgres(dataDir, state, save);
  const databaseUrl = stateFile.databaseUrlOf(state);
  await prepareRoles(databaseUrl, state.secrets.authenticatorPassword);
  await migrate(databaseUrl, { log });
  await Promise.all([ensurePostgrest(dataDir, state, save), ensureProxy(dataDir, state, save)]);
  const proxy = state.processes.proxy;
  if (proxy === undefined) return;
  const url = `http://127.0.0.1:${state.ports.proxy ?? 0}/rest/v1/`;
  const healthy = () => restAnswers(url, state.secrets.serviceRoleKey);
  await waitHealthy("PostgREST's gateway", proxy, logFileOf(dataDir, 'proxy'), healthy, rest_ms);
}

function logFileOf(dataDir: string, part: PartName): string {
  return path.join(stateFile.stackPaths(dataDir).logs, `${part}.log`);
}

async function ensurePostgrest(dataDir: string, state: StackState, save: () => void): Promise<void> {
  const healthy = () =>
    restAnswers(`http://127.0.0.1:${state.ports.postgrest ?? 0}/`, state.secrets.serviceRoleKey);
  const known = state.processes.postgrest;
  if (isAlive(known)) {
    if (await healthy()) return;
    // SIGUSR1 has it look at the database again (https://docs.postgrest.org/en/v12/references/schema_cache.html).
    signal(known, 'SIGUSR1');
    if (await waitUntil(healthy, restReconnect_ms)) return;
    await terminate(known, ['SIGTERM'], 2_000);
  }
  await launchOnPort(state, 'postgrest', 'PostgREST', async (port) => {
    const logFile = logFileOf(dataDir, 'postgrest');
    const started = await launchPostgrest({
      databaseUrl: stateFile.databaseUrlOf(state),
      authenticatorPassword: state.secrets.authenticatorPassword,
      jwtSecret: state.secrets.jwtSecret,
      port,
      logFile,
      poolSize: restPoolSize,
    });
    state.processes.postgrest = started;
    save();
    await waitHealthy('PostgREST', started, logFile, healthy, rest_ms);
  });
}

async function ensureProxy(dataDir: string, state: StackState, save: () => void): Promise<void> {
  const logFile = logFileOf(dataDir, 'proxy');
  // PostgREST's port is chosen at the same time; the gateway has to be told it.
  if (!(await waitUntil(() => state.ports.postgrest !== undefined, rest_ms)))
    throw new StackError('PostgREST has no port.');
  if (isAlive(state.processes.proxy)) return;
  await launchOnPort(state, 'proxy', 'the gateway of PostgREST', async (port) => {
    const program = path.join(packageRoot(), 'dist', 'stack', 'proxy-main.js');
    if (!existsSync(program)) throw new StackError(`"${program}" is missing: run "npm run build".`);
    const args = [program, String(port), String(state.ports.postgrest)];
    const started = await spawnDetached({ command: process.execPath, args, env: {}, logFile, cwd: '/' });
    state.processes.proxy = started;
    save();
    const anything = async () => (await httpStatus(`http://127.0.0.1:${port}/`, {})) === 404;
    await waitHealthy("PostgREST's gateway", started, logFile, anything, rest_ms);
  });
}

/** Launches on the kept port, or on a free one the first time, and then again when somebody else was quicker. */
async function launchOnPort(
  state: StackState,
  part: 'postgrest' | 'proxy',
  name: string,
  launch: (port: number) => Promise<void>,
): Promise<void> {
  const kept = state.ports[part];
  if (kept !== undefined) {
    await requirePort(kept, name);
    await launch(kept);
    return;
  }
  for (let tries = 1; ; tries++) {
    const port = await choosePort(Object.values(state.ports));
    state.ports[part] = port;
    try {
      await launch(port);
      return;
    } catch (error) {
      if (tries >= 3 || !/in use|EADDRINUSE/.test(String(error))) throw error;
    }
  }
}

/** What runs in a data directory. Looks at processes only, and asks none of them. */
export function stackStatus(dataDir?: string): StackStatus {
  const folder = resolveDataDir(dataDir);
  const state = stateFile.readState(folder);
  const parts = stateFile.partNames.map((part): PartStatus => {
    const known = state?.processes[part];
    const running = isAlive(known);
    return { part, pid: running ? known.pid : null, port: state?.ports[part] ?? null, running };
  });
  const running = parts.filter((part) => part.running).length;
  const summary = running === parts.length ? 'running' : running > 0 ? 'partly running' : 'stopped';
  const info = state !== null && summary === 'running' ? stateFile.infoOf(folder, state) : null;
  const { logs } = stateFile.stackPaths(folder);
  return { dataDir: folder, state: state === null ? 'never started' : summary, parts, info, logsDir: logs };
}

/**
 * How to reach the stack of a data directory.
 *
 * @throws StackError (exit code 2) when it does not run, or not all of it, with the command that starts it.
 */
export function readStack(dataDir?: string): StackInfo {
  const { info, parts, dataDir: folder, state } = stackStatus(dataDir);
  if (info !== null) return info;
  const dead = parts.filter((part) => !part.running).map((part) => part.part);
  const what =
    state === 'partly running'
      ? `Not all of the stack in "${folder}" runs (${dead.join(', ')} ended)`
      : `No stack is running in "${folder}"`;
  throw new StackError(`${what}. Start it with: npx hourledger stack start`, 2);
}

export interface StopResult {
  /** The parts that were running. */
  stopped: PartName[];
  deleted: boolean;
}

/**
 * Stops every process of a data directory and, if asked to, removes the folder. What is not running is no error.
 *
 * @throws StackError (exit code 2) when the folder to delete is no data directory of hourledger; nothing is deleted then.
 */
export async function stopStack(
  dataDir?: string,
  options: { deleteData?: boolean } = {},
): Promise<StopResult> {
  const folder = resolveDataDir(dataDir);
  if (stateFile.readProcessesLeniently(folder) === null) {
    if (options.deleteData === true && existsSync(folder)) {
      throw new StackError(`"${folder}" is no data directory of hourledger, so it is not deleted.`, 2);
    }
    return { stopped: [], deleted: false };
  }
  return withLock(folder, async () => {
    const processes = stateFile.readProcessesLeniently(folder) ?? {};
    const stopped = stateFile.partNames.filter((part) => isAlive(processes[part]));
    stateFile.removeInfo(folder);
    // The gateway first, so that no request reaches a half that is going away; PostgreSQL last.
    await terminate(processes.proxy, ['SIGTERM'], 5_000);
    await Promise.all([
      terminate(processes.temporal, ['SIGTERM'], 10_000),
      terminate(processes.postgrest, ['SIGTERM'], 5_000).then(() => stopPostgres(folder, processes.postgres)),
    ]);
    if (options.deleteData === true) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    return { stopped, deleted: options.deleteData === true };
  });
}
