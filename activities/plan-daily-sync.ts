/** The activity `planDailySync`: the days of one daily sync, noted as taken on. */
import type { Dependencies } from './dependencies.js';
import type { Activities, Day } from './types.js';

export function createPlanDailySync({ ledger }: Dependencies): Activities['planDailySync'] {
  return ({ source, nominalTime, lookbackDays, run }) =>
    ledger.call<Day[]>('plan_daily_sync', {
      p_source: source,
      p_nominal: nominalTime,
      p_lookback_days: lookbackDays,
      p_workflow_id: run.workflowId,
      p_run_id: run.runId,
    });
}
