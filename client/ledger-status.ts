/** The state of the ledger, as the function `ledger_status` gives it. */
import type { Day, Source } from '../activities/types.js';

export interface LedgerStatus {
  settings: Record<string, string | number>;
  days: { source: Source; state: string; days: number; first: Day; last: Day }[];
  /** The newest twenty. */
  failedDays: { source: Source; day: Day; error: string | null }[];
  /** Of each source: records that are asked again, and those that nobody asks any more, with the newest twenty ids. */
  unsettled: Record<Source, { waiting: number; givenUp: number; givenUpIds: string[] | null }>;
  /** The newest twenty. */
  rejected: { source: Source; id: string | null; day: Day | null; reason: string }[];
  rejectedRecords: number;
  /** What a worker still has to drain. */
  pending: { hours: number; keys: number };
  /** What could not be drained, with the reason. */
  setAside: string[];
}

/** Failed days of all sources, also those that are not named. */
export function countFailedDays(status: LedgerStatus): number {
  return status.days.filter(({ state }) => state === 'failed').reduce((sum, { days }) => sum + days, 0);
}
