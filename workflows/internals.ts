/** The second argument of workflows, which they give to themselves through continue-as-new, and tests give to them. */
import { ApplicationFailure } from '@temporalio/workflow';
import { failureTypes } from '../activities/failure-types.js';

/** What tests set, so that nothing must be big or slow to be seen. */
export interface Tuning {
  /** Continue as new after this many days; else when Temporal suggests it. */
  continueAfterDays?: number;
  /** Days asked for in one plan. */
  planLimit?: number;
  /** How much time passes between two reports of a run of days. */
  reportEvery_ms?: number;
}

/** `kind` makes sure that nobody hits on it by mistake. */
export interface Internals<Carried> {
  kind: 'hourledger-internals';
  tuning: Tuning;
  /** What the run before has left; null in a first run. */
  carried: Carried | null;
}

/**
 * The internals that were given, or those of a first run.
 * @throws ApplicationFailure InvalidInput, when a person gave a second argument
 */
export function internalsOf<Carried>(
  workflow: string,
  given: Internals<Carried> | undefined,
): Internals<Carried> {
  if (given === undefined) return { kind: 'hourledger-internals', tuning: {}, carried: null };
  const kind: unknown = (given as { kind?: unknown } | null)?.kind;
  if (kind === 'hourledger-internals') return given;
  throw ApplicationFailure.nonRetryable(
    `${workflow}: a second input was given. Give one JSON object that holds everything.`,
    failureTypes.invalidInput,
  );
}
