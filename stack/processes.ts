/** Processes that outlive the command: started detached, told apart from strangers with the same pid, and stopped. */
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { StackError } from './stack-error.js';
import type { KnownProcess } from './state.js';

/** How often a condition is looked at again: short against what is waited for, and next to no work. */
const poll_ms = 15;
/** A log that has grown beyond this is put aside when its part starts again. */
const logSizeMax_bytes = 20_000_000;

export interface SpawnOptions {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Receives both output streams, appended. */
  logFile: string;
  cwd?: string;
  uid?: number;
  gid?: number;
}

/** Starts a process of its own session that goes on when this one ends. @throws StackError when it cannot be run. */
export async function spawnDetached(options: SpawnOptions): Promise<KnownProcess> {
  const log = openLog(options.logFile);
  try {
    const child = spawn(options.command, options.args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: options.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    child.unref();
    const pid = child.pid;
    if (pid === undefined) {
      const error = await new Promise<Error>((resolve) => child.once('error', resolve));
      throw new StackError(`Cannot run "${options.command}": ${error.message}.`);
    }
    child.on('error', () => undefined);
    return { pid, identity: identityOf(pid) ?? 'gone' };
  } finally {
    closeSync(log);
  }
}

function openLog(file: string): number {
  try {
    if (statSync(file).size > logSizeMax_bytes) renameSync(file, `${file}.old`);
  } catch {
    // There is no log yet.
  }
  return openSync(file, 'a', 0o600);
}

/**
 * What stays the same while a process lives, and differs for the next one with its pid: when it started (and, on Linux,
 * in which boot). Null when there is no such process, or only its remains that nobody has collected yet.
 */
export function identityOf(pid: number): string | null {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

let bootId: string | undefined;

function linuxIdentity(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // proc(5): the name in parentheses may hold anything; then come the state (field 3), the number of threads (20) and
  // the start time (22). A first thread that has ended ("Z") may have others that still hold ports and files.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const hasThreads = Number(fields[17]) > 1;
  if (fields[0] === 'X' || (fields[0] === 'Z' && !hasThreads)) return null;
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return `${bootId} ${fields[19] ?? ''}`;
}

function psIdentity(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, LC_ALL: 'C' },
    }).trim();
    const [state, ...started] = line.split(/\s+/);
    return state?.startsWith('Z') === false ? started.join(' ') : null;
  } catch {
    return null;
  }
}

/** True while the very process lives, not merely one with its pid. */
export function isAlive(known: KnownProcess | undefined): known is KnownProcess {
  if (known === undefined) return false;
  return identityOf(known.pid) === known.identity;
}

/** Sends a signal to the process if it still lives. */
export function signal(known: KnownProcess, name: NodeJS.Signals): void {
  if (!isAlive(known)) return;
  try {
    process.kill(known.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') {
      throw new StackError(
        `Process ${known.pid} belongs to another user: stop the stack as the user who started it.`,
        2,
      );
    }
  }
}

/** Ends a process: asks with each signal in turn, waiting up to `patience_ms` after each, the last being SIGKILL. */
export async function terminate(
  known: KnownProcess | undefined,
  signals: NodeJS.Signals[],
  patience_ms: number,
): Promise<void> {
  if (known === undefined) return;
  for (const name of [...signals, 'SIGKILL' as const]) {
    signal(known, name);
    if (await waitUntil(() => !isAlive(known), patience_ms)) return;
  }
  throw new StackError(
    `Process ${known.pid} does not end, not even by SIGKILL: look at it with: ps -p ${known.pid}`,
  );
}

/** Looks at a condition again and again until it holds (true) or the time is over (false). */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  limit_ms: number,
): Promise<boolean> {
  const end = Date.now() + limit_ms;
  for (;;) {
    if (await condition()) return true;
    if (Date.now() >= end) return false;
    await delay(poll_ms);
  }
}

/** Waits until a part answers. @throws StackError with the end of its log when it dies first or takes too long. */
export async function waitHealthy(
  name: string,
  known: KnownProcess,
  logFile: string,
  healthy: () => Promise<boolean>,
  limit_ms: number,
): Promise<void> {
  const ended = await waitUntil(async () => !isAlive(known) || (await healthy()), limit_ms);
  if (!ended) throw new StackError(`${name} does not answer after ${limit_ms / 1000} s. Its log: ${logFile}`);
  if (!isAlive(known))
    throw new StackError(`${name} ended while it started: ${lastLine(logFile)} (log: ${logFile})`);
}

/** The last lines of a log that say something, on one line. */
export function lastLine(logFile: string): string {
  try {
    const lines = readFileSync(logFile, 'utf8').slice(-4000).trim().split('\n');
    const telling = lines.filter((line) => /FATAL|ERROR|rror:|PANIC/.test(line));
    return (telling.at(-1) ?? lines.at(-1) ?? '').trim().slice(0, 400);
  } catch {
    return 'it left no log';
  }
}
