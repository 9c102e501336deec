-- Adoption, last of all: what is not kept in the new tables is found, foreign keys of other tables come back, and the
-- helpers go.

-- The snapshots of before are replaced by those that the drain rolls up. Some count records that are not there any more.
insert into predecessor.findings
  select 'snapshot-without-records', 'twilio_snapshots', null, format('workspace %s, %s', o.workspace_id, o.snapshot_date)
  from predecessor.twilio_snapshots o
  where not exists (select from public.calls c where c.source = 'twilio'
    and c.call_date >= hourledger.hour_of(o.snapshot_date) and c.call_date < hourledger.hour_of(o.snapshot_date) + interval '1 hour')
  union all
  select 'snapshot-without-records', 'elevenlabs_snapshots', null, format('workspace %s, %s', o.workspace_id, o.snapshot_date)
  from predecessor.elevenlabs_snapshots o
  where not exists (select from public.elevenlabs_conversations c
    where c.conversation_date >= hourledger.hour_of(o.snapshot_date)
    and c.conversation_date < hourledger.hour_of(o.snapshot_date) + interval '1 hour');

do $$
declare
  v_key record;
begin
  for v_key in select * from foreign_keys loop
    execute format('alter table %s add constraint %I %s', v_key.table_name, v_key.name, v_key.definition);
  end loop;
end
$$;

insert into predecessor.findings
  select 'table-left-alone', c.relname, null, concat_ws('; ',
    case when c.relname = 'call_snapshots' then 'an older table of snapshots' else 'it has a foreign key to an adopted table' end,
    case when exists (select from pg_catalog.pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and k.confdeltype = 'c')
      then 'deleting a workspace deletes its rows there' end,
    case when has_table_privilege('anon', c.oid, 'select') then 'anon may read it, as far as its policies let it' end)
  from pg_catalog.pg_class c
  where c.oid = to_regclass('public.call_snapshots')
    or c.oid in (select to_regclass(table_name) from foreign_keys);

-- The drain comes next, and without figures of how much there is Postgres would plan for empty tables.
analyze public.workspaces, public.workspace_phones, public.calls, public.elevenlabs_conversations;

drop function predecessor.store_calls, predecessor.store_conversations, predecessor.charge_of, predecessor.discount_of,
  predecessor.unix_date_of, predecessor.seconds_of, predecessor.decimal_of, predecessor.date_of, predecessor.object_of,
  predecessor.first_text, predecessor.same_but_rounded;
