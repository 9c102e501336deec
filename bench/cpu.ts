/** What processes have used of the processor and of memory, from Linux' /proc. */
import { readFileSync, readdirSync } from 'node:fs';

/** Linux counts in hundredths of a second, whatever the processor (sysconf(_SC_CLK_TCK)). */
const tick_ms = 10;

interface Usage {
  parent: number;
  /** Of the process and of those children that have ended, in milliseconds. */
  cpu_ms: number;
}

/**
 * The processor time of each part up to now, in milliseconds: its process, what that has started and still runs, and
 * what it has started and has ended (PostgreSQL's sessions). A part that does not run any more has none.
 */
export function readCpu<Part extends string>(pids: Record<Part, number>): Record<Part, number> {
  const all = readUsages();
  const children = new Map<number, number[]>();
  for (const [pid, { parent }] of all) children.set(parent, [...(children.get(parent) ?? []), pid]);
  const total = (pid: number): number =>
    (children.get(pid) ?? []).reduce((sum, child) => sum + total(child), all.get(pid)?.cpu_ms ?? 0);
  const entries = Object.entries<number>(pids).map(([part, pid]) => [part, total(pid)]);
  return Object.fromEntries(entries) as Record<Part, number>;
}

/** The difference of two readings. */
export function cpuBetween<Part extends string>(
  before: Record<Part, number>,
  after: Record<Part, number>,
): Record<Part, number> {
  const entries = Object.entries<number>(after).map(([part, cpu_ms]) => [
    part,
    cpu_ms - before[part as Part],
  ]);
  return Object.fromEntries(entries) as Record<Part, number>;
}

/** Processor time for 1,000 records, in milliseconds; that of several workers (`worker1`, `worker2` ...) added up. */
export function perThousand(cpu: Record<string, number>, records: number): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [part, cpu_ms] of Object.entries(cpu)) {
    const name = /^worker\d*$/.test(part) ? 'worker' : part;
    sums[name] = (sums[name] ?? 0) + (cpu_ms / records) * 1000;
  }
  return sums;
}

/** The most memory that a process has had, in megabytes. @throws when it does not run */
export function peakMemory_mb(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kilobytes ?? Number.NaN) / 1024);
}

function readUsages(): Map<number, Usage> {
  const usages = new Map<number, Usage>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const usage = readUsage(name);
    if (usage !== null) usages.set(Number(name), usage);
  }
  return usages;
}

/** Fields as proc(5) numbers them; the name of the program may hold spaces and parentheses, so they begin behind it. */
function readUsage(pid: string): Usage | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const field = (number: number): number => Number(fields[number - 3]);
    return { parent: field(4), cpu_ms: (field(14) + field(15) + field(16) + field(17)) * tick_ms };
  } catch {
    // It has ended since the folder was listed.
    return null;
  }
}
