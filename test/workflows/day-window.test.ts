/** The window holds for every order of starts, ends and changes of its width. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Source } from '../../activities/types.js';
import { DayWindow, daysPerChild } from '../../workflows/day-window.js';
import { daysBetween } from './support/fake-ledger.js';

test('a child takes half of the window at most, and five days while nobody knows how many records they have', () => {
  expect([1, 2, 3, 4, 9, 10, 100].map((width) => daysPerChild('twilio', width, null))).toEqual([
    1, 1, 2, 2, 5, 5, 5,
  ]);
});

test('a child takes many thin days and few thick ones', () => {
  const sizes = [0, 1, 630, 1_600, 8_000, 1e9].map((records) => daysPerChild('twilio', 100, records));
  expect(sizes).toEqual([31, 31, 24, 9, 3, 3]);
  expect(daysPerChild('twilio', 6, 1)).toBe(3);
});

test('a child takes fewer days of conversations, each of which is a request', () => {
  expect([1, 4, 100].map((width) => daysPerChild('elevenlabs', width, null))).toEqual([1, 2, 2]);
  const sizes = [1, 366, 1_000, 5_000].map((records) => daysPerChild('elevenlabs', 100, records));
  expect(sizes).toEqual([31, 5, 2, 1]);
});

/** Sizes of the children that are started before any has ended. */
function firstWave(
  source: Source,
  width: number,
  count: number,
  recordsPerDay: number | null,
  more = false,
): number[] {
  const window = new DayWindow(source, width);
  window.recordsPerDay = recordsPerDay;
  const from = Date.parse('2025-01-01');
  window.add(daysBetween('2025-01-01', new Date(from + (count - 1) * 86_400_000).toISOString().slice(0, 10)));
  const sizes: number[] = [];
  while (window.nextStep({ more, paused: false, stopping: false }) === 'start') {
    sizes.push(window.take(more)!.days.length);
  }
  return sizes;
}

test.each([
  [1, [1]],
  [16, [8, 8]],
  [30, [10, 10, 10]],
  [92, [23, 23, 23, 23]],
  [100, [20, 20, 20, 20, 20]],
  [101, [24, 24, 24, 24]],
])('%i thin days are divided evenly, where all of them fit into the window', (days, sizes) => {
  expect(firstWave('twilio', 100, days, 630)).toEqual(sizes);
});

test('so are days of which nobody knows how thick they are', () => {
  expect(firstWave('twilio', 100, 30, null)).toEqual([5, 5, 5, 5, 5, 5]);
  expect(firstWave('twilio', 100, 7, null)).toEqual([4, 3]);
  expect(firstWave('twilio', 100, 92, null)).toEqual([5, 5, 5, 5, 5, 5, 5, 5]);
  expect(firstWave('elevenlabs', 100, 31, null)).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
});

test('thick days are started in fewer children, as the records that are under way would be many', () => {
  expect(firstWave('twilio', 100, 60, 5_000)).toEqual([3, 3, 3, 3, 3]);
  expect(firstWave('twilio', 100, 60, 8_000)).toEqual([3, 3, 3, 3]);
  expect(firstWave('twilio', 100, 10, 50_000)).toEqual([3, 3, 2, 2]);
  expect(firstWave('twilio', 2, 10, 50_000)).toEqual([1, 1]);
  expect(firstWave('elevenlabs', 100, 31, 1_000)).toEqual([2, 2, 2, 2, 2, 2, 2, 2]);
  expect(firstWave('elevenlabs', 100, 31, 5_000)).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
});

test('days that do not fit, or are not all known, are started in whole children', () => {
  expect(firstWave('twilio', 60, 92, 630)).toEqual([24, 24]);
  expect(firstWave('twilio', 100, 60, 630, true)).toEqual([24, 24]);
  expect(firstWave('twilio', 7, 8, null)).toEqual([4]);
  expect(firstWave('twilio', 8, 8, null)).toEqual([4, 4]);
});

test('no more than eight children are under way, however wide the window', () => {
  const window = new DayWindow('elevenlabs', 100);
  window.recordsPerDay = 3_000;
  window.add(daysBetween('2025-01-01', '2025-04-10'));
  const now = { more: false, paused: false, stopping: false };
  let children = 0;
  for (; window.nextStep(now) === 'start'; children += 1) window.take(false);
  expect(children).toBe(8);
  window.finish('2025-01-01');
  expect(window.nextStep(now)).toBe('start');
});

test('a child waits until the window has room for a whole one, unless less is left or nothing runs', () => {
  const window = new DayWindow('twilio', 20);
  window.recordsPerDay = 1_875;
  window.add(daysBetween('2025-01-01', '2025-01-31'));
  const now = { more: false, paused: false, stopping: false };
  const start = () => {
    expect(window.nextStep(now)).toBe('start');
    return window.take(false)!.days.length;
  };
  expect([start(), start()]).toEqual([8, 8]);
  expect(window.nextStep(now)).toBe('wait');
  window.finish('2025-01-01');
  expect(start()).toBe(8);
  window.finish('2025-01-09');
  expect(start()).toBe(4);
  window.maxParallelDays = 3;
  expect(window.nextStep(now)).toBe('wait');
});

test('whatever ends when, never more days are started than the width allows, and each once, in order', () => {
  const width = fc.integer({ min: 1, max: 100 });
  const event = fc.oneof(
    fc.record({ kind: fc.constant('end' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('width' as const), width }),
    fc.record({ kind: fc.constant('records' as const), records: fc.nat({ max: 20_000 }) }),
  );
  fc.assert(
    fc.property(width, fc.array(event, { maxLength: 60 }), (first, events) => {
      const days = daysBetween('2025-01-01', '2025-04-30');
      const window = new DayWindow('twilio', first);
      window.add(days);
      const started: string[] = [];
      const running: string[] = [];
      const startAll = () => {
        while (window.nextStep({ more: false, paused: false, stopping: false }) === 'start') {
          const taken = window.take(false)!;
          running.push(taken.key);
          started.push(...taken.days);
          expect(window.runningDays).toBeLessThanOrEqual(window.maxParallelDays);
        }
      };
      startAll();
      for (const each of events) {
        if (each.kind === 'width') window.maxParallelDays = each.width;
        else if (each.kind === 'records') window.recordsPerDay = each.records;
        else if (running.length > 0) window.finish(running.splice(each.which % running.length, 1)[0]!);
        startAll();
      }
      expect(started).toEqual(days.slice(0, started.length));
    }),
  );
});

test('it asks for more days before a child would get less than it can take', () => {
  const window = new DayWindow('twilio', 10);
  const now = { more: true, paused: false, stopping: false };
  expect(window.nextStep(now)).toBe('plan');
  window.add(daysBetween('2025-01-01', '2025-01-07'));
  expect(window.nextStep(now)).toBe('start');
  window.take(true);
  expect(window.nextStep(now)).toBe('plan');
  expect(window.nextStep({ ...now, more: false })).toBe('start');
  expect(window.nextStep({ ...now, paused: true })).toBe('wait');
  expect(window.nextStep({ ...now, stopping: true })).toBe('wait');
  window.finish('2025-01-01');
  expect(window.nextStep({ ...now, stopping: true })).toBe('end');
});
