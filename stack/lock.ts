/** One command at a time works on a data directory; the lock of a command that died is taken over. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { identityOf, isAlive, waitUntil } from './processes.js';
import { StackError } from './stack-error.js';
import { stackPaths, type KnownProcess } from './state.js';

/** A first start downloads and unpacks; the next in line waits for all of it. */
const wait_ms = 180_000;
/** Taking over is a few system calls; whoever needs longer has died in the middle. */
const takeover_ms = 10_000;

/** Runs `work` while no other process does so for this data directory. */
export async function withLock<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const file = stackPaths(dataDir).lock;
  const self: KnownProcess = { pid: process.pid, identity: identityOf(process.pid) ?? '' };
  if (!(await waitUntil(() => tryLock(file, self), wait_ms))) {
    const holder = readHolder(file);
    throw new StackError(
      `Process ${holder?.pid ?? '?'} has been working on "${dataDir}" for long: wait for it, or end it.`,
    );
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryLock(file: string, self: KnownProcess): boolean {
  if (create(file, self)) return true;
  const holder = readHolder(file);
  if (holder === null || isAlive(holder)) return false;
  // The holder died. Only one process may take its lock away, else a second one would take the first one's.
  const takeover = `${file}.takeover`;
  if (!create(takeover, self)) {
    removeIfOld(takeover);
    return false;
  }
  try {
    const still = readHolder(file);
    if (still === null || isAlive(still)) return false;
    rmSync(file, { force: true });
    return create(file, self);
  } finally {
    rmSync(takeover, { force: true });
  }
}

function create(file: string, self: KnownProcess): boolean {
  try {
    writeFileSync(file, JSON.stringify(self), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return false;
    // Whoever held the lock has deleted the whole data directory.
    if (code === 'ENOENT') return mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 }) === '';
    throw new StackError(
      `Cannot write into "${path.dirname(file)}": ${String(error)}. Use another --data-dir.`,
      2,
    );
  }
}

/** Who holds the lock; null when nobody does, or its name is just being written. */
function readHolder(file: string): KnownProcess | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as KnownProcess;
  } catch {
    // A holder that died between making the file and writing its name would otherwise block for ever.
    removeIfOld(file);
    return null;
  }
}

function removeIfOld(file: string): void {
  const written = statSync(file, { throwIfNoEntry: false });
  if (written && Date.now() - written.mtimeMs > takeover_ms) rmSync(file, { force: true });
}
