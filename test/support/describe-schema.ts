/** The schema of a migrated database as text: what supabase/catalogue.txt holds, so that a change of it is seen in review. */

/** Each query gives sorted lines. What extensions bring is theirs. */
const sections: readonly [title: string, sql: string][] = [
  [
    'Tables and views',
    `select format('%s %s%s%s', case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, c.oid::regclass,
        case when c.relrowsecurity then ', row-level security' else '' end || case when c.relpersistence = 'u' then ', unlogged' else '' end
          || coalesce(', ' || array_to_string(c.reloptions, ', '), ''),
        coalesce(': ' || obj_description(c.oid, 'pg_class'), ''))
      from pg_class c where c.relkind in ('r', 'p', 'v', 'S') and NAMESPACE(c.relnamespace)
      order by c.oid::regclass::text collate "C"`,
  ],
  [
    'Columns',
    `select format('%s.%s %s%s%s%s%s', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attcollation <> 0 and l.collname <> 'default' then format(' collate %I', l.collname) else '' end,
        case when a.attnotnull then ' not null' else '' end,
        coalesce(case when a.attgenerated <> '' then ' generated ' else ' default ' end || pg_get_expr(d.adbin, d.adrelid), '')
          || case a.attidentity when '' then '' else ' identity' end,
        coalesce(': ' || col_description(c.oid, a.attnum), ''))
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      left join pg_collation l on l.oid = a.attcollation
      where c.relkind in ('r', 'p', 'v', 'c') and NAMESPACE(c.relnamespace)
      order by c.oid::regclass::text collate "C", a.attnum`,
  ],
  [
    'Constraints',
    `select format('%s %s: %s', n.conrelid::regclass, n.conname, pg_get_constraintdef(n.oid))
      from pg_constraint n join pg_class c on c.oid = n.conrelid
      where n.contype <> 'n' and NAMESPACE(c.relnamespace)
      order by n.conrelid::regclass::text collate "C", n.conname`,
  ],
  [
    'Indexes',
    `select pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indexrelid
      where NAMESPACE(c.relnamespace) order by c.oid::regclass::text collate "C"`,
  ],
  [
    'Triggers',
    `select pg_get_triggerdef(t.oid) from pg_trigger t join pg_class c on c.oid = t.tgrelid
      where not t.tgisinternal and NAMESPACE(c.relnamespace) order by c.oid::regclass::text collate "C", t.tgname`,
  ],
  [
    'Definitions of views',
    `select format(E'%s:\\n%s', c.oid::regclass, pg_get_viewdef(c.oid)) from pg_class c
      where c.relkind = 'v' and NAMESPACE(c.relnamespace) order by c.oid::regclass::text collate "C"`,
  ],
  [
    'Policies',
    `select format('%I.%I %s: %s for %s to %s using (%s) with check (%s)', schemaname, tablename, policyname, permissive, cmd, roles, qual, with_check)
      from pg_policies where schemaname in ('public', 'hourledger') order by 1`,
  ],
  [
    'Functions',
    `select format('%s returns %s, %s, %s%s%s%s', f.oid::regprocedure, pg_get_function_result(f.oid),
        case f.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end,
        case when f.prosecdef then 'security definer' else 'security invoker' end,
        case f.proparallel when 's' then ', parallel safe' else '' end,
        coalesce(', set ' || array_to_string(f.proconfig, ', '), ''),
        coalesce(': ' || obj_description(f.oid, 'pg_proc'), ''))
      from pg_proc f where NAMESPACE(f.pronamespace) and not exists (
        select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = f.oid and e.deptype = 'e')
      order by f.oid::regprocedure::text collate "C"`,
  ],
  [
    'Grants to anon, authenticated, service_role and everybody',
    `select format('%s: %s to %s', g.object, string_agg(g.privilege_type, ', ' order by g.privilege_type), named.grantee)
      from (
        select format('schema %I', n.nspname) as object, a.* from pg_namespace n
          cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a where NAMESPACE(n.oid)
        union all
        select c.oid::regclass::text, a.* from pg_class c
          cross join aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) a
          where c.relkind in ('r', 'p', 'v', 'S') and NAMESPACE(c.relnamespace)
        union all
        select f.oid::regprocedure::text, a.* from pg_proc f
          cross join aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
          where NAMESPACE(f.pronamespace) and not exists (
            select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = f.oid and e.deptype = 'e')
      ) g (object, grantor, grantee_id, privilege_type, is_grantable)
      cross join lateral (select case g.grantee_id when 0 then 'everybody' else pg_get_userbyid(g.grantee_id)::text end as grantee) named
      where named.grantee in ('everybody', 'anon', 'authenticated', 'service_role')
      group by g.object, named.grantee order by g.object collate "C", named.grantee`,
  ],
];

const namespaces = "in ('public'::regnamespace, 'hourledger'::regnamespace)";

/** @param lines runs a query whose one column is a text */
export async function describeSchema(lines: (sql: string) => Promise<string[]>): Promise<string> {
  let text = '# The schema, written by scripts/write-catalogue.mjs from a migrated database. Do not edit.\n';
  for (const [title, sql] of sections) {
    const found = await lines(sql.replaceAll(/NAMESPACE\(([^)]+)\)/g, `$1 ${namespaces}`));
    text += `\n## ${title}\n${found.join('\n')}\n`;
  }
  return text.replaceAll(/[ \t]+$/gm, '');
}
