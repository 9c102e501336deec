/** Brings a Postgres to the current schema: runs the files of supabase/migrations/ that it has not seen yet, in order. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { packageRoot } from './package-root.js';

/** A migration could not be run, or the database is not one that this version can bring forward. One line for people. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  /** How a command ends that met it: 1 when the work failed, 2 when this database is not one for this version. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export interface MigrateOptions {
  /** Called with one line for each file that was run. */
  log?: (line: string) => void;
  /** The folder with NNNN_name.sql files; supabase/migrations of the package when left out. */
  folder?: string;
}

export interface MigrateResult {
  /** The file names that were run by this call, in order; empty when the database was current. */
  applied: string[];
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
 * What has run is recorded in `supabase_migrations.schema_migrations`, the table of the Supabase CLI
 * (https://supabase.com/docs/reference/cli/supabase-migration), so that either tool knows what the other one did.
 *
 * @throws MigrationError naming the file and Postgres's message; what ran before that file stays.
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<MigrateResult> {
  const migrations = await readMigrations(
    options.folder ?? path.join(packageRoot(), 'supabase', 'migrations'),
  );
  const client = await connect(databaseUrl);
  try {
    await client.query('select pg_catalog.pg_advisory_lock($1, $2)', [...advisoryLock]);
    const recorded = await readRecorded(client);
    refuseUnknown(recorded, migrations);
    const applied: string[] = [];
    for (const migration of migrations) {
      if (recorded.has(migration.version)) continue;
      await run(client, migration);
      applied.push(migration.file);
      options.log?.(`Migrated: ${migration.file}`);
    }
    // A PostgREST that serves this database would otherwise go on with the schema that it read when it started.
    if (applied.length > 0) await client.query(`notify pgrst, 'reload schema'`);
    return { applied };
  } finally {
    // Ending the session releases the advisory lock too.
    await client.end();
  }
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

async function readRecorded(client: pg.Client): Promise<Set<string>> {
  const table = await client.query<{ there: boolean }>(
    `select to_regclass('supabase_migrations.schema_migrations') is not null as there`,
  );
  if (table.rows[0]?.there !== true) {
    await client.query('create schema if not exists supabase_migrations');
    await client.query(
      `create table if not exists supabase_migrations.schema_migrations
         (version text not null primary key, statements text[], name text)`,
    );
  }
  const rows = await client.query<{ version: string }>(
    'select version from supabase_migrations.schema_migrations',
  );
  return new Set(rows.rows.map((row) => row.version));
}

function refuseUnknown(recorded: Set<string>, migrations: Migration[]): void {
  const known = new Set(migrations.map((migration) => migration.version));
  const unknown = [...recorded].filter((version) => !known.has(version)).sort();
  if (unknown.length === 0) return;
  throw new MigrationError(
    `The database has migration ${unknown.join(', ')}, which this version of hourledger does not know: ` +
      'a newer version made it. Update hourledger, or use another database.',
    2,
  );
}

async function run(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(migration.sql);
    await client.query(
      'insert into supabase_migrations.schema_migrations (version, statements, name) values ($1, $2, $3)',
      [migration.version, [migration.sql], migration.name],
    );
    await client.query('commit');
  } catch (error) {
    // A lost connection has rolled back already, and then this fails too; the first error is the one to report.
    await client.query('rollback').catch(() => undefined);
    throw new MigrationError(`Migration ${migration.file} failed: ${describe(error, migration.sql)}`, 1, {
      cause: error,
    });
  }
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
