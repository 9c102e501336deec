/** The window holds for every order of starts, ends and changes of its width. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DayWindow, daysPerChild } from '../../workflows/day-window.js';
import { daysBetween } from './support/fake-ledger.js';

test('a child takes half of the window, and at most five days', () => {
  expect([1, 2, 3, 4, 9, 10, 100].map(daysPerChild)).toEqual([1, 1, 2, 2, 5, 5, 5]);
});

test('whatever ends when, never more days are started than the width allows, and each once, in order', () => {
  const width = fc.integer({ min: 1, max: 100 });
  const event = fc.oneof(
    fc.record({ kind: fc.constant('end' as const), which: fc.nat() }),
    fc.record({ kind: fc.constant('width' as const), width }),
  );
  fc.assert(
    fc.property(width, fc.array(event, { maxLength: 60 }), (first, events) => {
      const days = daysBetween('2025-01-01', '2025-04-30');
      const window = new DayWindow(first);
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
        else if (running.length > 0) window.finish(running.splice(each.which % running.length, 1)[0]!);
        startAll();
      }
      expect(started).toEqual(days.slice(0, started.length));
    }),
  );
});

test('it asks for more days before a child would get less than it can take', () => {
  const window = new DayWindow(10);
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
