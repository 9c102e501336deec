/** The workflows, by the names that people type. */
export { backfill } from './backfill.js';
export { dailySync } from './daily-sync.js';
export { ingestDays } from './ingest-days.js';
