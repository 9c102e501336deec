/** The embedded Temporal server: the dev server of the Temporal CLI, with a database file that survives its crash. */
import { mkdirSync } from 'node:fs';
import { get } from 'node:http';
import path from 'node:path';
import { choosePort, requirePort } from './ports.js';
import { isAlive, lastLine, spawnDetached, waitHealthy } from './processes.js';
import { stackPaths, type StackState } from './state.js';
import { findTemporal } from './temporal-executable.js';

const start_ms = 60_000;
export const temporalNamespace = 'default';

/**
 * SQLite's write-ahead log makes each commit one append; with synchronous NORMAL a crash of the server loses nothing, and
 * one of the machine at most the newest commits, which the ledger can afford: all its steps are idempotent. Without the
 * last one a workflow that is alone on the server waits some 35 ms before each step.
 */
const tuning = [
  ['--sqlite-pragma', 'journal_mode=WAL'],
  ['--sqlite-pragma', 'synchronous=NORMAL'],
  ['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=2000'],
].flat();

/** Starts Temporal unless it runs, and returns when its namespace can be described. */
export async function ensureTemporal(
  dataDir: string,
  state: StackState,
  save: () => void,
  log: (line: string) => void,
): Promise<void> {
  const paths = stackPaths(dataDir);
  const logFile = path.join(paths.logs, 'temporal.log');
  const known = state.processes.temporal;
  if (isAlive(known)) {
    await waitHealthy('Temporal', known, logFile, () => describesNamespace(state), start_ms);
    return;
  }
  const command = await findTemporal(log);
  mkdirSync(paths.temporal, { recursive: true, mode: 0o700 });
  const isFirst = state.ports.temporal === undefined || state.ports.temporalWeb === undefined;
  for (let tries = 1; ; tries++) {
    if (isFirst) {
      state.ports.temporal = await choosePort(Object.values(state.ports));
      state.ports.temporalWeb = await choosePort(Object.values(state.ports));
    } else {
      await requirePort(state.ports.temporal ?? 0, 'Temporal');
      await requirePort(state.ports.temporalWeb ?? 0, 'Temporal Web');
    }
    const args = serverArguments(paths.temporal, state.ports.temporal ?? 0, state.ports.temporalWeb ?? 0);
    const started = await spawnDetached({ command, args, env: process.env, logFile, cwd: paths.temporal });
    state.processes.temporal = started;
    save();
    try {
      await waitHealthy('Temporal', started, logFile, () => describesNamespace(state), start_ms);
      return;
    } catch (error) {
      // Temporal takes more ports than these two from the system, and each may be taken just before it is used.
      if (isAlive(started) || !lastLine(logFile).includes('address already in use') || tries >= 3)
        throw error;
    }
  }
}

function serverArguments(folder: string, port: number, webPort: number): string[] {
  const args = [
    'server',
    'start-dev',
    '--db-filename',
    path.join(folder, 'temporal.db'),
    '--namespace',
    temporalNamespace,
  ];
  args.push(
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--ui-port',
    String(webPort),
    '--log-level',
    'error',
  );
  return [...args, ...tuning];
}

/** Temporal Web passes its API on to the server: an answer means that both are there, and the namespace too. */
function describesNamespace(state: StackState): Promise<boolean> {
  const url = `http://127.0.0.1:${state.ports.temporalWeb ?? 0}/api/v1/namespaces/${temporalNamespace}`;
  return httpStatus(url, {}).then((status) => status === 200);
}

/** The status of a GET, or 0 when nobody answers within two seconds. */
export function httpStatus(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    const asked = get(url, { headers, agent: false, timeout: 2_000 }, (answer) => {
      answer.resume();
      answer.on('error', () => undefined);
      resolve(answer.statusCode ?? 0);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(0));
  });
}
