/** Loading a table in bulk: without triggers and indexes, which come back at the end, in one transaction that needs no log. */
import type pg from 'pg';

const rowsAtOnce = 250_000;

/** Rows 1 to `rows` of one set of parameters; $8 and $9 of the statement are the first and the last row of a part. */
export interface Chunk {
  rows: number;
  values: unknown[];
}

interface Definition {
  drop: string;
  create: string;
}

/**
 * Fills an empty table. A table that is truncated in the transaction which fills it is written straight to its files
 * (https://www.postgresql.org/docs/current/populate.html#POPULATE-PITR), so nothing is written twice.
 */
export async function loadTable(
  client: pg.Client,
  table: string,
  insert: string,
  chunks: readonly Chunk[],
  log: (line: string) => void,
): Promise<void> {
  const began_ms = performance.now();
  const seconds = () => `${((performance.now() - began_ms) / 1000).toFixed(0)} s`;
  // Neither triggers nor foreign keys look at what is loaded: it is right by construction, and verified afterwards.
  await client.query(`set session_replication_role = replica`);
  await client.query(`set maintenance_work_mem = '1GB'`);
  await client.query(`set work_mem = '256MB'`);
  await client.query('begin');
  const definitions = await definitionsOf(client, table);
  for (const { drop } of definitions) await client.query(drop);
  await client.query(`truncate ${table}`);
  for (const { rows, values } of chunks) {
    for (let first = 1; first <= rows; first += rowsAtOnce) {
      const last = Math.min(rows, first + rowsAtOnce - 1);
      await client.query(insert, [...values, first, last]);
      log(`${table}: ${last.toLocaleString('en')} of ${rows.toLocaleString('en')} rows, ${seconds()}`);
    }
  }
  for (const { create } of definitions) await client.query(create);
  log(`${table}: indexes, ${seconds()}`);
  await client.query('commit');
  await client.query(`vacuum analyze ${table}`);
  log(`${table}: vacuumed, ${seconds()}`);
}

/** The indexes of a table, those of constraints too, as what drops and what makes them. */
async function definitionsOf(client: pg.Client, table: string): Promise<Definition[]> {
  const { rows } = await client.query<Definition>(
    `select
       case when k.oid is null then format('drop index %s', i.indexrelid::regclass)
         else format('alter table %s drop constraint %I', i.indrelid::regclass, k.conname) end as drop,
       case when k.oid is null then pg_get_indexdef(i.indexrelid)
         else format('alter table %s add constraint %I %s', i.indrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) end as create
     from pg_index i
     left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
     where i.indrelid = $1::regclass`,
    [table],
  );
  return rows;
}
