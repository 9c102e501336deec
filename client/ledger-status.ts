/** The state of the ledger: `ledger_status`, `asking_status`, and what somebody has cleared. */
import type { Day, Source } from '../activities/types.js';
import type { Ledger } from '../database/ledger.js';

/** What is to be asked, as the function `asking_status` gives it. */
interface AskingStatus {
  /** Records that webhooks have named, and that nobody has asked for yet. */
  waitingHints: number;
  /** Records that the provider refuses to be asked for: the newest twenty. */
  refused: { source: Source; id: string; reason: string }[];
  refusedRecords: number;
}

export interface LedgerStatus extends AskingStatus {
  /** Hours whose snapshot somebody has cleared. */
  clearedHours: number;
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

/** Reads the state of the ledger. @throws LedgerError */
export async function readLedgerStatus(ledger: Ledger): Promise<LedgerStatus> {
  const [status, asking, clearedHours] = await Promise.all([
    ledger.call<Omit<LedgerStatus, keyof AskingStatus | 'clearedHours'>>('ledger_status'),
    ledger.call<AskingStatus>('asking_status'),
    ledger.call<number>('count_cleared_hours'),
  ]);
  return { ...status, ...asking, clearedHours };
}

/** Failed days of all sources, also those that are not named. */
export function countFailedDays(status: LedgerStatus): number {
  return status.days.filter(({ state }) => state === 'failed').reduce((sum, { days }) => sum + days, 0);
}
