/** One, two and four worker processes over the same backfill: what more of them bring where the processors are the same. */
import { verifyLedger } from '../client/verification.js';
import { parseBackfillInput } from '../workflows/input.js';
import { runBackfill } from './backfill.js';
import { cpuBetween, perThousand, readCpu } from './cpu.js';
import { medians, spreadOf, type Figure } from './figures.js';
import type { Options } from './options.js';
import { startProvider, startSystem, type Provider } from './system.js';

const counts = [1, 2, 4] as const;
const calls = 100_000;
const days = { count: 20, from: '2025-01-01', to: '2025-01-20' };
const quickShare = 0.05;

interface Run {
  wall_ms: number;
  /** Processor time for 1,000 calls, in milliseconds. */
  cpu: Record<string, number>;
}

/** @returns how much faster two and four workers are than one */
export async function benchWorkers(options: Options): Promise<Figure[]> {
  const size = options.quick ? calls * quickShare : calls;
  const provider = await startProvider('--data', `generate:${size}:${days.count}:${days.from}`, '--rendered');
  const runs = new Map<number, Run[]>(counts.map((count) => [count, []]));
  for (let number = 1; number <= options.runs; number += 1) {
    for (const count of counts) {
      const run = await runOnce(provider, count, size);
      options.log(
        `run ${number}, workers: ${count}: ${Math.round((size / run.wall_ms) * 1000)} calls/s, ` +
          `both processors busy for ${busyShare(run, size)}%`,
      );
      runs.get(count)?.push(run);
    }
  }
  await provider.stop();
  const single = runs.get(1) ?? [];
  return counts
    .filter((count) => count > 1)
    .map((count) => figureOf(count, size, runs.get(count) ?? [], single));
}

async function runOnce(provider: Provider, count: number, size: number): Promise<Run> {
  const system = await startSystem();
  try {
    const workers = [];
    for (let number = 0; number < count; number += 1) {
      workers.push(await system.startWorker('twilio', provider));
    }
    const own = Object.fromEntries(workers.map(({ pid }, index) => [`worker${index + 1}`, pid]));
    const pids: Record<string, number> = { provider: provider.pid, ...system.pids, ...own };
    const request = parseBackfillInput({ source: 'twilio', from: days.from, to: days.to }, new Date());
    await system.database.query('checkpoint');
    const before = readCpu(pids);
    const { wall_ms } = await runBackfill(system, request);
    const used = cpuBetween(before, readCpu(pids));
    for (const worker of workers) await worker.stop();
    const { differing, pendingHours } = await verifyLedger(system.ledger);
    if (differing > 0 || pendingHours > 0) throw new Error(`Not verified: ${differing} fields differ.`);
    const cpu = perThousand(used, size);
    return { wall_ms, cpu };
  } finally {
    await system.stop();
  }
}

/** Of the time of two processors, in percent. */
function busyShare({ wall_ms, cpu }: Run, size: number): number {
  const used_ms = Object.values(cpu).reduce((sum, each) => sum + each, 0) * (size / 1000);
  return Math.round((used_ms / (2 * wall_ms)) * 100);
}

function figureOf(count: number, size: number, runs: Run[], single: Run[]): Figure {
  const speed = (what: string, of: Run[]) => ({
    unit: 'calls/s',
    what,
    value: spreadOf(of.map(({ wall_ms }) => (size / wall_ms) * 1000)),
  });
  return {
    id: `workers/${count}`,
    title: `Twilio, ${size.toLocaleString('en')} calls, ${count} workers`,
    ratio: spreadOf(runs.map((run, index) => (single[index]?.wall_ms ?? Number.NaN) / run.wall_ms)),
    better: 'higher',
    target: null,
    product: speed(`${count} workers`, runs),
    baseline: speed('one worker', single),
    details: {
      cpuMsPerThousand: medians(runs.map(({ cpu }) => cpu)),
      busyPercent: runs.map((run) => busyShare(run, size)),
      baselineBusyPercent: single.map((run) => busyShare(run, size)),
    },
  };
}
