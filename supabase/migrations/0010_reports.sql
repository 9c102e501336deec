-- What the commands print. Money leaves as text: PostgREST would write numeric as a JSON number, and JavaScript would
-- make a double of it.

create function hourledger.bucket_of(instant timestamptz, p_by text) returns text
  language sql stable
  return case p_by
    when 'hour' then to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')
    when 'day' then to_char(instant at time zone 'UTC', 'YYYY-MM-DD')
    when 'month' then to_char(instant at time zone 'UTC', 'YYYY-MM')
  end;

create function public.report_costs(
    p_from date, p_to date, p_workspace integer, p_by text, p_after jsonb, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp set jit = off as $$
  with costs as (
    select c.*, case when p_by is null then '' else bucket_of(c.snapshot_date, p_by) end as bucket
    from communication_costs c
    where (p_from is null or c.snapshot_date >= p_from::timestamp at time zone 'UTC')
      and (p_to is null or c.snapshot_date < (p_to + 1)::timestamp at time zone 'UTC')
      and (p_workspace is null or c.workspace_id = p_workspace)
  ),
  sums as (
    select c.bucket, c.workspace_id, w.name as workspace_name,
      sum(c.total_calls) as calls, sum(c.total_conversations) as conversations,
      sum(c.call_seconds) as call_seconds, sum(c.conversation_seconds) as conversation_seconds,
      sum(c.twilio_cost) as twilio_cost, sum(c.elevenlabs_credits) as elevenlabs_credits,
      case when bool_and(c.elevenlabs_usd is not null) then sum(c.elevenlabs_usd) end as elevenlabs_usd,
      case when bool_and(c.total_usd is not null) then sum(c.total_usd) end as total_usd
    from costs c join workspaces w on w.id = c.workspace_id
    group by c.bucket, c.workspace_id, w.name
  ),
  other as (
    select bucket, workspace_id, jsonb_object_agg(currency, total::text) as costs
    from (
      select c.bucket, c.workspace_id, o.key as currency, sum(o.value::numeric) as total
      from costs c cross join lateral jsonb_each_text(c.other_costs) o
      group by c.bucket, c.workspace_id, o.key
    ) by_currency
    group by bucket, workspace_id
  )
  select coalesce(jsonb_agg(line order by bucket, workspace_id), '[]')
  from (
    select s.bucket, s.workspace_id, jsonb_build_object(
      'period', nullif(s.bucket, ''), 'workspaceId', s.workspace_id, 'workspace', s.workspace_name,
      'calls', s.calls, 'conversations', s.conversations,
      'callSeconds', s.call_seconds, 'conversationSeconds', s.conversation_seconds,
      'twilioCost', s.twilio_cost::text, 'elevenlabsCredits', s.elevenlabs_credits::text,
      'elevenlabsUsd', s.elevenlabs_usd::text, 'totalUsd', s.total_usd::text,
      'otherCosts', coalesce(o.costs, '{}')) as line
    from sums s left join other o using (bucket, workspace_id)
    where p_after is null or (s.bucket, s.workspace_id) > (p_after ->> 'period', (p_after ->> 'workspaceId')::integer)
    order by s.bucket, s.workspace_id
    limit p_limit
  ) lines
$$;
comment on function public.report_costs is 'Costs by workspace and, if asked, by hour, day or month; p_limit lines behind p_after. Money as text.';

-- Computed another way than the roll-up, in one statement and so from one state of the database: every row by itself,
-- then compared field by field. An hour that is still dirty is pending, not wrong.
create function public.verify_snapshots(p_source text, p_from timestamptz, p_to timestamptz) returns jsonb
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
  judged as (
    select d.*, exists (select from dirty where dirty.workspace_id = d.workspace_id and dirty.hour = d.hour) as pending
    from differing d
  )
  select jsonb_build_object(
    'hours', (select count(*) from (select distinct workspace_id, hour from expected) h),
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
comment on function public.verify_snapshots is 'Compares the snapshots of a range with their raw rows, to the last digit. Names at most 200 differing fields.';

create function public.ledger_range(p_source text) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select jsonb_build_object('first', bucket_of(min(first), 'day'), 'last', bucket_of(max(last), 'day'))
  from (
    select min(call_date) as first, max(call_date) as last from calls where p_source = 'twilio'
    union all select min(snapshot_date), max(snapshot_date) from twilio_snapshots where p_source = 'twilio'
    union all select min(conversation_date), max(conversation_date) from elevenlabs_conversations where p_source = 'elevenlabs'
    union all select min(snapshot_date), max(snapshot_date) from elevenlabs_snapshots where p_source = 'elevenlabs'
  ) ends
$$;
comment on function public.ledger_range is 'First and last day that have records or snapshots; nulls in an empty ledger.';

create function public.ledger_status() returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp set jit = off as $$
  select jsonb_build_object(
    'settings', (select to_jsonb(s) - 'only_row' from settings s),
    'days', (
      select coalesce(jsonb_agg(jsonb_build_object('source', source, 'state', state, 'days', days, 'first', first, 'last', last)
        order by source, state), '[]')
      from (select source, state, count(*) as days, min(day) as first, max(day) as last from sync_days group by source, state) d),
    'failedDays', (
      select coalesce(jsonb_agg(jsonb_build_object('source', source, 'day', day, 'error', error) order by day desc), '[]')
      from (select source, day, error from sync_days where state = 'failed' order by day desc limit 20) f),
    'unsettled', (
      select jsonb_object_agg(source, jsonb_build_object('waiting', waiting, 'givenUp', given_up, 'givenUpIds', given_up_ids))
      from (
        select 'twilio' as source, count(*) filter (where call_date > now() - interval '14 days') as waiting,
          count(*) filter (where call_date <= now() - interval '14 days') as given_up,
          to_jsonb((array_agg(id order by call_date desc) filter (where call_date <= now() - interval '14 days'))[1:20]) as given_up_ids
        from calls where (not settled or ask_again) and not settled and source = 'twilio'
        union all
        select 'elevenlabs', count(*) filter (where conversation_date > now() - interval '14 days'),
          count(*) filter (where conversation_date <= now() - interval '14 days'),
          to_jsonb((array_agg(conversation_id order by conversation_date desc) filter (where conversation_date <= now() - interval '14 days'))[1:20])
        from elevenlabs_conversations where (not settled or ask_again) and not settled
      ) u),
    'rejected', (
      select coalesce(jsonb_agg(jsonb_build_object('source', source, 'id', id, 'day', day, 'reason', reason) order by first_seen_at desc), '[]')
      from (select * from rejected_records order by first_seen_at desc limit 20) r),
    'rejectedRecords', (select count(*) from rejected_records),
    'pending', jsonb_build_object(
      'hours', (select count(*) from (select distinct source, workspace_id, hour from dirty_hours where set_aside is null) h),
      'keys', (select count(*) from dirty_keys where set_aside is null)),
    'setAside', (
      select coalesce(jsonb_agg(text), '[]') from (
        select format('%s workspace %s hour %s: %s', source, workspace_id, bucket_of(hour, 'hour'), set_aside) as text from dirty_hours where set_aside is not null
        union all
        select format('%s %s: %s', kind, left(keys::text, 80), set_aside) from dirty_keys where set_aside is not null
      ) s))
$$;
comment on function public.ledger_status is 'The state of the ledger in one document.';
