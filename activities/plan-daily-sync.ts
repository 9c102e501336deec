/** The activity `planDailySync`: the days of one daily sync, noted as taken on. */
import type { Dependencies } from './dependencies.js';
import type { Activities, Day } from './types.js';

export function createPlanDailySync({ ledger }: Dependencies): Activities['planDailySync'] {
  return async ({ source, nominalTime, lookbackDays, run }) => {
    const of = {
      p_source: source,
      p_nominal: nominalTime,
      p_workflow_id: run.workflowId,
      p_run_id: run.runId,
    };
    const days = await ledger.call<Day[]>('plan_daily_sync', { ...of, p_lookback_days: lookbackDays });
    // Last, so that days added by the first attempt stand behind those that every attempt finds.
    const relisted = await ledger.call<Day[]>('days_to_relist', { ...of, p_planned_days: days });
    return [...days, ...relisted];
  };
}
