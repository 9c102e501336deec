/** The activity `planBackfill`: the days of a backfill that are to do, by their state in `sync_days`. */
import type { Dependencies } from './dependencies.js';
import type { Activities, BackfillPlan } from './types.js';

export function createPlanBackfill({ ledger }: Dependencies): Activities['planBackfill'] {
  return ({ source, from, to, order, reprocess, after, limit }) =>
    ledger.call<BackfillPlan>('plan_backfill', {
      p_source: source,
      p_from: from,
      p_to: to,
      p_order: order,
      p_reprocess: reprocess,
      p_after: after,
      p_limit: limit,
    });
}
