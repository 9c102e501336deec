/** The workflows, by the names that people type. */
export { askHinted } from './ask-hinted.js';
export { backfill } from './backfill.js';
export { clearSnapshots } from './clear-snapshots.js';
export { dailySync } from './daily-sync.js';
export { ingestDays } from './ingest-days.js';
export { reclassify } from './reclassify.js';
export { reconcile } from './reconcile.js';
export { regenerateSnapshots } from './regenerate-snapshots.js';
