/** What a record takes on disk: tables, their indexes, and the raw JSON before and after compression. */
import type pg from 'pg';

export interface Space {
  /** Bytes for each record, by what they are. */
  perRecord: { heap: number; indexes: number; toast: number; everythingElse: number };
  /** Bytes of one record's JSON: as text, and as it is stored. */
  rawData: { text: number; stored: number };
  /** Bytes of each index for each record. */
  indexes: Record<string, number>;
}

/** Measures `calls`, whose rows must be there already. */
export async function readSpace(database: pg.Client, records: number): Promise<Space> {
  const { rows } = await database.query<Record<'heap' | 'indexes' | 'toast' | 'else', string>>(`
    select pg_relation_size('calls') as heap, pg_indexes_size('calls') as indexes,
      pg_table_size('calls') - pg_relation_size('calls') as toast,
      (select sum(pg_total_relation_size(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname in ('public', 'hourledger') and c.oid <> 'calls'::regclass) as else`);
  const raw = await database.query<{ text: string; stored: string }>(`
    select avg(octet_length(raw_data::text)) as text, avg(pg_column_size(raw_data)) as stored
    from (select raw_data from calls limit 10000) sample`);
  const byIndex = await database.query<{ name: string; bytes: string }>(`
    select indexrelid::regclass::text as name, pg_relation_size(indexrelid) as bytes
    from pg_index where indrelid = 'calls'::regclass order by 2 desc`);
  const each = (bytes: string | undefined): number => Math.round(Number(bytes ?? 0) / records);
  const [sizes] = rows;
  const [json] = raw.rows;
  return {
    perRecord: {
      heap: each(sizes?.heap),
      indexes: each(sizes?.indexes),
      toast: each(sizes?.toast),
      everythingElse: each(sizes?.else),
    },
    rawData: { text: Math.round(Number(json?.text)), stored: Math.round(Number(json?.stored)) },
    indexes: Object.fromEntries(byIndex.rows.map(({ name, bytes }) => [name, each(bytes)])),
  };
}
