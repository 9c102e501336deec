-- Reconciling: the provider's own figures of a day beside the ledger's, the drift, and what explains it.

alter table public.sync_days
  add column ledger_records bigint,
  add column ledger_cost numeric,
  add column drift_currency text,
  add column drift_explanation jsonb;
comment on column public.sync_days.ledger_records is 'The ledger''s count when the day was reconciled.';
comment on column public.sync_days.ledger_cost is 'The ledger''s total when the day was reconciled, in the currency of provider_cost.';
comment on column public.sync_days.drift_currency is 'The currency of provider_cost, ledger_cost and drift_cost.';
comment on column public.sync_days.drift_explanation is 'What explains a drift: unpriced and unsettled records, ids missing on either side, categories that are not calls.';

create table hourledger.provider_totals (
  run_id text not null references hourledger.runs (run_id) on delete cascade,
  source text not null,
  day date not null,
  category text not null,
  records bigint,
  cost numeric,
  currency text,
  as_of text,
  ids text[] not null default '{}',
  primary key (run_id, source, day, category)
);
comment on table hourledger.provider_totals is 'What a provider says of a day as a whole, as a run of reconcile was told.';
comment on column hourledger.provider_totals.category is 'Twilio''s usage category; list for the ids of ElevenLabs'' list.';
comment on column hourledger.provider_totals.records is 'Null where the provider gives none.';
comment on column hourledger.provider_totals.as_of is 'Up to when the provider had counted, as it says.';

-- Usage records: price is positive, counts are text and may be null, and the currency is in lower case.
-- Source: https://www.twilio.com/docs/usage/api/usage-record
create function public.note_usage(p_run_id text, p_workflow_id text, p_body text) returns bigint
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_count bigint;
begin
  insert into runs (run_id, workflow_id) values (p_run_id, p_workflow_id) on conflict do nothing;
  insert into provider_totals as known (run_id, source, day, category, records, cost, currency, as_of)
    select distinct on (day, category) p_run_id, 'twilio', day, category, records, cost, currency, as_of
    from (
      select (r ->> 'start_date')::date as day, r ->> 'category' as category,
        exact_decimal(nullif(r ->> 'count', ''), 'count')::bigint as records,
        abs(exact_decimal(nullif(r ->> 'price', ''), 'price')) as cost,
        upper(coalesce(nullif(r ->> 'price_unit', ''), 'XXX')) as currency,
        r ->> 'as_of' as as_of
      from json_array_elements(p_body::json -> 'usage_records') r
    ) given
    on conflict (run_id, source, day, category) do update
      set records = excluded.records, cost = excluded.cost, currency = excluded.currency, as_of = excluded.as_of;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
comment on function public.note_usage is 'Keeps a page of Twilio''s daily usage for a run of reconcile.';

create function public.note_listed_ids(p_run_id text, p_workflow_id text, p_source text, p_day date, p_ids text[]) returns void
  language plpgsql set search_path = hourledger, public, pg_temp as $$
begin
  insert into runs (run_id, workflow_id) values (p_run_id, p_workflow_id) on conflict do nothing;
  insert into provider_totals (run_id, source, day, category, ids)
    select p_run_id, p_source, p_day, 'list', coalesce(array_agg(distinct id), '{}') from unnest(p_ids) id
    on conflict (run_id, source, day, category) do update set ids = excluded.ids;
end
$$;
comment on function public.note_listed_ids is 'Keeps the ids that a provider lists for a day, for a run of reconcile.';

-- Categories that hold calls and overlap nowhere: calls is inbound and outbound without SIP and client.
create function hourledger.call_categories() returns text[]
  language sql immutable
  return array['calls', 'calls-sip-inbound', 'calls-sip-outbound', 'calls-client', 'trunking-origination', 'trunking-termination'];

-- What voice traffic costs besides its calls: no call's price holds it. In Flex projects the calls themselves are counted
-- under names of their own, the last line. Two are in Twilio's list of values and not in its table (calls-text-to-speech,
-- calls-transfers). Source: https://www.twilio.com/docs/usage/api/usage-record#usage-categories
create function hourledger.categories_beside_calls() returns text[]
  language sql immutable
  return array['agent-conference', 'amazon-polly', 'answering-machine-detection', 'call-progess-events', 'calls-globalconference',
    'calls-media-stream-minutes', 'calls-pay-verb-transactions', 'calls-recordings', 'calls-text-to-speech', 'calls-transfers',
    'ivr-virtual-agent-custom-voices', 'ivr-virtual-agent-genai', 'recordings', 'recordingstorage', 'speech-recognition',
    'transcriptions', 'trunking-cps', 'trunking-recordings', 'trunking-secure', 'tts-google', 'virtual-agent',
    'voice-insights', 'voice-insights-ptsn-insights-on-demand-minute', 'voice-insights-sip-trunking-insights-on-demand-minute',
    'voice-intelligence', 'voice-intelligence-operators', 'voice-intelligence-transcription',
    'programmablevoice-platform', 'programmablevoiceconn-clientsdk', 'programmablevoiceconn-sip', 'pstnconnectivity'];

-- A parent category repeats its children: beside one of them it is not named. Empty for all others.
create function hourledger.children_of_category(category text) returns text[]
  language sql immutable
  return case category
    when 'recordings' then array['calls-recordings', 'trunking-recordings']
    when 'voice-insights' then
      array['voice-insights-ptsn-insights-on-demand-minute', 'voice-insights-sip-trunking-insights-on-demand-minute']
    when 'voice-intelligence' then array['voice-intelligence-operators', 'voice-intelligence-transcription']
    else array[]::text[] end;

-- How many, and the first twenty; null for none.
create function hourledger.named_ids(p_ids text[]) returns jsonb
  language sql immutable
  return case when cardinality(p_ids) > 0 then jsonb_build_object('count', cardinality(p_ids), 'ids', to_jsonb(p_ids[1:20])) end;

-- The ids that the day's list gave in this run: of the fetch that a drift has led to, else of the look before.
create function hourledger.listed_ids(p_source text, p_day date, p_run_id text) returns text[]
  language sql stable as $$
  select case
    when exists (select from hourledger.staged_pages where run_id = p_run_id and source = p_source and day = p_day and is_list)
      then (select coalesce(array_agg(distinct id), '{}') from hourledger.staged_pages p cross join unnest(p.ids) id
            where p.run_id = p_run_id and p.source = p_source and p.day = p_day and p.is_list)
    else (select t.ids from hourledger.provider_totals t
          where t.run_id = p_run_id and t.source = p_source and t.day = p_day and t.category = 'list') end
$$;

create type hourledger.day_figures as (
  provider_records bigint, provider_cost numeric, ledger_records bigint, ledger_cost numeric, currency text, explanation jsonb);

create function hourledger.twilio_figures(p_day date, p_run_id text) returns hourledger.day_figures
  language plpgsql stable as $$
declare
  v_begin timestamptz := p_day::timestamp at time zone 'UTC';
  v_figures hourledger.day_figures;
begin
  -- An account is billed in one currency. Should there be several, the one with most stands, and the others are named.
  select t.currency into v_figures.currency from provider_totals t
    where t.run_id = p_run_id and t.source = 'twilio' and t.day = p_day and t.category = any (call_categories()) and t.cost <> 0
    group by t.currency order by sum(t.records) desc nulls last, t.currency limit 1;
  v_figures.currency := coalesce(v_figures.currency, (select ledger_currency from settings));
  select coalesce(sum(t.records), 0), coalesce(sum(t.cost) filter (where t.currency = v_figures.currency), 0),
    jsonb_strip_nulls(jsonb_build_object(
      'asOf', min(t.as_of),
      'categoriesWithoutCount', jsonb_agg(t.category order by t.category) filter (where t.records is null),
      'providerOtherCosts', jsonb_agg(jsonb_build_object('category', t.category, 'cost', t.cost::text, 'currency', t.currency))
        filter (where t.currency <> v_figures.currency and t.cost <> 0)))
    into v_figures.provider_records, v_figures.provider_cost, v_figures.explanation
    from provider_totals t
    where t.run_id = p_run_id and t.source = 'twilio' and t.day = p_day and t.category = any (call_categories());
  select count(*), coalesce(sum(c.cost) filter (where c.currency = v_figures.currency), 0),
    v_figures.explanation || jsonb_strip_nulls(jsonb_build_object(
      'notPriced', named_ids(array_agg(c.id order by c.id) filter (where c.cost is null
        and coalesce(c.status, '') not in ('busy', 'failed', 'no-answer', 'canceled'))),
      'notSettled', named_ids(array_agg(c.id order by c.id) filter (where not c.settled))))
    into v_figures.ledger_records, v_figures.ledger_cost, v_figures.explanation
    from calls c
    where c.source = 'twilio' and c.call_date >= v_begin and c.call_date < v_begin + interval '1 day';
  v_figures.explanation := v_figures.explanation || jsonb_strip_nulls(jsonb_build_object(
    'ledgerOtherCosts', (
      select jsonb_object_agg(o.currency, o.cost::text) from (
        select c.currency, sum(c.cost) as cost from calls c
        where c.source = 'twilio' and c.call_date >= v_begin and c.call_date < v_begin + interval '1 day'
          and c.cost is not null and c.currency <> v_figures.currency
        group by c.currency) o),
    'notCalls', (
      select jsonb_agg(jsonb_build_object('category', t.category, 'cost', t.cost::text, 'currency', t.currency) order by t.category)
      from provider_totals t
      where t.run_id = p_run_id and t.source = 'twilio' and t.day = p_day and t.category = any (categories_beside_calls())
        and t.cost <> 0
        and not exists (select from provider_totals child
          where child.run_id = p_run_id and child.source = 'twilio' and child.day = p_day and child.cost <> 0
            and child.category = any (children_of_category(t.category))))));
  return v_figures;
end
$$;

-- ElevenLabs' usage endpoints count credits of all products, and no conversations: what can be compared is the list.
create function hourledger.elevenlabs_figures(p_day date, p_run_id text) returns hourledger.day_figures
  language sql stable as $$
  select coalesce(cardinality(hourledger.listed_ids('elevenlabs', p_day, p_run_id)), 0)::bigint, null::numeric, count(*),
    coalesce(sum(c.cost), 0), 'credits',
    jsonb_strip_nulls(jsonb_build_object(
      'compared', 'the ids of the list: ElevenLabs has no totals of conversations',
      'notPriced', hourledger.named_ids(array_agg(c.conversation_id order by c.conversation_id) filter (where c.cost is null)),
      'notSettled', hourledger.named_ids(array_agg(c.conversation_id order by c.conversation_id) filter (where not c.settled))))
  from public.elevenlabs_conversations c
  where c.conversation_date >= p_day::timestamp at time zone 'UTC' and c.conversation_date < (p_day + 1)::timestamp at time zone 'UTC'
$$;

create function hourledger.stored_ids(p_source text, p_day date) returns table (id text)
  language sql stable as $$
  select c.id from public.calls c
  where p_source = 'twilio' and c.source = 'twilio'
    and c.call_date >= p_day::timestamp at time zone 'UTC' and c.call_date < (p_day + 1)::timestamp at time zone 'UTC'
  union all
  select c.conversation_id from public.elevenlabs_conversations c
  where p_source = 'elevenlabs'
    and c.conversation_date >= p_day::timestamp at time zone 'UTC' and c.conversation_date < (p_day + 1)::timestamp at time zone 'UTC'
$$;

create function hourledger.missing_ids(p_source text, p_day date, p_listed text[]) returns jsonb
  language sql stable as $$
  select case when p_listed is null then '{}' else jsonb_strip_nulls(jsonb_build_object(
    'missingHere', hourledger.named_ids(array(
      select id from unnest(p_listed) id except select s.id from hourledger.stored_ids(p_source, p_day) s order by 1)),
    'unknownThere', hourledger.named_ids(array(
      select s.id from hourledger.stored_ids(p_source, p_day) s except select id from unnest(p_listed) id order by 1)))) end
$$;

create function hourledger.compare_day(p_source text, p_day date, p_run_id text) returns jsonb
  language plpgsql as $$
declare
  v hourledger.day_figures := case p_source when 'twilio' then twilio_figures(p_day, p_run_id) else elevenlabs_figures(p_day, p_run_id) end;
  v_missing jsonb := missing_ids(p_source, p_day, listed_ids(p_source, p_day, p_run_id));
  v_rejected text[] := array(select coalesce(r.id, r.record_key) from rejected_records r
    where r.source = p_source and r.day = p_day order by 1);
  v_records bigint := v.provider_records - v.ledger_records;
  v_cost numeric := v.provider_cost - v.ledger_cost;
begin
  v.explanation := v.explanation || v_missing || jsonb_strip_nulls(jsonb_build_object('rejected', named_ids(v_rejected)));
  insert into sync_days as known
      (source, day, provider_records, provider_cost, ledger_records, ledger_cost, drift_records, drift_cost, drift_currency,
       drift_explanation, reconciled_at)
    values (p_source, p_day, v.provider_records, v.provider_cost, v.ledger_records, v.ledger_cost, v_records, v_cost, v.currency,
      v.explanation, now())
    on conflict (source, day) do update
      set provider_records = excluded.provider_records, provider_cost = excluded.provider_cost,
          ledger_records = excluded.ledger_records, ledger_cost = excluded.ledger_cost,
          drift_records = excluded.drift_records, drift_cost = excluded.drift_cost, drift_currency = excluded.drift_currency,
          drift_explanation = excluded.drift_explanation, reconciled_at = now();
  return jsonb_build_object('day', p_day,
    'drifts', v_records <> 0 or coalesce(v_cost, 0) <> 0 or v_missing <> '{}');
end
$$;

create function public.compare_days(p_source text, p_days date[], p_run_id text) returns jsonb
  language sql volatile set search_path = hourledger, public, pg_temp set jit = off as $$
  select coalesce(jsonb_agg(c ->> 'day' order by c ->> 'day') filter (where (c ->> 'drifts')::boolean), '[]')
  from (select compare_day(p_source, d, p_run_id) as c from unnest(p_days) d order by d) compared
$$;
comment on function public.compare_days is 'Writes down how days stand against what the provider told this run. Returns those that drift.';

create function public.read_reconciliation(p_source text, p_from date, p_to date, p_after date, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
      'source', source, 'day', day, 'providerRecords', provider_records, 'ledgerRecords', ledger_records,
      'driftRecords', drift_records, 'providerCost', provider_cost::text, 'ledgerCost', ledger_cost::text,
      'driftCost', drift_cost::text, 'currency', drift_currency, 'explanation', drift_explanation,
      'reconciledAt', instant_text(reconciled_at)) order by day), '[]')
  from (
    select * from sync_days
    where source = p_source and day between p_from and p_to and reconciled_at is not null and (p_after is null or day > p_after)
    order by day limit p_limit
  ) d
$$;
comment on function public.read_reconciliation is 'How the days of a range stood when they were reconciled last; p_limit of them behind p_after. Money as text.';
