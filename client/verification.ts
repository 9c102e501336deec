/** Comparing snapshots with raw rows, in pieces that are small enough for the statement timeout and for one answer. */
import { sources, type Day, type Source } from '../activities/types.js';
import { LedgerError, type Ledger } from '../database/ledger.js';

/** One field of one snapshot; sums are texts from the database, null where there is no such row. */
export interface Difference {
  source: Source;
  workspaceId: number;
  hour: string;
  field: string;
  expected: string | null;
  stored: string | null;
}

export interface Verification {
  /** Workspace hours with raw rows. */
  hours: number;
  /** Hours whose raw rows changed and that wait for a worker: they may differ until then. */
  pendingHours: number;
  /** Hours whose snapshot somebody has cleared, on purpose. */
  clearedHours: number;
  /** Fields that differ; more than are listed only where one single hour has more than 200 of them. */
  differing: number;
  differences: Difference[];
}

interface Range {
  source: Source;
  /** Milliseconds since 1970, whole UTC hours; `to` excluded. */
  from_ms: number;
  to_ms: number;
}

const hour_ms = 3_600_000;
/** SQLSTATE query_canceled: the statement timeout, 8 s at Supabase. */
const statementTimeout = '57014';

/** Compares all that the ledger has. @throws LedgerError */
export async function verifyLedger(ledger: Ledger): Promise<Verification> {
  const total: Verification = { hours: 0, pendingHours: 0, clearedHours: 0, differing: 0, differences: [] };
  for (const source of sources) {
    const { first, last } = await ledger.call<{ first: Day | null; last: Day | null }>('ledger_range', {
      p_source: source,
    });
    if (first === null || last === null) continue;
    for (const range of months(source, first, last)) add(total, await verifyRange(ledger, range));
  }
  return total;
}

/** The calendar months from the first to the last day. */
function months(source: Source, first: Day, last: Day): Range[] {
  const ranges: Range[] = [];
  const end_ms = Date.parse(last) + 24 * hour_ms;
  for (let from_ms = Date.parse(first); from_ms < end_ms;) {
    const from = new Date(from_ms);
    const to_ms = Math.min(end_ms, Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + 1, 1));
    ranges.push({ source, from_ms, to_ms });
    from_ms = to_ms;
  }
  return ranges;
}

/** One range; in two halves where it takes too long, or where not all differences fit into one answer. */
async function verifyRange(ledger: Ledger, range: Range): Promise<Verification> {
  const found = await ask(ledger, range);
  const isSmallest = range.to_ms - range.from_ms <= hour_ms;
  if (found !== null && (found.differences.length === found.differing || isSmallest)) return found;
  if (isSmallest)
    throw new LedgerError(`One hour of ${range.source} takes too long to verify.`, statementTimeout, 500);
  const half = Math.ceil((range.to_ms - range.from_ms) / hour_ms / 2) * hour_ms;
  const middle_ms = range.from_ms + half;
  const total = await verifyRange(ledger, { ...range, to_ms: middle_ms });
  add(total, await verifyRange(ledger, { ...range, from_ms: middle_ms }));
  return total;
}

/** Null when the statement timeout has struck. */
async function ask(ledger: Ledger, { source, from_ms, to_ms }: Range): Promise<Verification | null> {
  try {
    return await ledger.call<Verification>('verify_snapshots', {
      p_source: source,
      p_from: new Date(from_ms).toISOString(),
      p_to: new Date(to_ms).toISOString(),
    });
  } catch (error) {
    if (error instanceof LedgerError && error.code === statementTimeout) return null;
    throw error;
  }
}

function add(total: Verification, part: Verification): void {
  total.hours += part.hours;
  total.pendingHours += part.pendingHours;
  total.clearedHours += part.clearedHours;
  total.differing += part.differing;
  total.differences.push(...part.differences);
}
