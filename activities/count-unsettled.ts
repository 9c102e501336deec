/** The activity `countUnsettled`: brings the number of unsettled records of every day up to date. */
import type { Dependencies } from './dependencies.js';
import type { Activities } from './types.js';

export function createCountUnsettled({ ledger }: Dependencies): Activities['countUnsettled'] {
  return async ({ source }) => {
    await ledger.call('count_unsettled', { p_source: source });
  };
}
