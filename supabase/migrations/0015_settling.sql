-- Settling at the lowest price: listing a day again where that takes fewer requests than asking for its open records.

alter table hourledger.runs add column relisted_days jsonb;
comment on column hourledger.runs.relisted_days is 'Days that the run lists again for the sake of their unsettled calls; decided once, so that each attempt finds the same.';

-- Twilio's list has a thousand whole calls on a page, so that a day with more open calls than pages is cheaper to list.
-- Only days outside the plan, and only open calls of the last 14 days. Taking them on is no part of the plan: a later
-- sync does not count them as left out.
create function public.days_to_relist(
    p_source text, p_workflow_id text, p_run_id text, p_nominal timestamptz, p_planned_days date[]) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_calls_per_page constant numeric := 1000;
  v_days jsonb;
begin
  if p_source <> 'twilio' then
    return '[]';
  end if;
  insert into runs (run_id, workflow_id) values (p_run_id, p_workflow_id) on conflict do nothing;
  select relisted_days into v_days from runs where run_id = p_run_id for update;
  if v_days is null then
    select coalesce(jsonb_agg(day order by day), '[]') into v_days
    from (
      select open_calls.day
      from (
        select day_of(c.call_date) as day, count(*) as calls
        from calls c
        where (not c.settled or c.ask_again) and c.source = 'twilio'
          and c.call_date > p_nominal - interval '14 days' and c.call_date < p_nominal
        group by 1
      ) open_calls
      left join sync_days d on d.source = 'twilio' and d.day = open_calls.day
      where open_calls.day <> all (coalesce(p_planned_days, '{}'))
        and open_calls.calls > ceil(greatest(coalesce(d.fetched, 0), open_calls.calls) / v_calls_per_page)
    ) cheaper;
    update runs set relisted_days = v_days where run_id = p_run_id;
  end if;
  return v_days;
end
$$;
comment on function public.days_to_relist is 'Days whose unsettled calls cost fewer requests by listing the day than one by one.';

create function public.count_unsettled(p_source text) returns bigint
  language plpgsql set search_path = hourledger, public, pg_temp set jit = off as $$
declare
  v_days bigint;
begin
  with open_records as (
    select day_of(call_date) as day from calls
      where p_source = 'twilio' and (not settled or ask_again) and not settled and source = 'twilio'
    union all
    select day_of(conversation_date) from elevenlabs_conversations
      where p_source = 'elevenlabs' and (not settled or ask_again) and not settled
  ),
  counted as (
    select d.day, count(o.day) as unsettled
    from sync_days d left join open_records o on o.day = d.day
    where d.source = p_source
    group by d.day
  )
  update sync_days d set unsettled = counted.unsettled
    from counted
    where d.source = p_source and d.day = counted.day and d.unsettled <> counted.unsettled;
  get diagnostics v_days = row_count;
  return v_days;
end
$$;
comment on function public.count_unsettled is 'Brings the number of unsettled records of every day up to date. Returns how many days changed.';

-- Records that a run asks by their ids, those least recently asked first. It asks each once: what it has asked since it
-- began is left out, and what the list of a day gave to this run already. A record whose day was listed without it is
-- asked: it has moved to another day, or the list could not be read to its end.
create or replace function public.records_to_ask(
    p_source text, p_workflow_id text, p_run_id text, p_nominal timestamptz, p_listed_days date[], p_unordered_days date[],
    p_limit integer) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_began timestamptz;
  v_result jsonb;
begin
  insert into runs (run_id, workflow_id) values (p_run_id, p_workflow_id) on conflict do nothing;
  select began_at into v_began from runs where run_id = p_run_id;
  with listed as materialized (
    select distinct p.day, id
    from staged_pages p cross join unnest(p.ids) id
    where p_unordered_days is null and p.run_id = p_run_id and p.source = p_source and p.day = any (p_listed_days)
      and p.is_list and p.merged_counts is not null
  ),
  open_records as (
    select c.id, c.call_date as started, c.asked_at, c.ask_again
      from calls c where p_source = 'twilio' and (not c.settled or c.ask_again) and c.source = 'twilio'
        and c.call_date > least(p_nominal, coalesce((select min(d) from unnest(p_unordered_days) d)::timestamp at time zone 'UTC', p_nominal)) - interval '14 days'
    union all
    select c.conversation_id, c.conversation_date, c.asked_at, c.ask_again
      from elevenlabs_conversations c where p_source = 'elevenlabs' and (not c.settled or c.ask_again)
        and c.conversation_date > least(p_nominal, coalesce((select min(d) from unnest(p_unordered_days) d)::timestamp at time zone 'UTC', p_nominal)) - interval '14 days'
    union all
    select r.id, null, r.asked_at, false
      -- An id of which only the beginning is kept can be nobody's: the list of its day gives the record again.
      from rejected_records r where r.source = p_source and r.id = r.record_key and p_unordered_days is null
        and r.first_seen_at > p_nominal - interval '14 days'
        and not exists (select from listed l where l.day = r.day and l.id = r.id)
  ),
  due as (
    select o.id, min(o.asked_at) as asked_at
    from open_records o
    where (o.asked_at is null or o.asked_at < v_began)
      and (o.started is null
        or p_unordered_days is not null and o.ask_again and day_of(o.started) = any (p_unordered_days)
        or p_unordered_days is null and o.started > p_nominal - interval '14 days'
          and (o.ask_again or not exists (select from listed l where l.day = day_of(o.started) and l.id = o.id)))
    group by o.id
    order by 2 nulls first, 1
    limit p_limit + 1
  )
  select jsonb_build_object(
    'ids', coalesce((select jsonb_agg(id) from (select id from due order by asked_at nulls first, id limit p_limit) first_ones), '[]'),
    'more', (select count(*) > p_limit from due),
    'ticket', nextval('tickets'))
  into v_result;
  return v_result;
end
$$;
comment on function public.records_to_ask is 'Ids of records to be asked again, by a run that asks each of them once.';

-- Records that the provider did not know any more when they were asked by their ids. No list names them, so that a whole
-- fetch of their day does not count them: they are known by name here, and each is counted once however often it is asked.
create table hourledger.gone_ids (
  source text not null check (source in ('twilio', 'elevenlabs')),
  id text collate "C" not null,
  day date not null,
  noted_at timestamptz not null default now(),
  primary key (source, id)
);
create index gone_ids_day on hourledger.gone_ids (source, day);
comment on table hourledger.gone_ids is 'Stored and rejected records that the provider did not know any more when they were asked by their ids.';
comment on column hourledger.gone_ids.day is 'The day that counts it: that of the stored record.';

create function hourledger.note_gone() returns trigger language plpgsql as $$
begin
  with answered as (
    select o.id, o.letter from unnest(new.ids, string_to_array(new.outcomes, null)) o (id, letter)
  ),
  back as (
    delete from hourledger.gone_ids g using answered a
      where g.source = new.source and g.id = a.id and a.letter <> 'g'
      returning g.day
  ),
  known as (
    select a.id, hourledger.day_of(c.call_date) as day from answered a join public.calls c on c.id = a.id
      where new.source = 'twilio' and a.letter = 'g'
    union all
    select a.id, hourledger.day_of(c.conversation_date) from answered a join public.elevenlabs_conversations c on c.conversation_id = a.id
      where new.source = 'elevenlabs' and a.letter = 'g'
    union all
    select a.id, r.day from answered a join public.rejected_records r on r.source = new.source and r.record_key = a.id
      where a.letter = 'g' and r.day is not null
  ),
  noted as (
    insert into hourledger.gone_ids (source, id, day)
      select new.source, k.id, k.day from known k order by k.id
      on conflict do nothing
      returning day
  ),
  changes as (
    select day, sum(one) as delta
    from (select day, 1 as one from noted union all select day, -1 from back) each
    group by day
  )
  update public.sync_days d set gone = d.gone + c.delta
    from changes c
    where d.source = new.source and d.day = c.day and c.delta <> 0;
  return null;
end
$$;

create trigger note_gone after update of merged_counts on hourledger.staged_pages
  for each row when (new.day is null and new.merged_counts is not null) execute function hourledger.note_gone();
