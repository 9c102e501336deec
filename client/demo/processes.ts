/** The processes that the demonstration starts beside the stack: the fake providers and a worker. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../../database/package-root.js';
import { CliError } from '../cli-error.js';

const simulatorStart_ms = 60_000;
/** A worker finishes what is under way, at most as long as a statement and a request last. */
const stop_ms = 30_000;

export interface Simulator {
  child: ChildProcess;
  twilioUrl: string;
  elevenLabsUrl: string;
}

export interface Worker {
  child: ChildProcess;
  logFile: string;
}

/** Starts the fake providers with the demonstration's records, and returns when they listen. */
export async function startSimulator(logFile: string): Promise<Simulator> {
  const program = path.join(packageRoot(), 'dist', 'simulator', 'main.js');
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [program, '--data', 'demo'], { stdio: ['ignore', 'pipe', log] });
  closeSync(log);
  const line = await Promise.race([firstLine(child), once(child, 'exit'), timeout(simulatorStart_ms)]);
  if (typeof line !== 'string') {
    child.kill('SIGKILL');
    throw new CliError(`The fake providers do not start: ${lastLine(logFile)}. See ${logFile}`);
  }
  return { child, ...(JSON.parse(line) as { twilioUrl: string; elevenLabsUrl: string }) };
}

/** Starts `hourledger worker` with this environment; its log goes into a file. */
export function startWorker(environment: NodeJS.ProcessEnv, logFile: string): Worker {
  const log = openSync(logFile, 'a');
  const program = path.join(packageRoot(), 'bin', 'hourledger.mjs');
  const child = spawn(process.execPath, [program, 'worker'], {
    env: environment,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  return { child, logFile };
}

/** Whether a process that was started here still runs. */
export function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Asks a process to end, and waits for it; one that does not is killed. */
export async function stopProcess(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  if ((await Promise.race([gone, timeout(stop_ms)])) !== null) return;
  child.kill('SIGKILL');
  await gone;
}

/** The most memory that a process has had, in megabytes; null where the system does not tell. */
export function peakMemory_mb(child: ChildProcess): number | null {
  try {
    const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8');
    const peak_kb = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
    return peak_kb === undefined ? null : Math.round(Number(peak_kb) / 1024);
  } catch {
    // Only Linux has this file.
    return null;
  }
}

/** The end of a log, for an error message. */
export function lastLine(logFile: string): string {
  return readFileSync(logFile, 'utf8').trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const end = text.indexOf('\n');
    if (end >= 0) return text.slice(0, end);
  }
  // The process has ended; that is told by whoever waits for its exit.
  return new Promise(() => undefined);
}

function timeout(duration_ms: number): Promise<null> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), duration_ms).unref();
  });
}
