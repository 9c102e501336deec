/** Merging one workspace into another: steps that re-point what decides over records, and drains that move the records. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Drained } from '../database/drained.js';
import type { Ledger } from '../database/ledger.js';
import { CliError } from './cli-error.js';

export interface Merge {
  numbers: number;
  agents: number;
  /** Rows of the system before hourledger, which no rule assigns. */
  adopted: number;
  /** Numbers that were in conflict and still are: they map nothing until somebody decides. */
  conflicts: string[];
}

interface Step extends Merge {
  /** Records and snapshots that are still in the workspace; counted up to a bound. */
  left: number;
  merged: boolean;
}

/** Numbers and agents that one statement re-points: each is followed to its records by pieces of dirt. */
const moved_max = 200;
/** The bounds of one drain, as the worker has them. */
const drain_max = { classify_dirt: 10, rollup_dirt: 500 } as const;
/** While a worker is draining the same. */
const poll_ms = 50;
/** Whole drains after which what has not moved will not. */
const idleRounds_max = 3;

/**
 * Moves everything of a workspace into another one and deletes it. Stopped anywhere, it goes on when called again.
 * @param onProgress called with how many records and snapshots are still to move
 * @throws LedgerError when refused
 * @throws CliError when something does not move
 */
export async function mergeWorkspaces(
  ledger: Ledger,
  from: number,
  into: number,
  onProgress: (left: number) => void,
): Promise<Merge> {
  const total: Merge = { numbers: 0, agents: 0, adopted: 0, conflicts: [] };
  const setAside: string[] = [];
  let idleRounds = 0;
  let before = -1;
  for (;;) {
    const step = await ledger.call<Step>('merge_workspaces', {
      p_from: from,
      p_into: into,
      p_limit: moved_max,
    });
    total.numbers += step.numbers;
    total.agents += step.agents;
    total.adopted += step.adopted;
    total.conflicts.push(...step.conflicts);
    if (step.merged) return total;
    const hasMoved = step.numbers + step.agents + step.adopted > 0 || step.left !== before;
    idleRounds = hasMoved ? 0 : idleRounds + 1;
    before = step.left;
    if (idleRounds >= idleRounds_max) throw stuck(from, into, step.left, setAside);
    onProgress(step.left);
    setAside.push(...(await drain(ledger)));
  }
}

function stuck(from: number, into: number, left: number, setAside: string[]): CliError {
  const why = setAside[0] ?? 'see: hourledger status';
  return new CliError(
    `${left} records and snapshots of workspace ${from} do not move (${why}). Mend that, then go on with: hourledger workspaces merge ${from} --into ${into}`,
  );
}

/** Drains what was dirty when it began, beside a worker or without one. Returns what was set aside. */
async function drain(ledger: Ledger): Promise<string[]> {
  const setAside: string[] = [];
  while ((await drainRound(ledger, 'classify_dirt', setAside)) > 0);
  await drainRound(ledger, 'rollup_dirt', setAside);
  return setAside;
}

async function drainRound(ledger: Ledger, name: keyof typeof drain_max, setAside: string[]): Promise<number> {
  let upTo: number | null = null;
  let followed = 0;
  for (;;) {
    const drained: Drained = await ledger.call<Drained>(name, { p_limit: drain_max[name], p_up_to: upTo });
    upTo = drained.upTo;
    followed += drained.followed ?? 0;
    setAside.push(...drained.setAside);
    if (drained.left === 0) return followed;
    if (drained.taken === 0) await delay(poll_ms);
  }
}
