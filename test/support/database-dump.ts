/** Writes a database down: its catalogue, and every row, so that two states can be compared. */
import type { TestDatabase } from './test-database.js';

const ours = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'extensions')`;

/** Each query gives one line of text a row. */
const catalogue: Record<string, string> = {
  schemas: `select format('%s %s %s', n.nspname, n.nspacl, obj_description(n.oid)) as line from pg_namespace n
    where n.nspname !~ '^pg_(temp|toast)'`,
  relations: `select format('%s.%s %s rls %s/%s acl %s owner %s options %s: %s', n.nspname, c.relname, c.relkind,
      c.relrowsecurity, c.relforcerowsecurity, c.relacl, c.relowner::regrole, c.reloptions, obj_description(c.oid, 'pg_class')) as line
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${ours} and c.relkind <> 'i'`,
  columns: `select format('%s.%s.%s %s %s null %s %s %s %s collation %s storage %s: %s', n.nspname, c.relname, a.attname, a.attnum,
      format_type(a.atttypid, a.atttypmod), not a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid),
      a.attcollation, a.attstorage, col_description(c.oid, a.attnum)) as line
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where ${ours} and a.attnum > 0 and not a.attisdropped and c.relkind <> 'i'`,
  indexes: `select indexdef as line from pg_indexes i join pg_namespace n on n.nspname = i.schemaname where ${ours}`,
  constraints: `select format('%s.%s %s %s', n.nspname, k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) as line
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace where ${ours}`,
  triggers: `select pg_get_triggerdef(t.oid) as line from pg_trigger t join pg_class c on c.oid = t.tgrelid
    join pg_namespace n on n.oid = c.relnamespace where ${ours} and not t.tgisinternal`,
  policies: `select format('%s.%s %s %s %s', schemaname, tablename, policyname, roles, qual) as line from pg_policies`,
  functions: `select format('%s %s %s', p.oid::regprocedure, p.proacl, md5(pg_get_functiondef(p.oid))) as line
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${ours} and p.prokind = 'f'`,
  views: `select format('%s.%s %s', schemaname, viewname, definition) as line from pg_views v
    join pg_namespace n on n.nspname = v.schemaname where ${ours}`,
  types: `select format('%s.%s', n.nspname, t.typname) as line from pg_type t join pg_namespace n on n.oid = t.typnamespace where ${ours}`,
  defaults: `select format('%s %s %s %s', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl) as line
    from pg_default_acl`,
  extensions: `select extname as line from pg_extension`,
  temporary: `select c.relname as line from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname ~ '^pg_temp'`,
};

/** Sorted lines of the catalogue by kind. */
export async function dumpCatalogue(database: TestDatabase): Promise<Record<string, string[]>> {
  const dump: Record<string, string[]> = {};
  for (const [kind, sql] of Object.entries(catalogue)) {
    const rows = await database.query<{ line: string }>(sql);
    dump[kind] = rows.map(({ line }) => line).sort();
  }
  return dump;
}

/** Sorted rows, as text, of every table outside the system's schemas, and the state of every sequence. */
export async function dumpRows(database: TestDatabase): Promise<Record<string, string[]>> {
  const relations = await database.query<{ name: string; kind: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name, c.relkind::text as kind from pg_class c
     join pg_namespace n on n.oid = c.relnamespace where ${ours} and c.relkind in ('r', 'p', 'S') order by 1`,
  );
  const dump: Record<string, string[]> = {};
  for (const { name, kind } of relations) {
    const row = kind === 'S' ? `format('%s %s', t.last_value, t.is_called)` : 't::text';
    const rows = await database.query<{ line: string }>(`select ${row} as line from ${name} t order by 1`);
    dump[name] = rows.map(({ line }) => line);
  }
  return dump;
}
