/** The activity `compareDays`: writes down how days stand against the provider's own figures. */
import type { Dependencies } from './dependencies.js';
import type { Activities, Day } from './types.js';

export function createCompareDays({ ledger }: Dependencies): Activities['compareDays'] {
  return async ({ source, run, days }) => ({
    drifting: await ledger.call<Day[]>('compare_days', {
      p_source: source,
      p_days: days,
      p_run_id: run.runId,
    }),
  });
}
