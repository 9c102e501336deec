/** What commands work with: the environment, the ledger and Temporal, each loaded and connected when first asked for. */
import type { Ledger } from '../database/ledger.js';
import type { Connections } from '../settings/connections.js';
import type { TemporalSession } from './temporal.js';

let resolved: Connections | undefined;

/**
 * Where the database and Temporal are.
 * @throws SettingsError when a variable is malformed, or no stack was started
 */
export async function connections(): Promise<Connections> {
  if (resolved === undefined) {
    const [{ readEnvironment }, { resolveConnections }] = await Promise.all([
      import('../settings/environment.js'),
      import('../settings/connections.js'),
    ]);
    resolved = resolveConnections(readEnvironment());
  }
  return resolved;
}

/** The data directory of the embedded stack, once a command has found that it uses it; for error messages. */
export function embeddedDataDir(): string | null {
  return resolved?.dataDir ?? null;
}

/** The ledger; nothing is connected before its first call. */
export async function openLedger(): Promise<Ledger> {
  const where = await connections();
  const { Ledger } = await import('../database/ledger.js');
  return new Ledger(where);
}

/** Runs work with a connection to Temporal, and closes it. */
export async function withTemporal<T>(work: (session: TemporalSession) => Promise<T>): Promise<T> {
  const where = await connections();
  const { connectTemporal } = await import('./temporal.js');
  const session = await connectTemporal(where);
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

/** As many lines as one answer of Supabase's API can hold. */
const page_max = 1000;

/**
 * Reads a list page by page to its end.
 * @param keyOf the key behind which the next page begins
 */
export async function readPages<Row>(
  ledger: Ledger,
  name: string,
  args: Record<string, unknown>,
  keyOf: (row: Row) => unknown,
): Promise<Row[]> {
  const rows: Row[] = [];
  let after: unknown = null;
  for (;;) {
    const page = await ledger.call<Row[]>(name, { ...args, p_after: after, p_limit: page_max });
    rows.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < page_max) return rows;
    after = keyOf(last);
  }
}
