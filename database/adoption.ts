/** Adopts the tables of the system before hourledger: finds them, and runs supabase/adoption/ around the migrations. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import type { AdoptionReport } from './adoption-report.js';
import { MigrationError } from './migration-error.js';

/**
 * The rows are copied into the schema of this migration; later ones find them there, as in any ledger that grew up
 * with hourledger. So a later migration cannot break adoption.
 */
const rowsFitMigration = '0011';

/** By its columns a table is known; a table of another system must not be taken for one of these. */
const columnsOf: Readonly<Record<string, readonly string[]>> = {
  workspaces: ['id', 'name'],
  workspace_phones: ['id', 'workspace_id', 'phone_number'],
  calls: ['id', 'phone_from', 'phone_to', 'duration', 'cost', 'call_date', 'raw_data'],
  elevenlabs_conversations: ['conversation_id', 'conversation_date', 'workspace_id', 'cost', 'raw_data'],
  twilio_snapshots: ['workspace_id', 'snapshot_date', 'total_calls'],
  elevenlabs_snapshots: ['workspace_id', 'snapshot_date', 'total_conversations'],
};

export interface AdoptionStep {
  file: string;
  sql: string;
}

export interface AdoptionSteps {
  /** Run before the first migration. */
  before: AdoptionStep;
  /** Run when the migration `afterVersion` has run, or else after the last one. */
  behind: AdoptionStep[];
  afterVersion: string;
  /** The query whose only row has the report. */
  report: AdoptionStep;
}

/**
 * Whether the database has tables that the system before hourledger made, and no ledger yet.
 *
 * @throws MigrationError when a table has one of its names and is not one of them.
 */
export async function isToBeAdopted(client: pg.Client): Promise<boolean> {
  const found = await client.query<{ name: string; kind: string; columns: string[] }>(
    `select c.relname::text as name, c.relkind::text as kind,
       array(select a.attname::text from pg_catalog.pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
     from pg_catalog.pg_class c
     where c.relnamespace = to_regnamespace('public') and c.relname = any ($1)
       and to_regclass('hourledger.tickets') is null
     order by 1`,
    [Object.keys(columnsOf)],
  );
  for (const { name, kind, columns } of found.rows) {
    const missing = (columnsOf[name] ?? []).filter((column) => !columns.includes(column));
    if (kind === 'r' && missing.length === 0) continue;
    const what = kind === 'r' ? `has no column ${missing.join(', ')}` : 'is no plain table';
    throw new MigrationError(
      `The database has a public.${name} that hourledger does not know: it ${what}. ` +
        'Rename it, or use another database.',
      2,
    );
  }
  return found.rows.length > 0;
}

/** Reads the files of a folder such as supabase/adoption: numbered, the first before the migrations, the last the report. */
export async function readAdoptionSteps(folder: string): Promise<AdoptionSteps> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const steps = await Promise.all(
    names.map(async (file) => ({ file, sql: await readFile(path.join(folder, file), 'utf8') })),
  );
  const [before, ...others] = steps;
  const report = others.pop();
  if (before === undefined || report === undefined) {
    throw new MigrationError(
      `The folder "${folder}" lacks the files of adoption: install the package again.`,
    );
  }
  return { before, behind: others, afterVersion: rowsFitMigration, report };
}

export async function readReport(client: pg.Client, { sql }: AdoptionStep): Promise<AdoptionReport> {
  const result = await client.query<{ report: AdoptionReport }>(sql);
  const report = result.rows[0]?.report;
  if (report === undefined) throw new MigrationError('Adoption has left no report.');
  return report;
}

/**
 * The settings of the environment come before the rows, whose missing currency and workspace they decide: later, a
 * ledger with records refuses to change them on the side.
 */
export async function applySettings(
  client: pg.Client,
  ledgerCurrency: string | null,
  defaultWorkspaceId: number | null,
): Promise<void> {
  await client.query('select public.apply_settings($1, $2)', [ledgerCurrency, defaultWorkspaceId]);
}
