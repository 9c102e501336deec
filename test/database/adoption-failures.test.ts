/** Adoption happens whole or not at all, and refuses what it cannot understand before it changes anything. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../database/migrate.js';
import { packageRoot } from '../../database/package-root.js';
import { dumpCatalogue, dumpRows } from '../support/database-dump.js';
import { fillPredecessor } from '../support/predecessor.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const supabase = path.join(packageRoot(), 'supabase');
const migrationFiles = readdirSync(path.join(supabase, 'migrations'))
  .filter((name) => name.endsWith('.sql'))
  .sort();
const adoptionFiles = readdirSync(path.join(supabase, 'adoption')).sort();

let database: TestDatabase;
let folder: string;
let before: unknown;

beforeAll(async () => {
  database = await createTestDatabase({ template: 'template1' });
  await fillPredecessor(database);
  before = await dump();
  folder = mkdtempSync(path.join(tmpdir(), 'hourledger-adoption-'));
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.close();
});

async function dump(of = database) {
  return { catalogue: await dumpCatalogue(of), rows: await dumpRows(of) };
}

/** Migrates with one file changed. */
async function migrateWith(file: string, change: (sql: string) => string) {
  const copy = mkdtempSync(path.join(folder, 'supabase-'));
  cpSync(supabase, copy, { recursive: true });
  const changed = path.join(copy, adoptionFiles.includes(file) ? 'adoption' : 'migrations', file);
  writeFileSync(changed, change(readFileSync(changed, 'utf8')));
  const options = { folder: path.join(copy, 'migrations'), adoptionFolder: path.join(copy, 'adoption') };
  return migrate(database.databaseUrl, options);
}

describe('a failure half-way leaves the database as it was', () => {
  const middle = migrationFiles[Math.floor(migrationFiles.length / 2)]!;
  const places = [...adoptionFiles, migrationFiles[0]!, middle, migrationFiles.at(-1)!];

  it.each(places)('at the end of %s', async (file) => {
    const failing = migrateWith(file, (sql) => `${sql};\nselect 1 / (select 0)`);
    await expect(failing).rejects.toThrow(/division by zero/);
    expect(await dump()).toEqual(before);
  });

  it('when the connection breaks', async () => {
    const failing = migrateWith(
      '5_conversations.sql',
      (sql) => `${sql};\nselect pg_terminate_backend(pg_backend_pid())`,
    );
    await expect(failing).rejects.toThrow(/5_conversations.sql failed/);
    expect(await dump()).toEqual(before);
  });

  it('when somebody else writes the tables, and says so', async () => {
    const writer = await database.connect();
    await writer.query(`begin; update calls set status = status where id = 'CA01'`);
    const failing = migrateWith('1_set_aside.sql', (sql) =>
      sql.replace(`lock_timeout = '30s'`, `lock_timeout = '50ms'`),
    );
    await expect(failing).rejects.toMatchObject({
      exitCode: 1,
      message: expect.stringMatching(/could not lock.*Nothing was changed.*Stop what writes/) as string,
    });
    await writer.query('rollback');
    writer.release();
    expect(await dump()).toEqual(before);
  });
});

describe('what cannot be adopted is refused, and nothing changes', () => {
  it.each([
    [
      'a view on a table',
      'create view daily as select count(*) from calls',
      /the view daily reads table calls/,
      2,
    ],
    ['a schema predecessor', 'create schema predecessor', /schema "predecessor" already exists/, 1],
    ['a table of another system', 'alter table calls drop column raw_data', /has no column raw_data/, 2],
    [
      'a view with the name of a table',
      'alter table twilio_snapshots rename to x; create view twilio_snapshots as select 1',
      /is no plain table/,
      2,
    ],
    ['a table in the way', 'create table settings (id integer)', /relation "settings" already exists/, 1],
    [
      'a migration with a number of ours',
      `insert into supabase_migrations.schema_migrations (version, name) values ('0001', 'mine')`,
      /migration 0001 named "mine"/,
      2,
    ],
  ] as const)('refused: there is %s', async (_, sql, message, exitCode) => {
    const other = await createTestDatabase({ template: 'template1' });
    try {
      await fillPredecessor(other);
      await other.query(sql);
      const was = await dump(other);
      await expect(migrate(other.databaseUrl)).rejects.toMatchObject({
        exitCode,
        message: expect.stringMatching(message) as string,
      });
      expect(await dump(other)).toEqual(was);
    } finally {
      await other.close();
    }
  });
});

describe('what is there is adopted', () => {
  it('in the currency and the default workspace that the environment names', async () => {
    const { adoption } = await migrate(database.databaseUrl, {
      ledgerCurrency: 'EUR',
      defaultWorkspaceId: 6,
    });
    expect(adoption?.tables[2]).toMatchObject({ kept: 33 });
    const rows = await database.query(
      `select id, currency, workspace_id from calls where id in ('CA06', 'CA15') order by id`,
    );
    expect(rows).toEqual([
      { id: 'CA06', currency: 'EUR', workspace_id: 4 },
      { id: 'CA15', currency: 'USD', workspace_id: 6 },
    ]);
    const versions = await database.query<{ version: string }>(
      'select version from supabase_migrations.schema_migrations order by 1',
    );
    expect(versions.map(({ version }) => version)).toEqual([
      ...migrationFiles.map((file) => file.slice(0, 4)),
      '20250912101010',
      '20251002093000',
    ]);
  });

  it('where only some of its tables and columns are, and none of its records of migrations', async () => {
    const other = await createTestDatabase({ template: 'template1' });
    try {
      await other.query(`
        create table workspaces (id serial primary key, name text);
        insert into workspaces values (3, 'Three');
        create table calls (id text primary key, phone_from text, phone_to text, duration integer, cost double precision,
          call_date timestamp, raw_data text);
        insert into calls values ('CA1', '+1', '+2', 5, 0.1, '2025-10-04 15:00:00.123456', '{"sid":"CA1","price":"-0.10000000000000000001"}')`);
      const { adoption } = await migrate(other.databaseUrl);
      expect(adoption?.findings.map(({ finding }) => finding)).toEqual([
        'call-currency-assumed',
        'call-without-workspace',
      ]);
      const [call] = await other.query(
        `select cost, currency, workspace_id, extract(epoch from call_date) as date from calls`,
      );
      expect(call).toEqual({
        cost: '0.10000000000000000001',
        currency: 'USD',
        workspace_id: 1,
        date: '1759590000.123456',
      });
    } finally {
      await other.close();
    }
  });

  it('and a database without any of its tables has nothing to adopt', async () => {
    const other = await createTestDatabase({ template: 'template1' });
    try {
      expect((await migrate(other.databaseUrl)).adoption).toBeNull();
    } finally {
      await other.close();
    }
  });
});
