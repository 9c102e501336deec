/** The activity `completeDays`: writes down how days ended. */
import type { Dependencies } from './dependencies.js';
import type { Activities, Counts } from './types.js';

type Totals = Omit<Counts, 'unordered'> & { open: number };

export function createCompleteDays({ ledger }: Dependencies): Activities['completeDays'] {
  return async ({ source, run, days, failed }) => {
    if (failed.length > 0) {
      await ledger.call('fail_days', {
        p_source: source,
        p_days: failed.map(({ day }) => day),
        p_errors: failed.map(({ message }) => message),
        p_workflow_id: run.workflowId,
        p_run_id: run.runId,
      });
    }
    const { open, fetched, inserted, updated, unchanged, rejected, gone } = await ledger.call<Totals>(
      'complete_days',
      {
        p_source: source,
        p_days: days,
        p_run_id: run.runId,
      },
    );
    return { open, counts: { fetched, inserted, updated, unchanged, rejected, gone, unordered: 0 } };
  };
}
