/** The drain: takes dirt until none is left that was there when it began, or that came of draining it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Drained } from '../database/drained.js';
import type { Ledger } from '../database/ledger.js';
import type { DrainResult } from './types.js';

/** Pieces of dirt in one transaction, each of up to a thousand records; bounded by the 8 s that Supabase allows. */
const keys_max = 10;
const hours_max = 500;
/** While only dirt is left that another drain has taken. */
const poll_ms = 50;

/** Called after every statement. */
type OnStep = () => void;

/** Assigns records again until nothing is left that depends on a change made before. */
export async function drainKeys(ledger: Ledger, onStep: OnStep, signal?: AbortSignal): Promise<DrainResult> {
  const total: DrainResult = { done: 0, setAside: [] };
  // What moves leaves dirt behind the round's end: go round until a round moves nothing.
  while ((await drainRound(ledger, 'classify_dirt', keys_max, total, onStep, signal)) > 0);
  return total;
}

/** Recomputes hours until none is left that was dirty before. */
export async function drainHours(ledger: Ledger, onStep: OnStep, signal?: AbortSignal): Promise<DrainResult> {
  const total: DrainResult = { done: 0, setAside: [] };
  await drainRound(ledger, 'rollup_dirt', hours_max, total, onStep, signal);
  return total;
}

async function drainRound(
  ledger: Ledger,
  name: 'classify_dirt' | 'rollup_dirt',
  limit: number,
  total: DrainResult,
  onStep: OnStep,
  signal: AbortSignal | undefined,
): Promise<number> {
  let upTo: number | null = null;
  let followed = 0;
  for (;;) {
    const drained: Drained = await ledger.call<Drained>(name, { p_limit: limit, p_up_to: upTo }, signal);
    onStep();
    upTo = drained.upTo;
    followed += drained.followed ?? 0;
    total.done += drained.taken;
    total.setAside.push(...drained.setAside);
    if (drained.left === 0) return followed;
    if (drained.taken === 0) await delay(poll_ms, undefined, { signal });
  }
}
