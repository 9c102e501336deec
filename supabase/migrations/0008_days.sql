-- Days and what is to be asked: planning, completing, settling and sweeping.

create function public.plan_backfill(
    p_source text, p_from date, p_to date, p_order text, p_reprocess text, p_after date, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  with wanted as (
    select g::date as day
    from generate_series(p_from::timestamp, p_to::timestamp, interval '1 day') g
    left join sync_days d on d.source = p_source and d.day = g::date
    where case p_reprocess
      when 'none' then coalesce(d.state, 'planned') = 'planned'
      when 'failed' then d.state is distinct from 'completed'
      when 'completed' then true
    end
  ),
  behind as (
    select day from wanted
    where p_after is null or case p_order when 'newest-first' then day < p_after else day > p_after end
    order by case when p_order = 'newest-first' then day end desc, day
    limit p_limit + 1
  ),
  numbered as (
    select day, row_number() over (order by case when p_order = 'newest-first' then day end desc, day) as position from behind
  )
  select jsonb_build_object(
    'days', coalesce((select jsonb_agg(day order by position) from numbered where position <= p_limit), '[]'),
    'total', (select count(*) from wanted),
    'more', (select count(*) > p_limit from numbered))
$$;
comment on function public.plan_backfill is 'The days of a range that a backfill has to do, by their state, p_limit at a time behind p_after. Writes nothing.';

-- The days that the 24 hours before the nominal time touch, the lookback before them, and what earlier daily syncs left
-- out or did not complete. Taking them on is noted, so that the next daily sync knows where this one stood. A retry of
-- the same run finds the same days: it does not count what it noted itself.
create function public.plan_daily_sync(
    p_source text, p_nominal timestamptz, p_lookback_days integer, p_workflow_id text, p_run_id text) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_lookback integer := coalesce(p_lookback_days, (select lookback_days from settings));
  v_last date := day_of(p_nominal - interval '1 microsecond');
  v_first date := day_of(p_nominal - interval '24 hours') - v_lookback;
  v_newest date := (select max(day) from sync_days
    where source = p_source and daily_sync_run_id is not null and daily_sync_run_id <> p_run_id);
  v_days date[];
begin
  select array_agg(day order by day) into v_days from (
    select g::date as day from generate_series(v_first::timestamp, v_last::timestamp, interval '1 day') g
    union
    -- Never tried since: the days of an outage.
    select g::date from generate_series((v_newest + 1)::timestamp, (v_first - 1)::timestamp, interval '1 day') g
      where not exists (select from sync_days d where d.source = p_source and d.day = g::date and d.state = 'completed')
    union
    -- Tried, and failed, or read before they had ended.
    select d.day from sync_days d
      where d.source = p_source and d.day < v_first and d.state <> 'completed'
        and d.daily_sync_run_id is not null and d.daily_sync_run_id <> p_run_id
  ) days;
  insert into runs (run_id, workflow_id) values (p_run_id, p_workflow_id) on conflict do nothing;
  insert into sync_days as known (source, day, daily_sync_run_id, workflow_id)
    select p_source, d, p_run_id, p_workflow_id from unnest(v_days) d order by d
    on conflict (source, day) do update set daily_sync_run_id = excluded.daily_sync_run_id
      where known.daily_sync_run_id is null;
  return to_jsonb(v_days);
end
$$;
comment on function public.plan_daily_sync is 'The days of one daily sync, oldest first, and notes them as taken on.';

create function public.complete_days(p_source text, p_days date[], p_run_id text) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_totals jsonb;
begin
  -- One record, one outcome, however many pages gave it.
  with outcomes as (
    select p.day, o.id, min(strpos('iurg=', o.letter)) as outcome
    from staged_pages p cross join lateral unnest(p.ids, string_to_array(p.outcomes, null)) o (id, letter)
    where p.run_id = p_run_id and p.source = p_source and p.day = any (p_days) and p.merged_counts is not null
    group by p.day, o.id
  ),
  records as (
    select day, count(*) as fetched, count(*) filter (where outcome = 1) as inserted, count(*) filter (where outcome = 2) as updated,
      count(*) filter (where outcome = 3) as rejected, count(*) filter (where outcome = 4) as gone,
      count(*) filter (where outcome = 5) as unchanged
    from outcomes
    group by day
  ),
  back as (
    delete from gone_ids g using outcomes o
      where g.source = p_source and g.day = any (p_days) and g.id = o.id and o.day = g.day and o.outcome <> 4
  ),
  -- Asked by their ids, and not named by this fetch.
  gone_besides as (
    select g.day, count(*) as gone
    from gone_ids g
    where g.source = p_source and g.day = any (p_days)
      and not exists (select from outcomes o where o.id = g.id and o.day = g.day)
    group by g.day
  ),
  ended as (
    update sync_days d
      set state = case
            when d.state = 'completed' then 'completed'
            when r.first_asked_at >= (r.day + 1 + settings.lookback_days)::timestamp at time zone 'UTC' then 'completed'
            else 'open' end,
          fetched = coalesce(records.fetched, 0),
          inserted = coalesce(records.inserted, 0),
          updated = coalesce(records.updated, 0),
          unchanged = coalesce(records.unchanged, 0),
          rejected = coalesce(records.rejected, 0),
          gone = coalesce(records.gone, 0) + coalesce(gone_besides.gone, 0),
          unsettled = unsettled_on(p_source, d.day),
          whole_fetch_ticket = greatest(d.whole_fetch_ticket, r.first_ticket),
          workflow_id = (select workflow_id from runs where run_id = p_run_id), run_id = p_run_id,
          ended_at = now(), error = null
      from day_runs r
      left join records on records.day = r.day
      left join gone_besides on gone_besides.day = r.day
      cross join settings
      where r.run_id = p_run_id and r.source = p_source and r.day = any (p_days)
        and d.source = p_source and d.day = r.day
      returning d.*, coalesce(records.gone, 0) as gone_listed
  )
  select jsonb_build_object(
    'days', count(*), 'open', count(*) filter (where state = 'open'),
    'fetched', coalesce(sum(fetched), 0), 'inserted', coalesce(sum(inserted), 0), 'updated', coalesce(sum(updated), 0),
    'unchanged', coalesce(sum(unchanged), 0), 'rejected', coalesce(sum(rejected), 0), 'gone', coalesce(sum(gone_listed), 0))
  into v_totals from ended;
  return v_totals;
end
$$;
comment on function public.complete_days is 'Writes down that a run has read days whole: their counts are the sums over the run''s pages.';

create function hourledger.unsettled_on(p_source text, p_day date) returns bigint
  language sql stable as $$
  select case p_source
    when 'twilio' then (select count(*) from public.calls
      where call_date >= p_day::timestamp at time zone 'UTC' and call_date < (p_day + 1)::timestamp at time zone 'UTC'
        and (not settled or ask_again) and not settled and source = 'twilio')
    else (select count(*) from public.elevenlabs_conversations
      where conversation_date >= p_day::timestamp at time zone 'UTC' and conversation_date < (p_day + 1)::timestamp at time zone 'UTC'
        and (not settled or ask_again) and not settled) end
$$;

-- A day that was completed before stays so: what is stored of it has not become wrong.
create function public.fail_days(p_source text, p_days date[], p_errors text[], p_workflow_id text, p_run_id text) returns void
  language sql set search_path = hourledger, public, pg_temp as $$
  insert into sync_days as known (source, day, state, workflow_id, run_id, started_at, ended_at, error)
    select p_source, f.day, 'failed', p_workflow_id, p_run_id, now(), now(), f.error
    from unnest(p_days, p_errors) f (day, error) order by f.day
    on conflict (source, day) do update
      set state = case when known.state = 'completed' then 'completed' else 'failed' end,
          workflow_id = excluded.workflow_id, run_id = excluded.run_id, ended_at = now(), error = excluded.error
$$;
comment on function public.fail_days is 'Writes down why days could not be read.';

-- Of the listed conversations, those whose detail is missing, not settled, or asked for on purpose; and the pages that
-- an earlier attempt of the run has staged with the details of others, which are still to be merged. Whether there are
-- such answers at all, merged ones too.
create function public.conversations_to_ask(p_ids text[], p_run_id text, p_day date, p_ask_settled boolean) returns jsonb
  language sql volatile set search_path = hourledger, public, pg_temp as $$
  with staged as (
    select p.page_id, p.ids, p.asked_ticket, p.merged_counts is null as is_waiting
    from staged_pages p
    where p.run_id = p_run_id and p.source = 'elevenlabs' and p.day = p_day and not p.is_list
      and (p.merged_counts is not null or exists (select from staged_texts t where t.page_id = p.page_id))
  )
  select jsonb_build_object(
    'ids', (
      select coalesce(jsonb_agg(asked.id order by asked.position), '[]')
      from unnest(p_ids) with ordinality asked (id, position)
      where not exists (select from staged where asked.id = any (staged.ids))
        and (p_ask_settled or not exists (select from elevenlabs_conversations c
             where c.conversation_id = asked.id and c.settled and not c.ask_again))),
    'waitingPages', (
      select coalesce(jsonb_agg(staged.page_id order by staged.asked_ticket, staged.page_id), '[]') from staged
      where staged.is_waiting and staged.ids && p_ids),
    'hasAnswers', exists (select from staged where staged.ids && p_ids),
    'ticket', nextval('tickets'))
$$;
comment on function public.conversations_to_ask is 'Which of the listed conversations need their detail asked, and which pages of details wait to be merged already.';

create function public.runs_with_pages(p_after text, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object('runId', r.run_id, 'workflowId', r.workflow_id) order by r.run_id), '[]')
  from (select run_id, workflow_id from runs where run_id > p_after order by run_id limit p_limit) r
$$;
comment on function public.runs_with_pages is 'Workflow runs that still have pages or notes here.';

create function public.sweep_runs(p_run_ids text[]) returns bigint
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_count bigint;
begin
  delete from staged_texts t using staged_pages p where p.page_id = t.page_id and p.run_id = any (p_run_ids);
  select count(*) into v_count from staged_pages where run_id = any (p_run_ids);
  delete from runs where run_id = any (p_run_ids);
  return v_count;
end
$$;
comment on function public.sweep_runs is 'Deletes what closed workflow runs left staged. Returns how many pages.';
