/** Migrations run once, in order, whole or not at all, and are recorded where the Supabase CLI records them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../database/migrate.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await createTestDatabase({ template: 'template1' });
  folder = mkdtempSync(path.join(tmpdir(), 'hourledger-migrations-'));
});

afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database.close();
});

function write(name: string, sql: string): void {
  writeFileSync(path.join(folder, name), sql);
}

it('runs each file once, in the order of its number, and records its statements', async () => {
  write('0002_second.sql', 'insert into steps values (2)');
  write('0001_first.sql', 'create table steps (step integer);\ninsert into steps values (1);');
  const lines: string[] = [];
  const first = await migrate(database.databaseUrl, { folder, log: (line) => lines.push(line) });
  expect(first.applied).toEqual(['0001_first.sql', '0002_second.sql']);
  expect(lines).toHaveLength(2);
  expect((await migrate(database.databaseUrl, { folder })).applied).toEqual([]);
  write('0003_third.sql', 'insert into steps values (3)');
  expect((await migrate(database.databaseUrl, { folder })).applied).toEqual(['0003_third.sql']);
  expect(await database.query('select step from steps')).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }]);
  const recorded = await database.query(
    'select version, name, statements from supabase_migrations.schema_migrations order by version',
  );
  expect(recorded[1]).toEqual({
    version: '0002',
    name: 'second',
    statements: ['insert into steps values (2)'],
  });
});

it('runs each file once when several processes migrate at the same time', async () => {
  write(
    '0001_first.sql',
    'create table steps (step integer); select pg_sleep(0.1); insert into steps values (1)',
  );
  const results = await Promise.all([1, 2, 3].map(() => migrate(database.databaseUrl, { folder })));
  expect(results.flatMap((result) => result.applied)).toEqual(['0001_first.sql']);
  expect(await database.query('select step from steps')).toEqual([{ step: 1 }]);
});

it('undoes a file that fails, keeps those before it, and names file, line and reason', async () => {
  write('0001_first.sql', 'create table steps (step integer)');
  write('0002_second.sql', 'insert into steps values (2);\ninsert into stepps values (3)');
  await expect(migrate(database.databaseUrl, { folder })).rejects.toMatchObject({
    name: 'MigrationError',
    message: 'Migration 0002_second.sql failed: relation "stepps" does not exist (line 2)',
  });
  expect(await database.query('select step from steps')).toEqual([]);
  write('0002_second.sql', 'insert into steps values (2)');
  expect((await migrate(database.databaseUrl, { folder })).applied).toEqual(['0002_second.sql']);
});

it('refuses a database that a newer version has migrated, and two files with one number', async () => {
  write('0001_first.sql', 'create table steps (step integer)');
  await migrate(database.databaseUrl, { folder });
  await database.query(`insert into supabase_migrations.schema_migrations (version) values ('0002')`);
  write('0003_third.sql', 'drop table steps');
  await expect(migrate(database.databaseUrl, { folder })).rejects.toThrow(
    /has migration 0002.*newer version/,
  );
  expect(await database.query('select count(*)::integer from steps')).toEqual([{ count: 0 }]);
  write('0003_other.sql', 'select 1');
  await expect(migrate(database.databaseUrl, { folder })).rejects.toThrow(
    /Two migrations have the number 0003/,
  );
});

it('tells a PostgREST that listens to look at the schema again, only when there is something new', async () => {
  const listener = await database.connect();
  const heard: (string | undefined)[] = [];
  listener.on('notification', (message) => heard.push(message.payload));
  await listener.query('listen pgrst');
  write('0001_first.sql', 'create table steps (step integer)');
  await migrate(database.databaseUrl, { folder });
  await migrate(database.databaseUrl, { folder });
  await listener.query('select 1');
  expect(heard).toEqual(['reload schema']);
  await listener.query('unlisten pgrst');
  listener.release();
});

it('says in one line that there is no server, without its password', async () => {
  await expect(migrate('postgres://postgres:secret@127.0.0.1:1/postgres')).rejects.toThrow(
    /^Cannot connect to the database: connect ECONNREFUSED 127\.0\.0\.1:1\. Check DATABASE_URL.*$/,
  );
});

it('brings an empty database to the schema of the package', async () => {
  const { applied } = await migrate(database.databaseUrl);
  expect(applied[0]).toMatch(/^0001_.*\.sql$/);
});
