/** Where the time of a run goes: CPU profiles of the workers, and PostgreSQL's own count of time in each function. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type pg from 'pg';

/** A file as Chrome's developer tools read it, as far as it is read here. */
interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  samples: number[];
  timeDeltas: number[];
}

const lines_max = 40;

/** Has PostgreSQL count from now on; costs a few percent. */
export async function beginProfile(database: pg.Client, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await database.query(`alter system set track_functions = 'all'`);
  await database.query('select pg_reload_conf()');
  await database.query('select pg_stat_reset()');
}

/** Writes how long each function took, called functions included and without them, to a file. */
export async function writeFunctionTimes(database: pg.Client, folder: string, name: string): Promise<void> {
  // Sessions tell what they have counted at the end of a transaction, a second apart at most.
  await database.query('select pg_stat_force_next_flush()');
  const { rows } = await database.query<Record<'name' | 'calls' | 'total' | 'self', string>>(`
    select funcname as name, calls, round(total_time::numeric) as total, round(self_time::numeric) as self
    from pg_stat_user_functions order by self_time desc limit ${lines_max}`);
  const lines = rows.map((row) =>
    [row.self.padStart(8), row.total.padStart(8), row.calls.padStart(8), row.name].join('  '),
  );
  const head = ' self ms  total ms     calls  function';
  writeFileSync(path.join(folder, `${name}.functions.txt`), [head, ...lines, ''].join('\n'));
  await database.query('select pg_stat_reset()');
}

/** Reads the newest CPU profile of a folder and writes the functions that took most beside it. */
export function writeProfileSummary(folder: string): void {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as CpuProfile;
    const byId = new Map(profile.nodes.map((node) => [node.id, node.callFrame]));
    const self_us = new Map<string, number>();
    profile.samples.forEach((id, index) => {
      const frame = byId.get(id);
      const file = frame?.url.split('/').slice(-3).join('/') ?? '';
      const key = `${frame?.functionName === '' ? '(anonymous)' : (frame?.functionName ?? '')} ${file}:${frame?.lineNumber ?? 0}`;
      self_us.set(key, (self_us.get(key) ?? 0) + (profile.timeDeltas[index] ?? 0));
    });
    const sorted = [...self_us].sort(([, a], [, b]) => b - a).slice(0, lines_max);
    const lines = sorted.map(([key, us]) => `${String(Math.round(us / 1000)).padStart(8)}  ${key}`);
    writeFileSync(path.join(folder, `${name}.txt`), [' self ms  function', ...lines, ''].join('\n'));
  }
}
