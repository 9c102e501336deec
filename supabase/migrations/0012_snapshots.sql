-- Computing snapshots anew, and clearing them. Both go workspace by workspace and day by day, one transaction each, so
-- that a reader sees a workspace's day as it was before or as it is after, and a crash costs one day.

create table public.cleared_hours (
  source text not null check (source in ('twilio', 'elevenlabs')),
  workspace_id integer not null references public.workspaces (id) on delete cascade,
  hour timestamptz not null,
  cleared_at timestamptz not null default now(),
  primary key (source, workspace_id, hour)
);
alter table public.cleared_hours enable row level security;
comment on table public.cleared_hours is 'Hours whose snapshot somebody has cleared: they have records and no snapshot until a record changes or the snapshot is regenerated.';
comment on column public.cleared_hours.hour is 'First instant of the UTC hour.';
comment on column public.cleared_hours.source is 'twilio or elevenlabs.';
comment on column public.cleared_hours.workspace_id is 'The workspace.';
comment on column public.cleared_hours.cleared_at is 'When it was cleared.';

-- A mark ends with the snapshot that the drain, or regenerating, puts in its place.
create function hourledger.end_cleared_marks() returns trigger language plpgsql as $$
begin
  delete from public.cleared_hours m using new_rows n
    where m.source = tg_argv[0] and m.workspace_id = n.workspace_id and m.hour = n.snapshot_date;
  return null;
end
$$;

create trigger end_cleared_marks after insert on public.twilio_snapshots
  referencing new table as new_rows for each statement execute function hourledger.end_cleared_marks('twilio');
create trigger end_cleared_marks after insert on public.elevenlabs_snapshots
  referencing new table as new_rows for each statement execute function hourledger.end_cleared_marks('elevenlabs');

-- The next day of a workspace that has records or snapshots; workspaces in the order of their numbers. A few probes of
-- an index each, however much the workspace has.
create function hourledger.next_workspace_day(
    p_source text, p_workspace integer, p_from date, p_to date, p_after_workspace integer, p_after_day date)
  returns table (workspace_id integer, day date)
  language plpgsql stable rows 1 as $$
declare
  v_begin timestamptz;
  v_first timestamptz;
begin
  for workspace_id in
    select w.id from workspaces w
    where (p_workspace is null or w.id = p_workspace) and (p_after_workspace is null or w.id >= p_after_workspace)
    order by w.id
  loop
    v_begin := coalesce(
      greatest(p_from, case when workspace_id = p_after_workspace then p_after_day + 1 end)::timestamp at time zone 'UTC',
      '-infinity');
    if p_source = 'twilio' then
      v_first := least(
        (select c.call_date from calls c where c.workspace_id = next_workspace_day.workspace_id and c.call_date >= v_begin
         order by c.call_date limit 1),
        (select s.snapshot_date from twilio_snapshots s where s.workspace_id = next_workspace_day.workspace_id
           and s.snapshot_date >= v_begin order by s.snapshot_date limit 1));
    else
      v_first := least(
        (select c.conversation_date from elevenlabs_conversations c where c.workspace_id = next_workspace_day.workspace_id
           and c.conversation_date >= v_begin order by c.conversation_date limit 1),
        (select s.snapshot_date from elevenlabs_snapshots s where s.workspace_id = next_workspace_day.workspace_id
           and s.snapshot_date >= v_begin order by s.snapshot_date limit 1));
    end if;
    if day_of(v_first) <= coalesce(p_to, 'infinity') then
      day := day_of(v_first);
      return next;
      return;
    end if;
  end loop;
end
$$;

-- Recomputes a workspace's day from its raw rows, by the roll-up and under the locks of every other roll-up. The dirt
-- of the day goes, because what it asks for is done. A drain that has taken some of it is waited for, before any hour
-- is locked: so no drain that took dirt from before can compute an hour after this transaction.
create function hourledger.recompute_day(p_source text, p_workspace integer, p_day date) returns void
  language plpgsql as $$
declare
  v_begin timestamptz := p_day::timestamp at time zone 'UTC';
begin
  with taken as (
    select id from dirty_hours
    where source = p_source and workspace_id = p_workspace and hour >= v_begin and hour < v_begin + interval '24 hours'
    order by id for update
  )
  delete from dirty_hours d using taken where d.id = taken.id;
  perform rollup_hours(p_source, array_fill(p_workspace, array[24]),
    array(select v_begin + n * interval '1 hour' from generate_series(0, 23) n));
end
$$;

create function public.regenerate_next_day(
    p_source text, p_workspace integer, p_from date, p_to date, p_after_workspace integer, p_after_day date) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp set jit = off as $$
declare
  v_next record;
  v_snapshots bigint;
begin
  select * into v_next from next_workspace_day(p_source, p_workspace, p_from, p_to, p_after_workspace, p_after_day);
  if v_next.day is null then
    return null;
  end if;
  perform recompute_day(p_source, v_next.workspace_id, v_next.day);
  v_snapshots := snapshots_on(p_source, v_next.workspace_id, v_next.day);
  return jsonb_build_object('workspaceId', v_next.workspace_id, 'day', v_next.day, 'snapshots', v_snapshots);
end
$$;
comment on function public.regenerate_next_day is 'Recomputes the first workspace''s day behind the one given, and says which it was; null behind the last.';

create function hourledger.snapshots_on(p_source text, p_workspace integer, p_day date) returns bigint
  language sql stable as $$
  select case p_source
    when 'twilio' then (select count(*) from public.twilio_snapshots where workspace_id = p_workspace
      and snapshot_date >= p_day::timestamp at time zone 'UTC' and snapshot_date < (p_day + 1)::timestamp at time zone 'UTC')
    else (select count(*) from public.elevenlabs_snapshots where workspace_id = p_workspace
      and snapshot_date >= p_day::timestamp at time zone 'UTC' and snapshot_date < (p_day + 1)::timestamp at time zone 'UTC') end
$$;

-- Recomputing first settles which hours have records, and what was noted before. What is noted after, by a transaction
-- that commits later, is a change since the clearing, and brings the hour back.
create function public.clear_next_day(
    p_source text, p_workspace integer, p_from date, p_to date, p_after_workspace integer, p_after_day date) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp set jit = off as $$
declare
  v_next record;
  v_before bigint;
begin
  select * into v_next from next_workspace_day(p_source, p_workspace, p_from, p_to, p_after_workspace, p_after_day);
  if v_next.day is null then
    return null;
  end if;
  v_before := snapshots_on(p_source, v_next.workspace_id, v_next.day);
  perform recompute_day(p_source, v_next.workspace_id, v_next.day);
  with gone as (
    delete from twilio_snapshots where p_source = 'twilio' and workspace_id = v_next.workspace_id
      and snapshot_date >= v_next.day::timestamp at time zone 'UTC' and snapshot_date < (v_next.day + 1)::timestamp at time zone 'UTC'
      returning snapshot_date
  ),
  also_gone as (
    delete from elevenlabs_snapshots where p_source = 'elevenlabs' and workspace_id = v_next.workspace_id
      and snapshot_date >= v_next.day::timestamp at time zone 'UTC' and snapshot_date < (v_next.day + 1)::timestamp at time zone 'UTC'
      returning snapshot_date
  )
  insert into cleared_hours (source, workspace_id, hour)
    select p_source, v_next.workspace_id, snapshot_date from (select * from gone union all select * from also_gone) hours
    on conflict (source, workspace_id, hour) do update set cleared_at = now();
  return jsonb_build_object('workspaceId', v_next.workspace_id, 'day', v_next.day, 'snapshots', v_before);
end
$$;
comment on function public.clear_next_day is 'Clears the snapshots of the first workspace''s day behind the one given, and says how many there were; null behind the last.';

create function public.check_workspace(p_workspace integer) returns void
  language plpgsql stable set search_path = hourledger, public, pg_temp as $$
begin
  perform require_workspace(p_workspace, '');
end
$$;
comment on function public.check_workspace is 'Refuses the number of a workspace that does not exist.';

create function public.count_snapshots(p_source text, p_workspace integer, p_from date, p_to date) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select jsonb_build_object('snapshots', count(*), 'workspaces', count(distinct workspace_id),
    'first', bucket_of(min(snapshot_date), 'hour'), 'last', bucket_of(max(snapshot_date), 'hour'))
  from (
    select workspace_id, snapshot_date from twilio_snapshots where p_source = 'twilio'
    union all
    select workspace_id, snapshot_date from elevenlabs_snapshots where p_source = 'elevenlabs'
  ) s
  where (p_workspace is null or workspace_id = p_workspace)
    and (p_from is null or snapshot_date >= p_from::timestamp at time zone 'UTC')
    and (p_to is null or snapshot_date < (p_to + 1)::timestamp at time zone 'UTC')
$$;
comment on function public.count_snapshots is 'How many snapshots a range has, of how many workspaces, and its first and last hour.';

-- What a change of these numbers would have made stale.
create function public.note_stale_numbers(p_numbers text[]) returns bigint
  language sql volatile set search_path = hourledger, public, pg_temp as $$
  with noted as (
    insert into dirty_keys (kind, keys)
      select kind, array[numbers.digits]
      from (select distinct digits_of(n) as digits from unnest(p_numbers) n) numbers
      cross join unnest(array['from-number', 'to-number', 'agent-number']) kind
      where numbers.digits is not null
      returning 1
  )
  select count(*) from noted
$$;
comment on function public.note_stale_numbers is 'Has every record of these numbers assigned again by the next drain.';

create function public.note_stale_records(p_kind text, p_after text, p_limit integer) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_ids text[];
begin
  if p_kind = 'calls' then
    v_ids := array(select id from calls where id > p_after order by id limit p_limit);
  else
    v_ids := array(select conversation_id from elevenlabs_conversations where conversation_id > p_after
      order by conversation_id limit p_limit);
  end if;
  perform add_dirty_records(p_kind, v_ids);
  return jsonb_build_object('records', cardinality(v_ids),
    'after', case when cardinality(v_ids) = p_limit then v_ids[p_limit] end);
end
$$;
comment on function public.note_stale_records is 'Has p_limit records behind an id assigned again by the next drain; the last one''s id is null when none is left.';

-- Computed another way than the roll-up, in one statement and so from one state of the database: every row by itself,
-- then compared field by field. An hour that is still dirty is pending, and one
-- that was cleared has no snapshot on purpose: neither is wrong.
create or replace function public.verify_snapshots(p_source text, p_from timestamptz, p_to timestamptz) returns jsonb
  language plpgsql stable set search_path = hourledger, public, pg_temp set jit = off set work_mem = '64MB' as $$
declare
  v_result jsonb;
begin
  with ledger as (
    select ledger_currency as currency from settings
  ),
  raw as (
    select c.workspace_id, date_trunc('hour', c.call_date, 'UTC') as hour, x.field, x.amount
    from calls c cross join ledger
    cross join lateral (values
      ('total_calls', 1::numeric),
      ('total_cost', case when c.currency = ledger.currency then coalesce(c.cost, 0) else 0 end),
      ('total_duration', coalesce(c.duration, 0)::numeric),
      ('real_minutes', ceil(coalesce(c.duration, 0) / 60.0)),
      ('unpriced_calls', case when c.cost is null and (c.status is null or c.status not in ('busy', 'failed', 'no-answer', 'canceled')) then 1 else 0 end::numeric),
      (case when c.cost is not null then 'cost in ' || c.currency end, c.cost)
    ) x (field, amount)
    where p_source = 'twilio' and c.source = 'twilio' and x.field is not null
      and c.call_date >= p_from and c.call_date < p_to
    union all
    select c.workspace_id, date_trunc('hour', c.conversation_date, 'UTC'), x.field, x.amount
    from elevenlabs_conversations c
    cross join lateral (values
      ('total_conversations', 1::numeric),
      ('total_cost', coalesce(c.cost, 0)),
      ('total_cost_fiat', coalesce(c.cost_fiat, 0)),
      ('total_duration', coalesce(c.call_duration_secs, 0)::numeric),
      ('credits_without_fiat', case when c.cost_fiat is null then coalesce(c.cost, 0) else 0 end),
      ('llm_price', coalesce(c.llm_price, 0)),
      ('llm_charge', coalesce(c.llm_charge, 0)),
      ('call_charge', coalesce(c.call_charge, 0)),
      ('free_minutes_consumed', coalesce(c.free_minutes_consumed, 0)),
      ('free_llm_dollars_consumed', coalesce(c.free_llm_dollars_consumed, 0)),
      ('dev_discount', case when c.dev_discount then 1 else 0 end::numeric),
      ('unsettled_conversations', case when c.cost is not null and c.status in ('done', 'failed') then 0 else 1 end::numeric)
    ) x (field, amount)
    where p_source = 'elevenlabs' and c.conversation_date >= p_from and c.conversation_date < p_to
  ),
  expected as (
    select workspace_id, hour, field, sum(amount) as amount from raw group by workspace_id, hour, field
  ),
  stored as (
    select s.workspace_id, s.snapshot_date as hour, f.key as field, f.value::numeric as amount
    from twilio_snapshots s
    cross join lateral (
      select key, value from jsonb_each_text(to_jsonb(s) - '{workspace_id,snapshot_date,rolled_up_at,cost_by_currency}'::text[])
      union all
      select 'cost in ' || key, value from jsonb_each_text(s.cost_by_currency)
    ) f
    where p_source = 'twilio' and s.snapshot_date >= p_from and s.snapshot_date < p_to
    union all
    select s.workspace_id, s.snapshot_date, f.key, f.value::numeric
    from elevenlabs_snapshots s
    cross join lateral jsonb_each_text(to_jsonb(s) - '{workspace_id,snapshot_date,rolled_up_at}'::text[]) f
    where p_source = 'elevenlabs' and s.snapshot_date >= p_from and s.snapshot_date < p_to
  ),
  differing as (
    select workspace_id, hour, field, e.amount as expected, s.amount as stored
    from expected e full join stored s using (workspace_id, hour, field)
    where e.amount is distinct from s.amount
  ),
  dirty as (
    select distinct workspace_id, hour from dirty_hours where source = p_source
  ),
  cleared as (
    select m.workspace_id, m.hour
    from cleared_hours m
    where m.source = p_source and m.hour >= p_from and m.hour < p_to
      and exists (select from expected e where e.workspace_id = m.workspace_id and e.hour = m.hour)
      and not exists (select from stored s where s.workspace_id = m.workspace_id and s.hour = m.hour)
  ),
  judged as (
    select d.*, exists (select from dirty where dirty.workspace_id = d.workspace_id and dirty.hour = d.hour) as pending
    from differing d
    where not exists (select from cleared where cleared.workspace_id = d.workspace_id and cleared.hour = d.hour)
  )
  select jsonb_build_object(
    'hours', (select count(*) from (select distinct workspace_id, hour from expected) h) - (select count(*) from cleared),
    'clearedHours', (select count(*) from cleared),
    'pendingHours', (select count(*) from dirty where hour >= p_from and hour < p_to),
    'differing', (select count(*) from judged where not pending),
    'differences', coalesce((
      select jsonb_agg(jsonb_build_object('source', p_source, 'workspaceId', workspace_id, 'hour', bucket_of(hour, 'hour'),
        'field', field, 'expected', expected::text, 'stored', stored::text) order by hour, workspace_id, field)
      from (select * from judged where not pending order by hour, workspace_id, field limit 200) first_ones), '[]'))
  into v_result;
  return v_result;
end
$$;
comment on function public.verify_snapshots is 'Compares the snapshots of a range with their raw rows, to the last digit. Names at most 200 differing fields, and counts cleared hours apart.';

-- As verify_snapshots counts them: an hour that has no records any more has no snapshot for that reason alone.
create function public.count_cleared_hours() returns bigint
  language sql stable set search_path = public, pg_temp set jit = off as $$
  select count(*) from cleared_hours m
  where case m.source
    when 'twilio' then exists (select from calls c
        where c.source = 'twilio' and c.workspace_id = m.workspace_id and c.call_date >= m.hour and c.call_date < m.hour + interval '1 hour')
      and not exists (select from twilio_snapshots s where s.workspace_id = m.workspace_id and s.snapshot_date = m.hour)
    else exists (select from elevenlabs_conversations c
        where c.workspace_id = m.workspace_id and c.conversation_date >= m.hour and c.conversation_date < m.hour + interval '1 hour')
      and not exists (select from elevenlabs_snapshots s where s.workspace_id = m.workspace_id and s.snapshot_date = m.hour) end
$$;
comment on function public.count_cleared_hours is 'How many hours that have records have no snapshot because somebody has cleared it.';
