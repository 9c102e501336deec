/** How much memory a worker needs, by how many calls a day has: it should not matter. */
import { parseBackfillInput } from '../workflows/input.js';
import { runBackfill } from './backfill.js';
import { peakMemory_mb } from './cpu.js';
import { spreadOf, type Figure } from './figures.js';
import type { Options } from './options.js';
import { startProvider, startSystem, type System } from './system.js';

/** Calls of the one day that is read. The first is the baseline of the others. */
const sizes = [10_000, 100_000, 1_000_000] as const;
const quickShare = 0.05;
const target = 1.2;

/** @returns the most memory that a worker had, for each size of day against the smallest */
export async function benchMemory(options: Options): Promise<Figure[]> {
  const share = options.quick ? quickShare : 1;
  const [small, ...larger] = sizes.map((size) => size * share);
  const runs: number[][] = [];
  for (let number = 1; number <= options.runs; number += 1) {
    const system = await startSystem();
    const peaks: number[] = [];
    try {
      for (const [index, calls] of [small ?? 0, ...larger].entries()) {
        peaks.push(await peakOf(system, calls, `2025-0${index + 1}-01`));
      }
    } finally {
      await system.stop();
    }
    options.log(`run ${number}: ${peaks.join(', ')} MB`);
    runs.push(peaks);
  }
  const peak = (size: number) => spreadOf(runs.map((peaks) => peaks[size] ?? Number.NaN));
  return larger.map((calls, index) => ({
    id: `memory/${sizes[index + 1] ?? 0}`,
    title: `A worker's memory, ${calls.toLocaleString('en')} calls a day`,
    ratio: spreadOf(runs.map((peaks) => (peaks[index + 1] ?? Number.NaN) / (peaks[0] ?? Number.NaN))),
    better: 'lower',
    target,
    product: { unit: 'MB', what: 'the most that it had', value: peak(index + 1) },
    baseline: { unit: 'MB', what: `${(small ?? 0).toLocaleString('en')} calls a day`, value: peak(0) },
  }));
}

/** The peak of a fresh worker that reads one day. */
async function peakOf(system: System, calls: number, day: string): Promise<number> {
  const provider = await startProvider('--data', `generate:${calls}:1:${day}`);
  const worker = await system.startWorker('twilio', provider);
  try {
    const request = parseBackfillInput({ source: 'twilio', from: day, to: day }, new Date());
    await runBackfill(system, request);
    return peakMemory_mb(worker.pid);
  } finally {
    await worker.stop();
    await provider.stop();
  }
}
