/** What asks a process to end is heard once, however many pass it on; whoever insists ends it. */
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { leavingOnInterrupt, onInterrupt } from '../../client/interrupt.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function listen() {
  const kill = vi.fn();
  const source = Object.assign(new EventEmitter(), { pid: 7, kill });
  const leave = vi.fn();
  const stop = onInterrupt(leave, source as unknown as NodeJS.Process);
  const heard = (signal: string) => source.emit(signal, signal);
  return { kill, leave, stop, heard };
}

test('the signal that npm passes on behind the terminal is the same one', () => {
  const { heard, leave, kill } = listen();
  for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM']) {
    expect(heard(signal)).toBe(true);
    vi.advanceTimersByTime(400);
  }
  expect([leave.mock.calls.length, kill.mock.calls.length]).toEqual([1, 0]);
});

test('a later one ends the process', () => {
  const { heard, leave, kill } = listen();
  heard('SIGTERM');
  vi.advanceTimersByTime(1_100);
  heard('SIGINT');
  expect(kill.mock.calls).toEqual([[7, 'SIGINT']]);
  expect(leave).toHaveBeenCalledTimes(1);
  // Node ends the process where nobody listens.
  expect(heard('SIGINT')).toBe(false);
});

test('nobody listens any more when the work is done', () => {
  const { heard, stop, leave } = listen();
  stop();
  expect(heard('SIGINT')).toBe(false);
  expect(leave).not.toHaveBeenCalled();
});

test('work listens until it is done, or has failed', async () => {
  const before = process.listenerCount('SIGTERM');
  const during = await leavingOnInterrupt(() => Promise.resolve(process.listenerCount('SIGTERM')));
  await expect(leavingOnInterrupt(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect([during, process.listenerCount('SIGTERM')]).toEqual([before + 1, before]);
});
