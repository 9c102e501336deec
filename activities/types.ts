/** What crosses between workflows and activities: references, cursors and counts, never records. */

/** The providers whose records the ledger keeps. */
export const sources = ['twilio', 'elevenlabs'] as const;
export type Source = (typeof sources)[number];

/** A UTC calendar day, `YYYY-MM-DD`. */
export type Day = string;

/** The workflow run that pages and days are filed under. */
export interface Run {
  workflowId: string;
  /** The first run's id of the chain, so that continue-as-new changes nothing. */
  runId: string;
}

/** Where the reading of a day stands. */
export interface DayCursor {
  day: Day;
  /** The provider's opaque cursor; null before the first page. */
  cursor: string | null;
  /** How often the day was begun anew because a staged page had vanished or was no JSON; part of the page's id. */
  restarts: number;
  /** Missing before the first page. */
  walk?: CursorWalk;
}

/** Where a walk along cursors stands, so that a circle is noticed. */
export interface CursorWalk {
  /** Cursors followed so far. */
  steps: number;
  /** Digest of the cursor that those behind it are compared with. */
  milestone: string | null;
}

/** What merging did with records. Each record is counted once in inserted, updated, unchanged or rejected. */
export interface Counts {
  /** Distinct records that the provider gave for these days. */
  fetched: number;
  inserted: number;
  updated: number;
  unchanged: number;
  /** Kept in `rejected_records`, because they cannot be stored. */
  rejected: number;
  /** Answered 404 when asked by id. */
  gone: number;
  /** Differed between two fetches that overlapped in time: to be asked again. */
  unordered: number;
}

export interface FailedDay {
  day: Day;
  /** One line for people: what happened, and the remedy. */
  message: string;
}

export interface FetchInput {
  source: Source;
  run: Run;
  /** Days of one run of days, each with its own cursor; read side by side. */
  days: DayCursor[];
  /** Ask for details of settled conversations too. */
  askSettled: boolean;
  /** Count only: stage nothing, write nothing. */
  dryRun: boolean;
}

export interface FetchResult {
  /** Pages that this call staged or merged, to be merged and counted. */
  pageIds: string[];
  /** Days that have more pages, or failed in passing, with the cursor to go on from. */
  unfinished: DayCursor[];
  /** Days that the provider refuses for good. */
  failed: FailedDay[];
  /** Records seen by this call. In a dry run this is the result, else a hint for progress. */
  fetched: number;
}

export interface UpsertResult {
  counts: Counts;
  /** Days of which a page has vanished or is no JSON: they must be read again from their beginning. */
  missingDays: Day[];
  /** Those of them whose page is no JSON; left out where there is none. */
  malformed?: FailedDay[];
}

export interface AskAgainInput {
  source: Source;
  run: Run;
  /** How many batches this run asked before: part of the page's id. */
  batch: number;
  /**
   * `unsettled`: records not settled and rejected ones, not older than 14 days at `nominalTime`, of days that are
   * not in `listedDays`. `unordered`: records of `days` that two overlapping fetches gave differently. `hinted`:
   * records that webhooks have named since they were last asked.
   */
  scope:
    | { kind: 'unsettled'; nominalTime: string; listedDays: Day[] }
    | { kind: 'unordered'; days: Day[] }
    | { kind: 'hinted' };
}

export interface AskAgainResult {
  pageIds: string[];
  /** How many ids were asked. */
  asked: number;
  /** How many of them the provider refuses for good: noted, with its words, and asked no more by this run. */
  refused: number;
  /** Whether there are more that this run has not asked yet. */
  more: boolean;
}

export interface DrainResult {
  /** Records looked at again, or hours recomputed. */
  done: number;
  /** Pieces of dirt that could not be drained and were set aside, with the reason. */
  setAside: string[];
}

export interface BackfillPlanInput {
  source: Source;
  /** Inclusive. */
  from: Day;
  /** Inclusive. */
  to: Day;
  order: 'newest-first' | 'oldest-first';
  reprocess: 'none' | 'failed' | 'completed';
  /** Go on behind this day, in the order asked for; null at the beginning. */
  after: Day | null;
  /** At most this many days. */
  limit: number;
}

export interface BackfillPlan {
  days: Day[];
  /** How many days of the whole range (not only behind `after`) there are to do now. */
  total: number;
  /** Whether days are left behind the last of `days`. */
  more: boolean;
}

export interface DailyPlanInput {
  source: Source;
  /** Instant, ISO 8601. */
  nominalTime: string;
  /** Days before the window that are read again; null: the ledger's setting. */
  lookbackDays: number | null;
  run: Run;
}

/** A workspace's day: what is recomputed or cleared in one transaction. */
export interface WorkspaceDay {
  workspaceId: number;
  day: Day;
}

/** Which days of which workspaces; null: all of them. */
export interface WorkspaceDaysInput {
  source: Source;
  workspaceId: number | null;
  /** Inclusive. */
  from: Day | null;
  /** Inclusive. */
  to: Day | null;
  /** Go on behind this one; null at the beginning. */
  after: WorkspaceDay | null;
}

export interface DaysDone {
  after: WorkspaceDay | null;
  /** Whether days may be left behind `after`. */
  more: boolean;
  /** How many this activity has done. */
  days: number;
  /** Snapshots of those days: after recomputing them, or before clearing them. */
  snapshots: number;
}

export interface TotalsInput {
  source: Source;
  run: Run;
  days: Day[];
  /** Also what is billed besides calls (Twilio); it explains a drift. */
  everyCategory: boolean;
}

export interface CheckInput {
  source: Source;
  /** Days whose number of records is wanted; inclusive. */
  range?: { from: Day; to: Day };
}

export interface CheckResult {
  /** About how many records a day of the range has, by the provider's own count; null where it does not say. */
  recordsPerDay: number | null;
}

/** Every activity, by the name that Temporal Web shows. */
export interface Activities {
  /** The sources that the worker has credentials for. */
  listSources: () => Promise<Source[]>;
  /** Asks the provider for one record, and fails when it does not accept the credentials. Writes nothing. */
  checkCredentials: (input: CheckInput) => Promise<CheckResult>;
  /** The days of a backfill that are to do, by their state in `sync_days`; writes nothing. */
  planBackfill: (input: BackfillPlanInput) => Promise<BackfillPlan>;
  /**
   * The days of a daily sync, oldest first; marks them as taken on. Behind them the days that are listed again because
   * that is cheaper than asking for their unsettled records. The same run gets the same days again.
   */
  planDailySync: (input: DailyPlanInput) => Promise<Day[]>;
  /** Requests pages from the provider up to a budget of records and seconds, and stages their raw text. */
  fetchProviderPage: (input: FetchInput) => Promise<FetchResult>;
  /** Requests single records by id, a bounded batch, and stages them like a page. */
  fetchRecordsAgain: (input: AskAgainInput) => Promise<AskAgainResult>;
  /** Merges staged pages into the raw rows. */
  upsertRawRows: (input: { source: Source; pageIds: string[] }) => Promise<UpsertResult>;
  /** Looks again at every record whose workspace may have changed, until none is left. */
  classifyWorkspace: () => Promise<DrainResult>;
  /** Recomputes every dirty hour from its raw rows, until none is left. */
  rollupHours: () => Promise<DrainResult>;
  /** Writes down the end of days: their totals from the run's pages, or why they failed. */
  completeDays: (input: { source: Source; run: Run; days: Day[]; failed: FailedDay[] }) => Promise<{
    /** Final counts of the completed and open days together. */
    counts: Counts;
    /** How many of them stay open because they or their lookback had not ended. */
    open: number;
  }>;
  /** Refuses a workspace that does not exist. */
  checkWorkspace: (input: { workspaceId: number }) => Promise<void>;
  /** Recomputes snapshots from raw rows, one workspace's day after the other, up to a budget of time. */
  regenerateDays: (input: WorkspaceDaysInput) => Promise<DaysDone>;
  /** Deletes snapshots and marks their hours as cleared, in the same way. */
  clearDays: (input: WorkspaceDaysInput) => Promise<DaysDone>;
  /** Assigns records again: those that some numbers decide, or (null) all. `done`: numbers, or records. */
  reclassifyRecords: (input: { phoneNumbers: string[] | null }) => Promise<DrainResult>;
  /** Requests the provider's own totals of days, or where it has none the ids that it lists, and keeps them. */
  fetchProviderTotals: (input: TotalsInput) => Promise<void>;
  /** Compares days with what this run was told of them, and writes it down. */
  compareDays: (input: { source: Source; run: Run; days: Day[] }) => Promise<{ drifting: Day[] }>;
  /** Brings `sync_days.unsettled` up to date, after records were asked by their ids. */
  countUnsettled: (input: { source: Source }) => Promise<void>;
  /** Deletes staged pages of workflow runs that Temporal reports closed. */
  sweepPages: () => Promise<{ swept: number }>;
}
