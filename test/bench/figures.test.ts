/** What becomes of several runs, and when a later run counts as worse: the arithmetic of the benchmarks, without any clock. */
import { describe, expect, it } from 'vitest';
import { perThousand } from '../../bench/cpu.js';
import { medians, reaches, spreadOf, type Figure } from '../../bench/figures.js';
import { readOptions } from '../../bench/options.js';
import { isWorse } from '../../bench/report.js';

const measure = (value: number) => ({ unit: 'ms', what: 'something', value: spreadOf([value]) });

function figure(changes: Partial<Figure>): Figure {
  const base = { id: 'a', title: 'A', ratio: spreadOf([0.7]), better: 'higher' as const, target: 0.7 };
  return { ...base, product: measure(100), baseline: measure(70), ...changes };
}

describe('runs', () => {
  it('give their median and their ends, in whatever order they came', () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3, runs: [3, 1, 2] });
    expect(spreadOf([4, 1, 2, 3]).median).toBe(2.5);
    expect(spreadOf([0.123456])).toMatchObject({ median: 0.1235 });
    expect(() => spreadOf([])).toThrow('no run');
  });

  it('of several parts give the median of each part', () => {
    expect(
      medians([
        { a: 1, b: 9 },
        { a: 2, b: 8 },
        { a: 3, b: 1 },
      ]),
    ).toEqual({ a: 2, b: 8 });
  });
});

describe('processor time', () => {
  it('for a thousand records is that of each part, all workers together', () => {
    expect(perThousand({ postgres: 100, worker1: 30, worker2: 20 }, 500)).toEqual({
      postgres: 200,
      worker: 100,
    });
  });
});

describe('a target', () => {
  it('is reached at the least or at the most that it names', () => {
    expect(reaches(figure({}))).toBe(true);
    expect(reaches(figure({ ratio: spreadOf([0.69]) }))).toBe(false);
    expect(reaches(figure({ better: 'lower', target: 1.1, ratio: spreadOf([1.2]) }))).toBe(false);
    expect(reaches(figure({ target: null }))).toBeNull();
  });

  it('of the product itself counts instead of the ratio', () => {
    expect(reaches(figure({ better: 'lower', target: null, productTarget: 150 }))).toBe(true);
    expect(reaches(figure({ better: 'lower', target: null, productTarget: 99 }))).toBe(false);
  });
});

describe('a later run', () => {
  it('is worse only when its best is worse than the worst of before', () => {
    const before = spreadOf([0.7, 0.75, 0.8]);
    expect(isWorse(before, spreadOf([0.6, 0.65, 0.69]), 'higher')).toBe(true);
    expect(isWorse(before, spreadOf([0.6, 0.65, 0.7]), 'higher')).toBe(false);
    expect(isWorse(before, spreadOf([0.9, 0.95]), 'higher')).toBe(false);
    expect(isWorse(before, spreadOf([0.9, 0.95]), 'lower')).toBe(true);
  });
});

describe('options', () => {
  it('that there are not are refused with what there is', () => {
    expect(() => readOptions(['--only', 'speed'], ['ingestion'])).toThrow('none of ingestion');
    expect(() => readOptions(['--runs', '0'], [])).toThrow('--runs "0"');
    expect(() => readOptions(['--slowly'], [])).toThrow('--slowly');
  });

  it('are as they are given, else what the documentation says', () => {
    expect(readOptions([], [])).toMatchObject({ only: [], runs: 3, quick: false, check: false, json: null });
    expect(readOptions(['--only', 'a,b', '--runs', '5', '--check'], ['a', 'b'])).toMatchObject({
      only: ['a', 'b'],
      runs: 5,
      check: true,
    });
    expect(readOptions(['--help'], [])).toBeNull();
  });
});
