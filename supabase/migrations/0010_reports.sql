-- What the commands print. Money leaves as text: PostgREST would write numeric as a JSON number, and JavaScript would
-- make a double of it.

create function hourledger.bucket_of(instant timestamptz, p_by text) returns text
  language sql stable
  return case p_by
    when 'hour' then to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI"Z"')
    when 'day' then to_char(instant at time zone 'UTC', 'YYYY-MM-DD')
    when 'month' then to_char(instant at time zone 'UTC', 'YYYY-MM')
  end;

-- The hours of the days p_from to p_to, either of which may be open.
create function hourledger.costs_of_days(p_from date, p_to date, p_workspace integer)
  returns setof public.communication_costs
  language sql stable as $$
  select c.* from hourledger.costs_between(
    coalesce(p_from::timestamp at time zone 'UTC', '-infinity'), coalesce((p_to + 1)::timestamp at time zone 'UTC', 'infinity')) c
  where p_workspace is null or c.workspace_id = p_workspace
$$;

create function public.report_costs(
    p_from date, p_to date, p_workspace integer, p_by text, p_after jsonb, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp set jit = off as $$
  with costs as (
    select c.*, case when p_by is null then '' else bucket_of(c.snapshot_date, p_by) end as bucket
    from costs_of_days(p_from, p_to, p_workspace) c
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

-- Days by source and state, found by leaping from one to the next in the index; only counting them looks at each.
create function hourledger.days_by_state()
  returns table (source text, state text, days bigint, first date, last date)
  language sql stable as $$
  with recursive kinds as (
    (select d.state, d.source from public.sync_days d order by d.state, d.source limit 1)
    union all
    select following.* from kinds k cross join lateral (
      select d.state, d.source from public.sync_days d
      where (d.state, d.source) > (k.state, k.source) order by d.state, d.source limit 1) following
  )
  select k.source, k.state,
    (select count(*) from public.sync_days d where d.state = k.state and d.source = k.source),
    (select min(d.day) from public.sync_days d where d.state = k.state and d.source = k.source),
    (select max(d.day) from public.sync_days d where d.state = k.state and d.source = k.source)
  from kinds k
$$;

create function public.ledger_status() returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp set jit = off as $$
  select jsonb_build_object(
    'settings', (select to_jsonb(s) - 'only_row' from settings s),
    'days', (
      select coalesce(jsonb_agg(jsonb_build_object('source', source, 'state', state, 'days', days, 'first', first, 'last', last)
        order by source, state), '[]')
      from days_by_state() d),
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
