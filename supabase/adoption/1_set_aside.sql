-- Adoption, first of all: the tables of the system before hourledger leave schema public, as they are, so that the
-- migrations find their names free. They stay in schema predecessor, closed to everybody but their owner, until a
-- person drops it. Everything here and in the files behind it runs in one transaction.

-- Whoever still writes the old tables is waited for, but not for ever.
set local lock_timeout = '30s';
set local timezone = 'UTC';
set local jit = off;
set local work_mem = '64MB';

create schema predecessor;
comment on schema predecessor is 'The tables of the system before hourledger as they were adopted. Nothing reads them: drop the schema when they are not needed any more.';
revoke all on schema predecessor from public;

-- What was found, row by row. The report counts it.
create table predecessor.findings (
  finding text not null,
  place text not null,
  id text,
  detail text
);
comment on table predecessor.findings is 'What adoption found instead of guessing: one line for each row concerned.';

create temp table adopted_tables on commit drop as
  select c.oid, c.relname::text as name
  from pg_catalog.pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    and c.relname in ('workspaces', 'workspace_phones', 'calls', 'elevenlabs_conversations', 'twilio_snapshots', 'elevenlabs_snapshots');

-- A view would go on reading the tables that nobody writes any more, and on Supabase as its owner, for anon too.
do $$
declare
  v_view record;
begin
  select view.oid::regclass as name, adopted.name as table_name into v_view
  from pg_catalog.pg_depend d
  join pg_catalog.pg_rewrite r on d.classid = 'pg_catalog.pg_rewrite'::regclass and r.oid = d.objid
  join pg_catalog.pg_class view on view.oid = r.ev_class
  join adopted_tables adopted on d.refclassid = 'pg_catalog.pg_class'::regclass and adopted.oid = d.refobjid
  where view.oid <> adopted.oid
  order by 1 limit 1;
  if found then
    raise exception 'the view % reads table %, which adoption replaces. Save its definition, drop it, migrate, and create it again on the new columns.',
      v_view.name, v_view.table_name using errcode = 'HL001';
  end if;
end
$$;

-- Foreign keys of tables that are not adopted (call_snapshots has one) point to the new tables afterwards. Without a
-- search path their definitions name schemas.
create temp table foreign_keys (table_name text, name text, definition text) on commit drop;
do $$
declare
  v_path text := current_setting('search_path');
  v_key record;
begin
  perform set_config('search_path', '', true);
  for v_key in
    select k.conrelid::regclass::text as table_name, k.conname::text as name, pg_catalog.pg_get_constraintdef(k.oid) as definition
    from pg_catalog.pg_constraint k
    where k.contype = 'f' and k.confrelid in (select oid from pg_temp.adopted_tables)
      and k.conrelid not in (select oid from pg_temp.adopted_tables)
  loop
    insert into pg_temp.foreign_keys values (v_key.table_name, v_key.name, v_key.definition);
    execute format('alter table %s drop constraint %I', v_key.table_name, v_key.name);
  end loop;
  perform set_config('search_path', v_path, true);
end
$$;

do $$
declare
  v_table text;
  v_policy text;
begin
  for v_table in select name from adopted_tables order by name loop
    for v_policy in select policyname from pg_catalog.pg_policies where schemaname = 'public' and tablename = v_table loop
      execute format('drop policy %I on public.%I', v_policy, v_table);
    end loop;
    execute format('alter table public.%I set schema predecessor', v_table);
    execute format('alter table predecessor.%I enable row level security', v_table);
    execute format('revoke all on predecessor.%I from public, anon, authenticated, service_role', v_table);
  end loop;
end
$$;

-- What is missing is empty, so that the steps behind need not ask.
create table if not exists predecessor.workspaces (id integer, name text);
create table if not exists predecessor.workspace_phones (id integer, workspace_id integer, phone_number text);
create table if not exists predecessor.calls (id text, raw_data jsonb);
create table if not exists predecessor.elevenlabs_conversations (conversation_id text, raw_data jsonb);
create table if not exists predecessor.twilio_snapshots (workspace_id bigint, snapshot_date timestamptz);
create table if not exists predecessor.elevenlabs_snapshots (workspace_id bigint, snapshot_date timestamptz);
