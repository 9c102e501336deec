/** Brings a Postgres to the current schema: runs the files of supabase/migrations/ that it has not seen yet, in order. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import {
  applySettings,
  isToBeAdopted,
  readAdoptionSteps,
  readReport,
  type AdoptionStep,
  type AdoptionSteps,
} from './adoption.js';
import { adoptionLines, type AdoptionReport } from './adoption-report.js';
import { MigrationError } from './migration-error.js';
import { packageRoot } from './package-root.js';

export { adoptionLines, type AdoptionReport } from './adoption-report.js';
export { MigrationError } from './migration-error.js';

export interface MigrateOptions {
  /** Called with one line for each file that was run, and for each thing that adoption found. */
  log?: (line: string) => void;
  /** The folder with NNNN_name.sql files; supabase/migrations of the package when left out. */
  folder?: string;
  /** The folder with the steps of adoption; supabase/adoption of the package when left out. */
  adoptionFolder?: string;
  /** What an adopted ledger is kept in, as LEDGER_CURRENCY says; left out or null: USD. */
  ledgerCurrency?: string | null;
  /** Where adopted records go that nothing assigns, as DEFAULT_WORKSPACE_ID says; left out or null: workspace 1. */
  defaultWorkspaceId?: number | null;
}

export interface MigrateResult {
  /** The file names that were run by this call, in order; empty when the database was current. */
  applied: string[];
  /** What was found in the tables of the system before hourledger, when this call adopted them. */
  adoption: AdoptionReport | null;
}

interface Migration {
  version: string;
  name: string;
  file: string;
  sql: string;
}

/** Any constant serves, as long as nothing else in the database uses it: the letters "hl" and "mig" as numbers. */
const advisoryLock = [0x686c, 0x6d6967] as const;

/**
 * Runs every migration that the database has not recorded yet, each in a transaction of its own, and tells PostgREST to
 * look at the schema again. Processes that migrate at the same time wait for one another.
 *
 * Tables of the system before hourledger are adopted: then the migrations, and what brings the rows over, are one
 * transaction together, so that a failure leaves the database as it was.
 *
 * What has run is recorded in `supabase_migrations.schema_migrations`, the table of the Supabase CLI
 * (https://supabase.com/docs/reference/cli/supabase-migration), so that either tool knows what the other one did.
 *
 * @throws MigrationError naming the file and Postgres's message; what ran before that file stays, except when adopting.
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<MigrateResult> {
  const folder = (name: string) => path.join(packageRoot(), 'supabase', name);
  const migrations = await readMigrations(options.folder ?? folder('migrations'));
  const client = await connect(databaseUrl);
  try {
    await client.query('select pg_catalog.pg_advisory_lock($1, $2)', [...advisoryLock]);
    const recorded = await readRecorded(client);
    refuseUnknown(recorded, migrations);
    const pending = migrations.filter(({ version }) => !recorded.has(version));
    let adoption: AdoptionReport | null = null;
    if (pending.length > 0 && (await isToBeAdopted(client))) {
      const steps = await readAdoptionSteps(options.adoptionFolder ?? folder('adoption'));
      adoption = await adopt(client, pending, steps, options);
      for (const line of adoptionLines(adoption)) options.log?.(line);
    } else {
      await runEach(client, pending, options);
    }
    // A PostgREST that serves this database would otherwise go on with the schema that it read when it started.
    if (pending.length > 0) await client.query(`notify pgrst, 'reload schema'`);
    return { applied: pending.map(({ file }) => file), adoption };
  } finally {
    // Ending the session releases the advisory lock too.
    await client.end();
  }
}

async function runEach(client: pg.Client, pending: Migration[], { log }: MigrateOptions): Promise<void> {
  for (const migration of pending) {
    await inTransaction(client, () => run(client, migration));
    log?.(`Migrated: ${migration.file}`);
  }
}

async function adopt(
  client: pg.Client,
  pending: Migration[],
  steps: AdoptionSteps,
  { log, ledgerCurrency, defaultWorkspaceId }: MigrateOptions,
): Promise<AdoptionReport> {
  const split = pending.findIndex(({ version }) => version > steps.afterVersion);
  const first = split === -1 ? pending : pending.slice(0, split);
  const report = await inTransaction(client, async () => {
    await execute(client, steps.before);
    for (const migration of first) await run(client, migration);
    await applySettings(client, ledgerCurrency ?? null, defaultWorkspaceId ?? null);
    for (const step of steps.behind) await execute(client, step);
    for (const migration of pending.slice(first.length)) await run(client, migration);
    return readReport(client, steps.report);
  });
  for (const { file } of pending) log?.(`Migrated: ${file}`);
  return report;
}

async function connect(databaseUrl: string): Promise<pg.Client> {
  let client: pg.Client;
  try {
    client = new pg.Client({ connectionString: databaseUrl, application_name: 'hourledger migrate' });
    // Without a listener an error on the idle connection would end the process; the running query reports it anyway.
    client.on('error', () => undefined);
    await client.connect();
  } catch (error) {
    throw new MigrationError(
      `Cannot connect to the database: ${messageOf(error)}. Check DATABASE_URL, and that the server is up.`,
      1,
      { cause: error },
    );
  }
  // Supabase's login roles carry a statement timeout, meant for web requests; a migration may take longer.
  await client.query('set statement_timeout = 0');
  return client;
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const migrations: Migration[] = [];
  for (const file of names) {
    const parts = /^(\d+)_(.+)\.sql$/.exec(file);
    if (parts?.[1] === undefined || parts[2] === undefined) {
      throw new MigrationError(`Migration "${file}" is not named NNNN_name.sql: rename it.`);
    }
    const sql = await readFile(path.join(folder, file), 'utf8');
    migrations.push({ version: parts[1], name: parts[2], file, sql });
  }
  const twice = migrations.find((migration, index) => migration.version === migrations[index - 1]?.version);
  if (twice) throw new MigrationError(`Two migrations have the number ${twice.version}: rename one of them.`);
  return migrations;
}

/** The versions that the database has recorded, with their names. */
async function readRecorded(client: pg.Client): Promise<Map<string, string | null>> {
  const table = await client.query<{ there: boolean }>(
    `select to_regclass('supabase_migrations.schema_migrations') is not null as there`,
  );
  if (table.rows[0]?.there !== true) return new Map();
  // Older versions of the Supabase CLI have made the table without names.
  const rows = await client.query<{ version: string; name: string | null }>(
    `select m.version, to_jsonb(m) ->> 'name' as name from supabase_migrations.schema_migrations m`,
  );
  return new Map(rows.rows.map(({ version, name }) => [version, name]));
}

/**
 * A project on Supabase has migrations of its own, with the times of their making for versions (20250912101010): they
 * are none of hourledger's business, whose versions have four digits.
 */
function refuseUnknown(recorded: Map<string, string | null>, migrations: Migration[]): void {
  const known = new Map(migrations.map(({ version, name }) => [version, name]));
  const unknown = [...recorded.keys()]
    .filter((version) => /^\d{4}$/.test(version) && !known.has(version))
    .sort();
  if (unknown.length > 0) {
    throw new MigrationError(
      `The database has migration ${unknown.join(', ')}, which this version of hourledger does not know: ` +
        'a newer version made it. Update hourledger, or use another database.',
      2,
    );
  }
  for (const [version, name] of recorded) {
    const own = known.get(version);
    if (own === undefined || name === null || name === own) continue;
    throw new MigrationError(
      `The database has a migration ${version} named "${name}", which is not hourledger's "${own}". ` +
        'Give it another version in supabase_migrations.schema_migrations, or use another database.',
      2,
    );
  }
}

async function inTransaction<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    // A lost connection has rolled back already, and then this fails too; the first error is the one to report.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Runs a migration within a transaction, and records it. */
async function run(client: pg.Client, migration: Migration): Promise<void> {
  await execute(client, migration);
  await prepareRecords(client);
  await client.query(
    'insert into supabase_migrations.schema_migrations (version, statements, name) values ($1, $2, $3)',
    [migration.version, [migration.sql], migration.name],
  );
}

/** Looks first: on Supabase the table may belong to another role, which alone may alter it. */
async function prepareRecords(client: pg.Client): Promise<void> {
  const columns = await client.query(
    `select from pg_catalog.pg_attribute
     where attrelid = to_regclass('supabase_migrations.schema_migrations') and attname in ('version', 'statements', 'name')`,
  );
  if (columns.rowCount === 3) return;
  await client.query(
    `create schema if not exists supabase_migrations;
     create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
     alter table supabase_migrations.schema_migrations
       add column if not exists statements text[], add column if not exists name text`,
  );
}

async function execute(client: pg.Client, { file, sql }: AdoptionStep): Promise<void> {
  try {
    await client.query(sql);
  } catch (error) {
    throw explain(error, file, sql);
  }
}

/** SQLSTATE of a refusal by a step of adoption, whose message says all that there is to say. */
const refusal = 'HL001';
const lockNotAvailable = '55P03';

function explain(error: unknown, file: string, sql: string): MigrationError {
  const code = error instanceof pg.DatabaseError ? error.code : undefined;
  if (code === refusal) {
    return new MigrationError(`Nothing was changed: ${messageOf(error)}`, 2, { cause: error });
  }
  if (code === lockNotAvailable) {
    return new MigrationError(
      `${file} could not lock its tables: something else uses them. Nothing was changed. ` +
        'Stop what writes to this database, such as the cron of the system before, and migrate again.',
      1,
      { cause: error },
    );
  }
  return new MigrationError(`Migration ${file} failed: ${describe(error, sql)}`, 1, { cause: error });
}

function describe(error: unknown, sql: string): string {
  const message = messageOf(error);
  if (!(error instanceof pg.DatabaseError) || error.position === undefined) return message;
  const line = sql.slice(0, Number.parseInt(error.position, 10)).split('\n').length;
  return `${message} (line ${line})`;
}

function messageOf(error: unknown): string {
  // Node reports "connection refused" on several addresses as one error without a message.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const text = first instanceof Error ? first.message : String(first);
  return text.replaceAll(/\s+/g, ' ').trim();
}
