/** The window holds for every order of starts, ends and changes of its width. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DayWindow, daysPerChild } from '../../workflows/day-window.js';
import { daysBetween } from './support/fake-ledger.js';

test('a child takes half of the window at most, and five days while nobody knows how many records they have', () => {
  expect([1, 2, 3, 4, 9, 10, 100].map((width) => daysPerChild('twilio', width, null))).toEqual([
    1, 1, 2, 2, 5, 5, 5,
  ]);
});

test('a child takes many thin days and few thick ones', () => {
  expect([0, 1, 600, 1_600, 8_000, 1e9].map((records) => daysPerChild('twilio', 100, records))).toEqual([
    15, 15, 14, 5, 1, 1,
  ]);
  expect(daysPerChild('twilio', 6, 1)).toBe(3);
});

test('a child takes fewer days of conversations, each of which is a request', () => {
  expect([1, 4, 100].map((width) => daysPerChild('elevenlabs', width, null))).toEqual([1, 2, 2]);
  expect([1, 366, 1_000, 5_000].map((records) => daysPerChild('elevenlabs', 100, records))).toEqual([
    15, 6, 2, 1,
  ]);
});

test('no more than eight children are under way, however wide the window', () => {
  const window = new DayWindow('twilio', 100);
  window.recordsPerDay = 100_000;
  window.add(daysBetween('2025-01-01', '2025-04-10'));
  const now = { more: false, paused: false, stopping: false };
  let children = 0;
  for (; window.nextStep(now) === 'start'; children += 1) window.take();
  expect(children).toBe(8);
  window.finish('2025-01-01');
  expect(window.nextStep(now)).toBe('start');
});

test('a child waits until the window has room for a whole one, unless less is left or nothing runs', () => {
  const window = new DayWindow('twilio', 20);
  window.recordsPerDay = 1_000;
  window.add(daysBetween('2025-01-01', '2025-01-31'));
  const now = { more: false, paused: false, stopping: false };
  const start = () => {
    expect(window.nextStep(now)).toBe('start');
    return window.take()!.days.length;
  };
  expect([start(), start()]).toEqual([8, 8]);
  expect(window.nextStep(now)).toBe('wait');
  window.finish('2025-01-01');
  expect(start()).toBe(8);
  window.finish('2025-01-09');
  expect(start()).toBe(7);
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
          const taken = window.take()!;
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
  window.take();
  expect(window.nextStep(now)).toBe('plan');
  expect(window.nextStep({ ...now, more: false })).toBe('start');
  expect(window.nextStep({ ...now, paused: true })).toBe('wait');
  expect(window.nextStep({ ...now, stopping: true })).toBe('wait');
  window.finish('2025-01-01');
  expect(window.nextStep({ ...now, stopping: true })).toBe('end');
});
