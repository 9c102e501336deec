/** Figures: what a benchmark gives back, and how several runs become one. */

/** Several runs of the same. */
export interface Spread {
  median: number;
  min: number;
  max: number;
  runs: number[];
}

export interface Measure {
  unit: string;
  /** What was measured, in a few words. */
  what: string;
  value: Spread;
}

export interface Figure {
  /** Never changes: results of different days are compared by it. */
  id: string;
  title: string;
  /** Product against baseline, each pair measured in the same run. */
  ratio: Spread;
  better: 'higher' | 'lower';
  /** What the ratio must reach, at least or at most; null where there is only something to see. */
  target: number | null;
  /** What the product's own figure must reach, where the promise is an absolute one. */
  productTarget?: number;
  product: Measure;
  baseline: Measure;
  /** What else was measured, for people and for docs/. */
  details?: Record<string, unknown>;
}

/** @throws RangeError when there is no run */
export function spreadOf(runs: readonly number[]): Spread {
  const sorted = [...runs].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) throw new RangeError('There is no run to take a median of.');
  const low = sorted[Math.floor((sorted.length - 1) / 2)] ?? min;
  const high = sorted[Math.ceil((sorted.length - 1) / 2)] ?? max;
  const round = (value: number): number => Number(value.toPrecision(4));
  return { median: round((low + high) / 2), min: round(min), max: round(max), runs: runs.map(round) };
}

/** The median of each field over several runs. */
export function medians<Key extends string>(runs: readonly Record<Key, number>[]): Record<Key, number> {
  const keys = Object.keys(runs[0] ?? {}) as Key[];
  const entries = keys.map((key) => [key, spreadOf(runs.map((run) => run[key])).median]);
  return Object.fromEntries(entries) as Record<Key, number>;
}

/** Whether the target is reached; null where there is none. */
export function reaches({ ratio, product, better, target, productTarget }: Figure): boolean | null {
  const wanted = productTarget ?? target;
  if (wanted === null) return null;
  const found = productTarget === undefined ? ratio.median : product.value.median;
  return better === 'higher' ? found >= wanted : found <= wanted;
}
