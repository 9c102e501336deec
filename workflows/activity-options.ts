/** How long each activity may take and how it is retried: the one retry loop there is. */
import { proxyActivities, workflowInfo, type ActivityOptions } from '@temporalio/workflow';
import type { Activities, Source } from '../activities/types.js';

/**
 * Activities that ask a provider: they return within a budget of seconds, and heartbeat every few seconds.
 * - startToCloseTimeout: several budgets long, so that only an attempt that hangs runs into it;
 * - heartbeatTimeout: several heartbeats long, and short enough that the work of a killed worker goes on soon;
 * - retry: an outage of about six minutes is waited for, then the days fail and a later run takes them up again.
 *   Attempts are counted and not hours, so that a night without a worker fails nothing.
 */
const provider = {
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '10 seconds',
  retry: {
    initialInterval: '1 second',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
    maximumAttempts: 12,
  },
} satisfies ActivityOptions;

/**
 * Failures of the database pass without anybody's help (a restart, a lost connection, a deadlock), so they are waited
 * for a good while: the hundred attempts last about fifty minutes. What can never work is not retried at all, since
 * its activity throws a failure that says so.
 */
const databaseRetry = {
  initialInterval: '500 milliseconds',
  backoffCoefficient: 2,
  maximumInterval: '30 seconds',
  maximumAttempts: 100,
} satisfies ActivityOptions['retry'];

/**
 * Activities that work through pages, records or hours in bounded statements of less than 8 s each.
 * - heartbeatTimeout: as above, since these too heartbeat every few seconds, whatever a statement takes;
 * - startToCloseTimeout: a drain may find everything stale, after a mapping change over years of records.
 */
const longDatabase = {
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '10 seconds',
  retry: databaseRetry,
} satisfies ActivityOptions;

/**
 * Activities of a few statements, too short for a heartbeat: the timeout lets two of them run into their limit of 8 s,
 * and is what the work of a killed worker waits for.
 */
const shortDatabase = {
  startToCloseTimeout: '20 seconds',
  retry: databaseRetry,
} satisfies ActivityOptions;

type ProviderActivities = Pick<
  Activities,
  'checkCredentials' | 'fetchProviderPage' | 'fetchRecordsAgain' | 'fetchProviderTotals'
>;
type LongActivities = Pick<
  Activities,
  'upsertRawRows' | 'classifyWorkspace' | 'rollupHours' | 'regenerateDays' | 'clearDays' | 'reclassifyRecords'
>;
type ShortActivities = Omit<Activities, keyof ProviderActivities | keyof LongActivities>;

/**
 * Activities that ask `source`, on the task queue that carries all requests to it.
 * @param summary one line that Temporal Web shows beside the activity
 */
export function asking(source: Source, summary: string) {
  const taskQueue = `${workflowInfo().taskQueue}-${source}`;
  return proxyActivities<ProviderActivities>({ ...provider, taskQueue, summary });
}

/**
 * Activities that work on many rows.
 * @param summary one line that Temporal Web shows beside the activity
 */
export function working(summary: string) {
  return proxyActivities<LongActivities>({ ...longDatabase, summary });
}

/**
 * Activities of a few statements.
 * @param summary one line that Temporal Web shows beside the activity
 */
export function noting(summary: string) {
  return proxyActivities<ShortActivities>({ ...shortDatabase, summary });
}
