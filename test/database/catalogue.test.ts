// The schema as it is committed in words, and a word for everything that people query.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeSchema } from '../support/describe-schema.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const file = new URL('../../supabase/catalogue.txt', import.meta.url);

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(() => database.close());

it('supabase/catalogue.txt is the schema of a freshly migrated database; else run: node scripts/write-catalogue.mjs', async () => {
  // The search path hides no schema from the names.
  const catalogue = await describeSchema(async (sql) => {
    const rows = await database.query<{ line: string }>(`select line from (${sql}) lines (line)`);
    return rows.map(({ line }) => line);
  });
  // Set by scripts/write-catalogue.mjs.
  if (process.env['WRITE_CATALOGUE'] === '1') writeFileSync(file, catalogue);
  expect(catalogue).toBe(readFileSync(file, 'utf8'));
});

it('every table, view, column and function of schema public has a comment', async () => {
  const missing = await database.query<{ name: string }>(
    `select c.relname || coalesce('.' || a.attname, '') as name
       from pg_class c
       left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
         and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
     union all
     select p.oid::regprocedure::text from pg_proc p
       where p.pronamespace = 'public'::regnamespace and obj_description(p.oid, 'pg_proc') is null
     order by name`,
  );
  expect(missing.map(({ name }) => name)).toEqual([]);
});
