/** All activities, wired to what they work with. */
import { createCheckWorkspace } from './check-workspace.js';
import { createCheckCredentials } from './check-credentials.js';
import { createClassifyWorkspace } from './classify-workspace.js';
import { createClearDays } from './clear-days.js';
import { createCompareDays } from './compare-days.js';
import { createCompleteDays } from './complete-days.js';
import { createCountUnsettled } from './count-unsettled.js';
import type { Dependencies } from './dependencies.js';
import { createFetchProviderPage } from './fetch-provider-page.js';
import { createFetchProviderTotals } from './fetch-provider-totals.js';
import { createFetchRecordsAgain } from './fetch-records-again.js';
import { createListSources } from './list-sources.js';
import { createPlanBackfill } from './plan-backfill.js';
import { createPlanDailySync } from './plan-daily-sync.js';
import { createReclassifyRecords } from './reclassify-records.js';
import { createRegenerateDays } from './regenerate-days.js';
import { createRollupHours } from './rollup-hours.js';
import { createSweepPages } from './sweep-pages.js';
import type { Activities } from './types.js';
import { createUpsertRawRows } from './upsert-raw-rows.js';

export type { Dependencies } from './dependencies.js';

export function createActivities(deps: Dependencies): Activities {
  return {
    listSources: createListSources(deps),
    checkCredentials: createCheckCredentials(deps),
    planBackfill: createPlanBackfill(deps),
    planDailySync: createPlanDailySync(deps),
    fetchProviderPage: createFetchProviderPage(deps),
    fetchRecordsAgain: createFetchRecordsAgain(deps),
    upsertRawRows: createUpsertRawRows(deps),
    classifyWorkspace: createClassifyWorkspace(deps),
    rollupHours: createRollupHours(deps),
    completeDays: createCompleteDays(deps),
    checkWorkspace: createCheckWorkspace(deps),
    regenerateDays: createRegenerateDays(deps),
    clearDays: createClearDays(deps),
    reclassifyRecords: createReclassifyRecords(deps),
    fetchProviderTotals: createFetchProviderTotals(deps),
    compareDays: createCompareDays(deps),
    countUnsettled: createCountUnsettled(deps),
    sweepPages: createSweepPages(deps),
  };
}
