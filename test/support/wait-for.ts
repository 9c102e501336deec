/** Waiting for a condition, in place of sleeping. */
import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for, for the message when it does not come. */
  what?: string;
  limit_ms?: number;
  interval_ms?: number;
}

/** Asks until the answer is neither false nor null nor undefined, and returns it. @throws Error when that takes too long */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what = 'the condition', limit_ms = 20_000, interval_ms = 20 }: WaitOptions = {},
): Promise<NonNullable<T>> {
  const end = Date.now() + limit_ms;
  for (;;) {
    const answer = await condition();
    if (answer !== false && answer !== null && answer !== undefined) return answer;
    if (Date.now() >= end) throw new Error(`Waited ${limit_ms} ms for ${what}, in vain.`);
    await delay(interval_ms);
  }
}
