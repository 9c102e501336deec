-- Pages: the provider's raw text is staged under a name derived from what it is, then merged into the raw rows, once.

create table hourledger.runs (
  run_id text primary key,
  workflow_id text not null,
  began_at timestamptz not null default clock_timestamp()
);
comment on table hourledger.runs is 'Workflow runs whose pages and days are not swept yet.';

create table hourledger.day_runs (
  run_id text not null references hourledger.runs (run_id) on delete cascade,
  source text not null,
  day date not null,
  first_asked_at timestamptz not null default clock_timestamp(),
  first_ticket bigint not null default nextval('hourledger.tickets'),
  primary key (run_id, source, day)
);
comment on table hourledger.day_runs is 'When a run asked for the first page of a day.';

create table hourledger.staged_pages (
  page_id text collate "C" primary key,
  run_id text not null references hourledger.runs (run_id) on delete cascade,
  source text not null,
  day date,
  cursor text,
  next_cursor text,
  is_list boolean not null,
  ids text[] not null default '{}',
  records_key text,
  asked_ticket bigint not null,
  answered_ticket bigint not null,
  gone integer not null default 0,
  merged_counts jsonb,
  outcomes text,
  staged_at timestamptz not null default now()
);
-- External: a thousand ids are read back soon, and hardly get smaller for all the time that compressing them takes.
alter table hourledger.staged_pages alter column ids set storage external, alter column outcomes set storage external;
create index staged_pages_run_day on hourledger.staged_pages (run_id, source, day);
comment on table hourledger.staged_pages is 'Pages that a run fetched: where they belong, and once merged, what merging did.';
comment on column hourledger.staged_pages.day is 'The day whose list gave the page; null for records asked by their ids.';
comment on column hourledger.staged_pages.is_list is 'A page of the provider''s list; false for details asked one by one.';
comment on column hourledger.staged_pages.ids is 'The records that the page accounts for; those that are gone come first.';
comment on column hourledger.staged_pages.records_key is 'The key of the text under which its records are; null where the text is the array itself.';
comment on column hourledger.staged_pages.merged_counts is 'What merging did; null until then.';
comment on column hourledger.staged_pages.outcomes is 'A letter for each of ids: inserted, updated, rejected, gone, or = for unchanged.';

-- Unlogged: after a crash of Postgres the texts are gone, the merge finds its page missing, and the day starts again.
-- External: no time is spent on compressing what is read once.
create unlogged table hourledger.staged_texts (
  page_id text collate "C" primary key,
  body text not null
);
alter table hourledger.staged_texts alter column body set storage external;
comment on table hourledger.staged_texts is 'The raw text of pages that are not merged yet.';

create function public.next_ticket() returns bigint
  language sql volatile set search_path = '' as $$
  select nextval('hourledger.tickets')
$$;
comment on function public.next_ticket is 'The number of a request that is about to be asked.';

create function public.begin_days(p_source text, p_days date[], p_workflow_id text, p_run_id text) returns bigint
  language plpgsql set search_path = hourledger, public, pg_temp as $$
begin
  insert into runs (run_id, workflow_id) values (p_run_id, p_workflow_id) on conflict do nothing;
  insert into day_runs (run_id, source, day)
    select p_run_id, p_source, d from unnest(p_days) d order by d
    on conflict do nothing;
  insert into sync_days as known (source, day, state, workflow_id, run_id, started_at)
    select p_source, d, 'running', p_workflow_id, p_run_id, now() from unnest(p_days) d order by d
    on conflict (source, day) do update
      set state = case when known.state = 'completed' then 'completed' else 'running' end,
          workflow_id = excluded.workflow_id, run_id = excluded.run_id, started_at = excluded.started_at
      where known.run_id is distinct from excluded.run_id or known.state in ('planned', 'failed');
  return nextval('tickets');
end
$$;
comment on function public.begin_days is 'Notes that a run begins to read days; a completed day stays completed meanwhile. Returns the ticket of the first request.';

-- Immutable, so that the readers below can be inlined; hence its argument must depend on the row, or the planner would
-- call it ahead.
create function hourledger.refuse(reason text) returns boolean
  language plpgsql immutable as $$
begin
  raise exception '%', reason using errcode = '22023';
end
$$;

-- Exact decimal of a text, or an error: numeric alone would take NaN, Infinity, 0x10 and 1_000 too.
create function hourledger.exact_decimal(value text, what text) returns numeric
  language sql immutable parallel safe
  return case
    when value is null then null
    when value ~ '^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?$' then value::numeric
    when hourledger.refuse(what || ' "' || left(value, 60) || '" is not a number') then null
  end;

-- RFC 2822, as Twilio writes dates (also ISO 8601). Postgres refuses a date that does not exist, but takes 24:00:00 and the
-- second 60 for the next day and the next minute: these are no times here. Almost all dates are rendered again as they
-- came, weekday and all: what is equal was read right, and that is seen faster than by a pattern.
create function hourledger.provider_date(value text, what text) returns timestamptz
  language sql stable parallel safe
  return case
    when value is null then null
    when value like '___, __ ___ ____ __:__:__ +0000'
      and to_char(value::timestamptz at time zone 'UTC', 'Dy, DD Mon YYYY HH24:MI:SS +0000') = value then value::timestamptz
    when value ~ '^([A-Z][a-z][a-z], )?[0-9]{1,2} [A-Z][a-z][a-z] [0-9]{4} ([01][0-9]|2[0-3])(:[0-5][0-9]){2} ([-+][0-9]{4}|GMT|UTC)$'
      then value::timestamptz
    -- Digits behind the microsecond are cut: rounded up, the last instant of a day would be the next day's first.
    when value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]+)?(Z|[-+][0-9]{2}:?[0-9]{2})$'
      then regexp_replace(value, '(\.[0-9]{6})[0-9]+', '\1')::timestamptz
    when hourledger.refuse(what || ' "' || left(value, 60) || '" is not a date') then null
  end;

create function hourledger.whole_seconds(value text, what text) returns integer
  language sql immutable parallel safe
  return case
    when value is null then null
    when value ~ '^[0-9]+(\.0+)?$' then value::numeric::integer
    when hourledger.refuse(what || ' "' || left(value, 60) || '" is not a whole number of seconds') then null
  end;

-- The boolean of JSON alone: Postgres would take the texts yes, on and t for one, too. As elsewhere, "" is null.
create function hourledger.true_or_false(value jsonb, what text) returns boolean
  language sql immutable parallel safe
  return case
    when value is null or value in ('null', '""') then null
    when jsonb_typeof(value) = 'boolean' then value::boolean
    when hourledger.refuse(what || ' ' || left(value::text, 60) || ' is neither true nor false') then null
  end;

-- Twilio's call objects. Source: https://www.twilio.com/docs/voice/api/call-resource
-- The array is gone through once for all members of its records: one operator for each member would look every one of
-- them up again. Here and below, offset 0 keeps the planner from pulling a level up and computing it once for every use.
create function hourledger.read_calls(records jsonb)
  returns table (id text, direction text, status text, phone_from text, phone_to text, call_date timestamptz,
    end_date timestamptz, duration integer, cost numeric, currency text, parent_call_sid text, account_sid text, place integer)
  language sql stable rows 1000 as $$
  select
    t.id, t.direction, t.status, t.phone_from, t.phone_to,
    hourledger.provider_date(t.started, case when t.start_time is null then 'date_created' else 'start_time' end),
    hourledger.provider_date(t.end_time, 'end_time'),
    hourledger.whole_seconds(t.duration, 'duration'),
    abs(hourledger.exact_decimal(t.price, 'price')),
    coalesce(t.price_unit, case when t.price is not null then 'XXX' end),
    t.parent_call_sid, t.account_sid, t.place
  from (
    select
      nullif(m.sid, '') as id, nullif(m.direction, '') as direction, nullif(m.status, '') as status,
      nullif(m."from", '') as phone_from, nullif(m."to", '') as phone_to, nullif(m.start_time, '') as start_time,
      coalesce(nullif(m.start_time, ''), nullif(m.date_created, '')) as started, nullif(m.end_time, '') as end_time,
      nullif(m.duration, '') as duration, nullif(m.price, '') as price, upper(nullif(m.price_unit, '')) as price_unit,
      nullif(m.parent_call_sid, '') as parent_call_sid, nullif(m.account_sid, '') as account_sid,
      m.place::integer - 1 as place
    from rows from (
      jsonb_to_recordset(read_calls.records) as (
        sid text, direction text, status text, "from" text, "to" text, start_time text, date_created text, end_time text,
        duration text, price text, price_unit text, parent_call_sid text, account_sid text)
    ) with ordinality m (sid, direction, status, "from", "to", start_time, date_created, end_time, duration, price,
      price_unit, parent_call_sid, account_sid, place)
    offset 0
  ) t
  offset 0
$$;

-- ElevenLabs' conversation details. Source: https://elevenlabs.io/docs/api-reference/conversations/get
create function hourledger.read_conversations(records jsonb)
  returns table (id text, agent_id text, status text, conversation_date timestamptz, call_duration_secs integer,
    cost numeric, cost_fiat numeric, llm_price numeric, llm_charge numeric, call_charge numeric,
    free_minutes_consumed numeric, free_llm_dollars_consumed numeric, dev_discount boolean, llm_usage jsonb,
    agent_number text, external_number text, call_sid text, refusal text, place integer)
  language sql stable rows 100 as $$
  select
    nullif(t.raw ->> 'conversation_id', ''),
    nullif(t.raw ->> 'agent_id', ''),
    nullif(t.raw ->> 'status', ''),
    timestamptz 'epoch' + hourledger.whole_seconds(nullif(t.metadata ->> 'start_time_unix_secs', ''), 'start_time_unix_secs')
      * interval '1 second',
    hourledger.whole_seconds(nullif(t.metadata ->> 'call_duration_secs', ''), 'call_duration_secs'),
    hourledger.exact_decimal(nullif(t.metadata ->> 'cost', ''), 'cost'),
    hourledger.exact_decimal(nullif(t.metadata ->> 'cost_fiat', ''), 'cost_fiat'),
    hourledger.exact_decimal(nullif(t.charging ->> 'llm_price', ''), 'llm_price'),
    hourledger.exact_decimal(nullif(t.charging ->> 'llm_charge', ''), 'llm_charge'),
    hourledger.exact_decimal(nullif(t.charging ->> 'call_charge', ''), 'call_charge'),
    hourledger.exact_decimal(nullif(t.charging ->> 'free_minutes_consumed', ''), 'free_minutes_consumed'),
    hourledger.exact_decimal(nullif(t.charging ->> 'free_llm_dollars_consumed', ''), 'free_llm_dollars_consumed'),
    hourledger.true_or_false(t.charging -> 'dev_discount', 'dev_discount'),
    nullif(t.charging -> 'llm_usage', 'null'::jsonb),
    nullif(t.phone_call ->> 'agent_number', ''),
    nullif(t.phone_call ->> 'external_number', ''),
    nullif(t.phone_call ->> 'call_sid', ''),
    t.raw ->> 'hourledger_refused', t.place
  from (
    select j.raw, j.place::integer - 1 as place, j.raw -> 'metadata' as metadata, j.raw #> '{metadata,charging}' as charging,
      j.raw #> '{metadata,phone_call}' as phone_call
    from jsonb_array_elements(read_conversations.records) with ordinality j (raw, place)
    offset 0
  ) t
  offset 0
$$;

-- What a merge knows of the page that its records came with.
create type hourledger.page_facts as (
  source text,
  run_id text,
  day date,               -- the day whose list gave the records: others are none of its business; null: asked by id
  asked_ticket bigint,
  answered_ticket bigint,
  verdict text            -- against what else was read of the day, see verdict_of; newer where day is null
);

-- What a merge did, by ids. Undone: what differs from what is stored, and was not written. Unordered: how many of
-- these overlapped in time with what stands.
create type hourledger.merge_outcome as (
  ids text[], inserted text[], updated text[], rejected text[], undone text[], unordered integer);

-- Every merge of one day passes here one after the other, and reads what the other runs merged in a later statement.
create function hourledger.lock_days(p_source text, p_days date[]) returns void
  language plpgsql as $$
begin
  perform require_read_committed();
  perform pg_advisory_xact_lock(hashtextextended('hourledger day ' || p_source || d, 0))
    from (select distinct d from unnest(p_days) d where d is not null order by d) days;
end
$$;

-- How an answer stands to what was read of a day. Unchanged rows keep their old tickets, so that these alone do not say
-- how new a row is. older: answered before the newest whole fetch of the day began. undecided: it overlaps in time with
-- what another run merged, or comes behind a page of its own run that was asked later. A run merges its pages in the
-- order in which it asked for them, but an attempt that was given up and is still alive may stage one late. A whole fetch
-- of ElevenLabs does not ask for settled conversations: it makes nothing older.
create function hourledger.verdict_of(p_source text, p_day date, p_run_id text, p_asked bigint, p_answered bigint) returns text
  language sql stable as $$
  select coalesce((
    select case
      when d.whole_fetch_ticket > p_answered and p_source = 'twilio' then 'older'
      when case when d.merged_run_id = p_run_id then d.others_answered_ticket
                else greatest(d.merged_answered_ticket, d.others_answered_ticket) end >= p_asked
        or d.merged_run_id = p_run_id and d.merged_asked_ticket > p_asked then 'undecided'
    end
    from public.sync_days d where d.source = p_source and d.day = p_day), 'newer')
$$;

-- The same for a record that stands on a day which is not the page's: it was asked by its id, or has moved.
create function hourledger.verdict_elsewhere(p_page hourledger.page_facts, p_day date) returns text
  language sql stable as $$
  select case
    when 'older' in (p_page.verdict, v) then 'older'
    when 'undecided' in (p_page.verdict, v) then 'undecided'
    else 'newer' end
  from hourledger.verdict_of(p_page.source, p_day, p_page.run_id, p_page.asked_ticket, p_page.answered_ticket) v
$$;

-- Equal to the digit: jsonb's own equality takes 1.0 and 1.00 for the same. Images are compared as they are stored.
create function hourledger.same_json(a jsonb, b jsonb) returns boolean
  language sql immutable parallel safe
  return row(a)::record *= row(b)::record;

-- Merges an array of Twilio's call objects into the raw rows, in the order of their ids. The objects are taken out of the
-- array when they are written: through joins and sorts goes only their place. What is stored as it came
-- is not written, except when it was asked by its id: then the answer is noted on it. With p_careful, records of other
-- days than the page's are written too, and what overlapped in time is marked to be asked again.
-- One plan serves a session: planned for each page, the planner copies the two megabytes of it several times over. As the
-- first page may find the table empty, what looks at stored rows must go by an index of its own accord.
create function hourledger.merge_calls(p_records jsonb, p_page hourledger.page_facts, p_careful boolean)
  returns hourledger.merge_outcome
  language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_begin timestamptz := p_page.day::timestamp at time zone 'UTC';
  v_end timestamptz := v_begin + interval '24 hours';
  v_outcome hourledger.merge_outcome;
begin
  perform hold_mapping();
  with incoming as materialized (
    select i.*, p_page.day is not null and i.is_same and not i.ask_again as is_done
    from (
      select r.*, before.ask_again, coalesce(same_json(before.raw_data, p_records -> r.place), false) as is_same
      from read_calls(p_records) r
      left join lateral (select b.raw_data, b.ask_again from calls b where b.id = r.id offset 0) before on true
      where case
        when r.id is null then refuse(coalesce(r.id, 'the record has no id'))
        when r.call_date is null then refuse(coalesce(r.call_date::text, 'the record has no date'))
        else p_page.day is null or (r.call_date >= v_begin and r.call_date < v_end)
      end
      offset 0
    ) i
  ),
  written as (
    insert into calls as stored
      (id, workspace_id, classification, direction, status, phone_from, phone_to, call_date, end_date,
      duration, cost, currency, parent_call_sid, account_sid, raw_data, asked_ticket, answered_ticket)
    select i.id, i.workspace_id, i.classification, i.direction, i.status, i.phone_from, i.phone_to, i.call_date,
      i.end_date, i.duration, i.cost, i.currency, i.parent_call_sid, i.account_sid, p_records -> i.place,
      p_page.asked_ticket, p_page.answered_ticket
    from (
      select n.*, coalesce(d.workspace_id, (select s.default_workspace_id from settings s)) as workspace_id, d.classification
      from incoming n
      join decide_calls(array(
        select (n.id, n.direction, n.account_sid, digits_of(n.phone_from), digits_of(n.phone_to), n.call_date,
          coalesce(n.end_date, n.call_date))::call_facts
        from incoming n where not n.is_done)) d on d.id = n.id
      order by n.id collate "C"
    ) i
    on conflict (id) do update set
      source = 'twilio', direction = excluded.direction, status = excluded.status, phone_from =
      excluded.phone_from, phone_to = excluded.phone_to, call_date = excluded.call_date, end_date =
      excluded.end_date, duration = excluded.duration, cost = excluded.cost, currency = excluded.currency,
      parent_call_sid = excluded.parent_call_sid, account_sid = excluded.account_sid, raw_data =
      excluded.raw_data, asked_ticket = excluded.asked_ticket, answered_ticket = excluded.answered_ticket,
      ask_again = false, fetched_at = now()
      where excluded.asked_ticket > stored.answered_ticket
        and case
          when day_of(stored.call_date) = p_page.day then p_page.verdict
          when p_careful or p_page.day is null then verdict_elsewhere(p_page, day_of(stored.call_date))
        end = 'newer'
    returning stored.id as id, (xmax = 0) as is_new
  ),
  overlapping as (
    update calls stored
      set ask_again = true,
          asked_ticket = least(stored.asked_ticket, p_page.asked_ticket),
          answered_ticket = greatest(stored.answered_ticket, p_page.answered_ticket)
    from incoming i
    where p_careful and stored.id = i.id and not i.is_same
      and p_page.answered_ticket >= stored.asked_ticket
      and case verdict_elsewhere(p_page, day_of(stored.call_date))
        when 'newer' then p_page.asked_ticket <= stored.answered_ticket
        when 'undecided' then true
        else false end
    returning 1
  )
  select
    array_agg(i.id),
    array_agg(i.id) filter (where w.is_new),
    array_agg(i.id) filter (where not w.is_new and not i.is_same),
    '{}',
    array_agg(i.id) filter (where w.id is null and not i.is_done),
    (select count(*) from overlapping)
  into v_outcome
  from incoming i left join written w on w.id = i.id;
  perform let_go_of_mapping();
  return v_outcome;
end
$$;

-- Merges an array of ElevenLabs' conversation details into the raw rows, in the order of their ids. What is stored as it came
-- is not written, except when it was asked by its id: then the answer is noted on it. With p_careful, records of other
-- days than the page's are written too, and what overlapped in time is marked to be asked again.
create function hourledger.merge_conversations(p_records jsonb, p_page hourledger.page_facts, p_careful boolean)
  returns hourledger.merge_outcome
  language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off as $$
declare
  v_begin timestamptz := p_page.day::timestamp at time zone 'UTC';
  v_end timestamptz := v_begin + interval '24 hours';
  v_outcome hourledger.merge_outcome;
begin
  perform hold_mapping();
  with incoming as materialized (
    select i.*, p_page.day is not null and i.is_same and not i.ask_again as is_done
    from (
      select r.*, before.ask_again, coalesce(same_json(before.raw_data, p_records -> r.place), false) as is_same
      from read_conversations(p_records) r
      left join lateral (select b.raw_data, b.ask_again from elevenlabs_conversations b where b.conversation_id = r.id offset 0) before on true
      where case
        when r.id is null then refuse(coalesce(r.id, 'the record has no id'))
        -- What the worker stages in the place of a detail that it was refused.
        when r.refusal is not null then refuse(r.refusal)
        when r.conversation_date is null then refuse(coalesce(r.conversation_date::text, 'the record has no date'))
        else p_page.day is null or (r.conversation_date >= v_begin and r.conversation_date < v_end)
      end
      offset 0
    ) i
  ),
  written as (
    insert into elevenlabs_conversations as stored
      (conversation_id, workspace_id, classification, agent_id, status, conversation_date, call_duration_secs,
      cost, cost_fiat, llm_price, llm_charge, call_charge, free_minutes_consumed, free_llm_dollars_consumed,
      dev_discount, llm_usage, agent_number, external_number, call_sid, raw_data, asked_ticket,
      answered_ticket)
    select i.id, i.workspace_id, i.classification, i.agent_id, i.status, i.conversation_date, i.call_duration_secs, i.cost,
      i.cost_fiat, i.llm_price, i.llm_charge, i.call_charge, i.free_minutes_consumed, i.free_llm_dollars_consumed,
      i.dev_discount, i.llm_usage, i.agent_number, i.external_number, i.call_sid, p_records -> i.place,
      p_page.asked_ticket, p_page.answered_ticket
    from (
      select n.*, coalesce(d.workspace_id, (select s.default_workspace_id from settings s)) as workspace_id, d.classification
      from incoming n
      join decide_conversations(array(
        select (n.id, digits_of(n.agent_number), n.agent_id, n.conversation_date)::conversation_facts
        from incoming n where not n.is_done)) d on d.id = n.id
      order by n.id collate "C"
    ) i
    on conflict (conversation_id) do update set
      agent_id = excluded.agent_id, status = excluded.status, conversation_date = excluded.conversation_date,
      call_duration_secs = excluded.call_duration_secs, cost = excluded.cost, cost_fiat = excluded.cost_fiat,
      llm_price = excluded.llm_price, llm_charge = excluded.llm_charge, call_charge = excluded.call_charge,
      free_minutes_consumed = excluded.free_minutes_consumed, free_llm_dollars_consumed =
      excluded.free_llm_dollars_consumed, dev_discount = excluded.dev_discount, llm_usage = excluded.llm_usage,
      agent_number = excluded.agent_number, external_number = excluded.external_number, call_sid =
      excluded.call_sid, raw_data = excluded.raw_data, asked_ticket = excluded.asked_ticket, answered_ticket =
      excluded.answered_ticket, ask_again = false, fetched_at = now()
      where excluded.asked_ticket > stored.answered_ticket
        and case
          when day_of(stored.conversation_date) = p_page.day then p_page.verdict
          when p_careful or p_page.day is null then verdict_elsewhere(p_page, day_of(stored.conversation_date))
        end = 'newer'
    returning stored.conversation_id as id, (xmax = 0) as is_new
  ),
  overlapping as (
    update elevenlabs_conversations stored
      set ask_again = true,
          asked_ticket = least(stored.asked_ticket, p_page.asked_ticket),
          answered_ticket = greatest(stored.answered_ticket, p_page.answered_ticket)
    from incoming i
    where p_careful and stored.conversation_id = i.id and not i.is_same
      and p_page.answered_ticket >= stored.asked_ticket
      and case verdict_elsewhere(p_page, day_of(stored.conversation_date))
        when 'newer' then p_page.asked_ticket <= stored.answered_ticket
        when 'undecided' then true
        else false end
    returning 1
  )
  select
    array_agg(i.id),
    array_agg(i.id) filter (where w.is_new),
    array_agg(i.id) filter (where not w.is_new and not i.is_same),
    '{}',
    array_agg(i.id) filter (where w.id is null and not i.is_done),
    (select count(*) from overlapping)
  into v_outcome
  from incoming i left join written w on w.id = i.id;
  perform let_go_of_mapping();
  return v_outcome;
end
$$;

-- The days that records stand on.
create function hourledger.days_of_records(p_source text, p_ids text[]) returns date[]
  language sql stable as $$
  select array_agg(distinct known.day) from (
    select hourledger.day_of(call_date) as day from public.calls where p_source = 'twilio' and id = any (p_ids)
    union all
    select hourledger.day_of(conversation_date) from public.elevenlabs_conversations
    where p_source = 'elevenlabs' and conversation_id = any (p_ids)
    union all
    select day from public.rejected_records where source = p_source and record_key = any (p_ids)
  ) known
$$;

-- A record that cannot be stored fails the whole statement: merge_page then goes on record by record.
-- What the first pass leaves undone is decided by a second one: it also holds the days that these records stand on, and
-- its statement begins after whoever wrote them at the same time has committed.
create function hourledger.merge_records(p_records jsonb, p_page hourledger.page_facts) returns hourledger.merge_outcome
  language plpgsql as $$
declare
  v_outcome hourledger.merge_outcome;
  v_again hourledger.merge_outcome;
  v_undone jsonb;
begin
  v_outcome := merge_pass(p_records, p_page, false);
  if v_outcome.undone is null then
    return v_outcome;
  end if;
  perform lock_days(p_page.source, days_of_records(p_page.source, v_outcome.undone));
  select jsonb_agg(r) into v_undone from jsonb_array_elements(p_records) r
    where r ->> case p_page.source when 'twilio' then 'sid' else 'conversation_id' end = any (v_outcome.undone);
  v_again := merge_pass(v_undone, p_page, true);
  v_outcome.inserted := v_outcome.inserted || v_again.inserted;
  v_outcome.updated := v_outcome.updated || v_again.updated;
  v_outcome.unordered := v_again.unordered;
  return v_outcome;
end
$$;

create function hourledger.merge_pass(p_records jsonb, p_page hourledger.page_facts, p_careful boolean)
  returns hourledger.merge_outcome
  language plpgsql as $$
begin
  return case p_page.source when 'twilio' then merge_calls(p_records, p_page, p_careful)
    else merge_conversations(p_records, p_page, p_careful) end;
end
$$;

-- Under which key a rejection stands: ids may be longer than an index takes, and differ behind the part that it takes.
create function hourledger.rejected_key(id text) returns text
  language sql immutable parallel safe
  return case when length(id) > 1000 then left(id, 900) || ' ' || md5(id) else id end;

-- Returns whether the record counts as rejected: not where something newer is stored, which an older version that
-- lands late has nothing to say against.
create function hourledger.reject_record(p_page hourledger.page_facts, p_id text, p_reason text, p_raw text) returns boolean
  language plpgsql as $$
begin
  if p_page.verdict = 'older'
    or exists (select from calls c
      where p_page.source = 'twilio' and c.id = p_id and c.asked_ticket > p_page.answered_ticket)
    or exists (select from elevenlabs_conversations c
      where p_page.source = 'elevenlabs' and c.conversation_id = p_id and c.asked_ticket > p_page.answered_ticket) then
    return false;
  end if;
  insert into rejected_records as known
      (source, record_key, id, day, reason, raw_data, asked_at, asked_ticket, answered_ticket)
    values (p_page.source, coalesce(rejected_key(p_id), md5(p_raw)), left(p_id, 1000), p_page.day, p_reason, p_raw, now(),
      p_page.asked_ticket, p_page.answered_ticket)
    on conflict (source, record_key) do update
      set reason = excluded.reason, raw_data = excluded.raw_data, day = coalesce(known.day, excluded.day),
          asked_at = excluded.asked_at, asked_ticket = excluded.asked_ticket, answered_ticket = excluded.answered_ticket
      where excluded.asked_ticket > known.answered_ticket;
  return true;
end
$$;

-- One record at a time, each in a savepoint of its own, so that what cannot be stored holds up nobody.
create function hourledger.merge_one_by_one(p_records json, p_page hourledger.page_facts) returns hourledger.merge_outcome
  language plpgsql as $$
declare
  v_all hourledger.merge_outcome := ('{}', '{}', '{}', '{}', '{}', 0);
  v_one hourledger.merge_outcome;
  v_record json;
  v_id text;
  v_key text;
begin
  for v_record in select value from json_array_elements(p_records) loop
    begin
      v_one := merge_records(jsonb_build_array(v_record::jsonb), p_page);
      v_all.ids := v_all.ids || v_one.ids;
      v_all.inserted := v_all.inserted || v_one.inserted;
      v_all.updated := v_all.updated || v_one.updated;
      v_all.unordered := v_all.unordered + v_one.unordered;
    exception
      when data_exception or check_violation or program_limit_exceeded then
        v_id := readable_id(p_page.source, v_record);
        v_key := coalesce(v_id, 'rejected ' || md5(v_record::text));
        v_all.ids := v_all.ids || v_key;
        if reject_record(p_page, v_id, sqlerrm, v_record::text) then
          v_all.rejected := v_all.rejected || v_key;
        end if;
    end;
  end loop;
  return v_all;
end
$$;

-- A member of an object, as it is written. The operator reads every text of the object, and fails on escapes that jsonb
-- refuses, wherever they are: they are hidden from it. Behind a slash, which JSON may escape, all is valid.
create function hourledger.member_of(p_object text, p_key text) returns json
  language plpgsql immutable as $$
declare
  v_hidden text := '\/' || md5(p_object);
begin
  if strpos(p_object, '\u') = 0 then
    return p_object::json -> p_key;
  end if;
  return replace((replace(p_object, '\u', v_hidden)::json -> p_key)::text, v_hidden, '\u')::json;
end
$$;

-- The id of a record that jsonb may refuse; null where it has none that could be a key.
create function hourledger.readable_id(p_source text, p_record json) returns text
  language plpgsql as $$
begin
  return nullif(
    member_of(p_record::text, case p_source when 'twilio' then 'sid' else 'conversation_id' end) #>> '{}', '');
exception
  when data_exception then
    return null;
end
$$;

-- What is wrong with a text that is no JSON; null where it is. Asked only where merging a page at once has failed.
create function hourledger.why_no_json(p_text text) returns text
  language plpgsql immutable as $$
begin
  perform p_text::json;
  return null;
exception
  when data_exception or program_limit_exceeded then
    return sqlerrm;
end
$$;

-- Waits for the other merges of the page's days, and reads in a later statement what they merged.
create function hourledger.facts_under_lock(p_page hourledger.staged_pages) returns hourledger.page_facts
  language plpgsql as $$
begin
  perform lock_days(p_page.source, days_of_page(p_page));
  return (p_page.source, p_page.run_id, p_page.day, p_page.asked_ticket, p_page.answered_ticket,
    verdict_of(p_page.source, p_page.day, p_page.run_id, p_page.asked_ticket, p_page.answered_ticket));
end
$$;

-- Merges a page as a whole. Returns what merging did; null, and nothing is done, where something is wrong with it: its
-- text is no JSON, or one of its records is refused by jsonb, cannot be stored, or is there twice. The merge is assigned:
-- an expression of its own is planned once for any page, a statement with two megabytes in it again and again.
create function hourledger.merge_whole(p_page hourledger.staged_pages, p_body text) returns jsonb
  language plpgsql as $$
declare
  v_facts hourledger.page_facts := facts_under_lock(p_page);
  v_outcome hourledger.merge_outcome;
begin
  begin
    v_outcome := merge_records(
      case when p_page.records_key is null then p_body::jsonb else p_body::jsonb -> p_page.records_key end, v_facts);
  exception
    when data_exception or check_violation or program_limit_exceeded or cardinality_violation then
      return null;
  end;
  return finish_page(p_page, v_outcome);
end
$$;

create function public.merge_page(p_page_id text) returns jsonb
  language plpgsql
  set search_path = hourledger, public, pg_temp set jit = off set work_mem = '32MB' as $$
declare
  v_page hourledger.staged_pages;
  v_body text;
  v_counts jsonb;
  v_malformed text;
begin
  select * into v_page from staged_pages where page_id = p_page_id for update;
  if not found then
    return jsonb_build_object('missing', true);
  end if;
  if v_page.merged_counts is not null then
    return v_page.merged_counts;
  end if;
  select body into v_body from staged_texts where page_id = p_page_id;
  if not found then
    delete from staged_pages where page_id = p_page_id;
    return jsonb_build_object('missing', true, 'day', v_page.day);
  end if;
  v_counts := merge_whole(v_page, v_body);
  if v_counts is not null then
    return v_counts;
  end if;
  v_malformed := why_no_json(v_body);
  if v_malformed is not null then
    -- What was asked by ids stays until its run is swept: no day begins anew, and whoever did not hear why asks again.
    if v_page.day is not null then
      delete from staged_texts where page_id = p_page_id;
      delete from staged_pages where page_id = p_page_id;
    end if;
    return jsonb_build_object('missing', true, 'day', v_page.day, 'malformed', v_malformed);
  end if;
  return finish_page(v_page, merge_one_by_one(
    case when v_page.records_key is null then v_body::json else member_of(v_body, v_page.records_key) end,
    facts_under_lock(v_page)));
end
$$;
comment on function public.merge_page is 'Merges a staged page into the raw rows, once; asked again it returns the same counts. A page that is gone, or turns out to be no JSON, is missing: its day is to be read again.';

create function public.merged_pages(p_page_ids text[]) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select coalesce(jsonb_object_agg(page_id, merged_counts), '{}') from staged_pages
  where page_id = any (p_page_ids) and merged_counts is not null
$$;
comment on function public.merged_pages is 'Of these pages, those that are merged, and what merging them did.';

-- Days whose merges must not run at the same time as this one: the page's own, or those of the records asked by id.
create function hourledger.days_of_page(p_page hourledger.staged_pages) returns date[]
  language sql stable as $$
  select case when p_page.day is not null then array[p_page.day]
    else hourledger.days_of_records(p_page.source, p_page.ids) end
$$;

-- The records that a page accounts for, each once, with a letter for what became of it, and their numbers. One that the
-- page holds several times has one outcome: the first of inserted, updated, rejected, unchanged.
create function hourledger.count_page(
    p_page hourledger.staged_pages, p_outcome hourledger.merge_outcome, out ids text[], out outcomes text, out counts jsonb)
  language plpgsql stable as $$
begin
  if p_page.ids = '{}' and cardinality(p_outcome.inserted) = cardinality(p_outcome.ids) then
    -- As most pages of a first run: all is new, and nothing came twice.
    ids := p_outcome.ids;
    outcomes := repeat('i', cardinality(ids));
    counts := jsonb_build_object('fetched', cardinality(ids), 'inserted', cardinality(ids), 'updated', 0, 'rejected', 0,
      'unchanged', 0, 'gone', p_page.gone, 'unordered', p_outcome.unordered);
    return;
  end if;
  with given as (
    select unnest(p_outcome.inserted) as id, 1 as rank
    union all select unnest(p_outcome.updated), 2
    union all select unnest(p_outcome.rejected), 3
    union all select unnest(p_outcome.ids), 5
    union all select unnest(p_page.ids), 6
  ),
  each as (
    select id, min(rank) as rank from given group by id
  )
  select coalesce(array_agg(id), '{}'),
    coalesce(string_agg(
      case when rank < 6 then substr('iur =', rank, 1) when id = any (p_page.ids[:p_page.gone]) then 'g' else '=' end, ''), ''),
    jsonb_build_object(
      'fetched', count(*) filter (where rank < 6), 'inserted', count(*) filter (where rank = 1),
      'updated', count(*) filter (where rank = 2), 'rejected', count(*) filter (where rank = 3),
      'unchanged', count(*) filter (where rank = 5), 'gone', p_page.gone, 'unordered', p_outcome.unordered)
  into ids, outcomes, counts from each;
end
$$;

create function hourledger.finish_page(p_page hourledger.staged_pages, p_outcome hourledger.merge_outcome) returns jsonb
  language plpgsql as $$
declare
  v_counted record := count_page(p_page, p_outcome);
begin
  if p_page.day is not null then
    update sync_days d
      set merged_run_id = p_page.run_id,
          others_answered_ticket = case when d.merged_run_id = p_page.run_id then d.others_answered_ticket
            else greatest(d.others_answered_ticket, d.merged_answered_ticket) end,
          merged_asked_ticket = case when d.merged_run_id = p_page.run_id
            then greatest(d.merged_asked_ticket, p_page.asked_ticket) else p_page.asked_ticket end,
          merged_answered_ticket = case when d.merged_run_id = p_page.run_id
            then greatest(d.merged_answered_ticket, p_page.answered_ticket) else p_page.answered_ticket end
      where d.source = p_page.source and d.day = p_page.day;
  end if;
  delete from rejected_records r
    using unnest(p_outcome.ids) given (id)
    where r.source = p_page.source and r.record_key = rejected_key(given.id) and r.answered_ticket < p_page.asked_ticket
      and is_stored(r.source, given.id);
  -- Whatever came of asking a record by its id, it was asked: the next one has its turn.
  if p_page.day is null and p_page.source = 'twilio' then
    update calls set asked_at = now() where id = any (p_page.ids);
  elsif p_page.day is null then
    update elevenlabs_conversations set asked_at = now() where conversation_id = any (p_page.ids);
  end if;
  update rejected_records r set asked_at = now()
    where p_page.day is null and r.source = p_page.source and r.record_key = any (p_page.ids);
  update staged_pages
    set merged_counts = v_counted.counts, ids = v_counted.ids, outcomes = v_counted.outcomes
    where page_id = p_page.page_id;
  delete from staged_texts where page_id = p_page.page_id;
  return v_counted.counts;
end
$$;

create function hourledger.is_stored(p_source text, p_id text) returns boolean
  language sql stable as $$
  select case p_source
    when 'twilio' then exists (select from public.calls where id = p_id and source = 'twilio')
    else exists (select from public.elevenlabs_conversations where conversation_id = p_id) end
$$;

-- The same, and null as well where somebody holds a row or a day of the page, or waits for one in a circle.
create function hourledger.merge_without_waiting(p_page hourledger.staged_pages, p_body text) returns jsonb
  language plpgsql set lock_timeout = '2s' as $$
begin
  return merge_whole(p_page, p_body);
exception
  when lock_not_available or deadlock_detected then
    return null;
end
$$;

-- A later attempt replaces what an earlier one staged; an earlier one that lands late, or anything onto a merged page,
-- changes nothing. Whoever asks gets what stands there. The page comes as one body of bytes, which no one on the way has
-- to parse or to escape: a line of JSON that says where it belongs, then its text.
-- A day that begins anew leaves behind the lists that it had not merged, so that nobody merges them later: they are of the
-- same run, and nothing else would say that they are older. Details stay. They are not asked again, and still to be merged.
-- With merge_at_once the page is merged in the same transaction, and its text is never stored: two megabytes a page that
-- are written, read once and left to be vacuumed cost a long backfill a sixth of its time. The text is kept for merge_page
-- where something is wrong with the page, where it would have to wait for somebody (a provider's answer must not be lost
-- over that), and behind a page of its day that waits: a run merges the pages of a day in the order in which it asked for
-- them, or they would contradict each other. A later attempt finds its page merged when the one before died over it:
-- what the provider has said since is one page more, and so are all that this one became.
create function public.stage_page(bytea) returns jsonb
  language plpgsql
  set search_path = hourledger, public, pg_temp set jit = off set work_mem = '32MB' as $$
declare
  v_line_end integer := position('\x0a'::bytea in $1);
  v_given jsonb := convert_from(substring($1 from 1 for v_line_end - 1), 'UTF8')::jsonb;
  v_body text := convert_from(substring($1 from v_line_end + 1), 'UTF8');
  v_asked bigint := v_given ->> 'asked_ticket';
  v_at_once boolean := coalesce((v_given ->> 'merge_at_once')::boolean, false);
  v_ids text[] := array[v_given ->> 'page_id'];
  v_page hourledger.staged_pages;
  v_stands boolean;
  v_counts jsonb;
  v_restarts integer := substring(v_given ->> 'page_id' from '^[^/]+/[a-z]+/[-0-9]{10}/([1-9][0-9]*)/');
begin
  loop
    insert into staged_pages as standing
        (page_id, run_id, source, day, cursor, next_cursor, is_list, ids, records_key, asked_ticket, answered_ticket, gone)
      select v_ids[cardinality(v_ids)], g.run_id, g.source, g.day, g.cursor, g.next_cursor, g.is_list, coalesce(g.ids, '{}'),
        g.records_key, v_asked, nextval('tickets'), g.gone
      from jsonb_to_record(v_given) g (run_id text, source text, day date, cursor text, next_cursor text,
        is_list boolean, ids text[], records_key text, gone integer)
      on conflict (page_id) do update
        set next_cursor = excluded.next_cursor, ids = excluded.ids, records_key = excluded.records_key,
            asked_ticket = excluded.asked_ticket, answered_ticket = excluded.answered_ticket, gone = excluded.gone,
            staged_at = now()
        where standing.merged_counts is null and excluded.asked_ticket > standing.asked_ticket
      returning * into v_page;
    v_stands := not found;
    exit when not v_stands;
    select * into strict v_page from staged_pages where page_id = v_ids[cardinality(v_ids)];
    exit when not v_at_once or v_page.merged_counts is null or v_page.asked_ticket >= v_asked;
    v_ids := v_ids || (v_page.page_id || '/again');
  end loop;
  if v_restarts is not null then
    with outdated as (
      delete from staged_pages p
        where p.run_id = v_page.run_id and p.source = v_page.source and p.day = v_page.day and p.is_list
          and p.merged_counts is null and split_part(p.page_id, '/', 4)::integer < v_restarts
        returning p.page_id
    )
    delete from staged_texts t using outdated o where t.page_id = o.page_id;
  end if;
  if not v_stands and v_at_once and not exists (
      select from staged_pages p
      where p.run_id = v_page.run_id and p.source = v_page.source and p.day = v_page.day
        and p.merged_counts is null and p.page_id <> v_page.page_id) then
    v_counts := merge_without_waiting(v_page, v_body);
  end if;
  if not v_stands and v_counts is null then
    insert into staged_texts (page_id, body) values (v_page.page_id, v_body)
      on conflict (page_id) do update set body = excluded.body;
  end if;
  return jsonb_build_object('pageIds', v_ids, 'nextCursor', v_page.next_cursor, 'nextTicket', nextval('tickets'),
    'merged', coalesce(v_counts, v_page.merged_counts) -> 'fetched');
end
$$;
comment on function public.stage_page is 'Keeps a page''s raw text until it is merged, or merges it at once. Returns the ids of what it became, where to go on from, the ticket of the next request, and how many records are merged.';
