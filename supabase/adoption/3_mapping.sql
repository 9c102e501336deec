-- Adoption: workspaces and their numbers. A number under two workspaces stays under both, in conflict, and maps nothing.

insert into predecessor.findings
  select 'workspace-not-kept', 'workspaces', o.id::text, format('its id is not positive; its name is "%s"', o.name)
  from predecessor.workspaces o where o.id <= 0
  union all
  select 'workspace-without-name', 'workspaces', o.id::text, format('named "Workspace %s" now', o.id)
  from predecessor.workspaces o where o.id > 0 and coalesce(btrim(o.name), '') = '';

insert into public.workspaces (id, name, created_at)
  select o.id, case when coalesce(btrim(o.name), '') = '' then 'Workspace ' || o.id else o.name end,
    coalesce(predecessor.date_of(to_jsonb(o) ->> 'created_at'), now())
  from predecessor.workspaces o
  where o.id > 0
  order by o.id
  on conflict (id) do update set name = excluded.name, created_at = excluded.created_at;

-- Dashboards of before read this column. It maps nothing: workspace_phones does.
alter table public.workspaces add column phone_number text;
comment on column public.workspaces.phone_number is 'From the system before hourledger, for reference: what maps is workspace_phones.';
update public.workspaces w set phone_number = to_jsonb(o) ->> 'phone_number' from predecessor.workspaces o where o.id = w.id;

create temp table read_phones on commit drop as
  with listed as (
    select o.id, o.workspace_id, o.phone_number as written, btrim(o.phone_number) as phone_number,
      coalesce((to_jsonb(o) ->> 'is_primary')::boolean, false) as is_primary,
      predecessor.date_of(to_jsonb(o) ->> 'created_at') as created_at
    from predecessor.workspace_phones o
  ),
  -- The number that a workspace carries itself counts only where the list says nothing about it.
  carried as (
    select null::integer, w.id, w.phone_number, btrim(w.phone_number),
      not exists (select from listed l where l.workspace_id = w.id and l.is_primary), w.created_at
    from public.workspaces w
    where w.phone_number is not null
      and not exists (select from listed l join public.workspaces o on o.id = l.workspace_id
        where hourledger.digits_of(l.phone_number) = hourledger.digits_of(btrim(w.phone_number)))
  ),
  both_kinds as (select * from listed union all select * from carried),
  usable as (
    select b.*, hourledger.digits_of(b.phone_number) as digits, w.id is not null as is_owned
    from both_kinds b left join public.workspaces w on w.id = b.workspace_id
  )
  select *,
    min(workspace_id) over same_number <> max(workspace_id) over same_number as has_two_owners,
    row_number() over (partition by digits, workspace_id, is_owned order by is_primary desc, id nulls last) > 1 as is_repeated
  from usable
  window same_number as (partition by digits, is_owned);

insert into predecessor.findings
  select 'number-without-digits', case when id is null then 'workspaces' else 'workspace_phones' end,
    coalesce(id, workspace_id)::text, format('"%s" of workspace %s is no phone number', written, coalesce(workspace_id::text, 'none'))
  from read_phones where digits is null
  union all
  select 'number-without-workspace', 'workspace_phones', id::text, phone_number
  from read_phones where digits is not null and not is_owned
  union all
  select 'number-in-two-workspaces', 'workspace_phones', '+' || digits,
    'workspaces ' || string_agg(distinct workspace_id::text, ', ')
  from read_phones where digits is not null and is_owned and has_two_owners group by digits
  union all
  select 'number-listed-twice', 'workspace_phones', id::text, format('%s of workspace %s', phone_number, workspace_id)
  from read_phones where digits is not null and is_owned and not has_two_owners and is_repeated
  union all
  select 'workspace-number-mapped', 'workspaces', workspace_id::text, phone_number
  from read_phones where digits is not null and id is null and not has_two_owners
  union all
  select 'workspace-number-contradicted', 'workspaces', w.id::text, format('%s is listed under workspace %s', w.phone_number,
    string_agg(distinct l.workspace_id::text, ', '))
  from public.workspaces w
  join read_phones l on l.id is not null and l.is_owned and l.digits = hourledger.digits_of(btrim(w.phone_number))
  group by w.id, w.phone_number
  having not bool_or(l.workspace_id = w.id);

insert into public.workspace_phones (id, workspace_id, phone_number, is_primary, in_conflict, created_at) overriding system value
  select id, workspace_id, phone_number, is_primary, has_two_owners or is_repeated, coalesce(created_at, now())
  from read_phones
  where id is not null and digits is not null and is_owned
  order by id;
select setval(pg_get_serial_sequence('public.workspace_phones', 'id'), (select max(id) from public.workspace_phones))
  where exists (select from public.workspace_phones);
insert into public.workspace_phones (workspace_id, phone_number, is_primary, in_conflict, created_at)
  select workspace_id, phone_number, is_primary, has_two_owners or is_repeated, coalesce(created_at, now())
  from read_phones
  where id is null and digits is not null
  order by workspace_id;
