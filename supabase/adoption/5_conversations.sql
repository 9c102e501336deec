-- Adoption: conversations, read like the calls. raw_data is the API's own JSON: the detail, or a line of the list, which
-- knows no cost.

create temp table read_conversations on commit drop as
  with old as (
    select o.ctid as place, to_jsonb(o) - 'raw_data' as col, o.raw_data is not null as has_raw,
      predecessor.object_of(to_jsonb(o.raw_data)) as raw
    from predecessor.elevenlabs_conversations o
  ),
  checked as (
    select place, col, has_raw, raw as any_raw, predecessor.first_text(col ->> 'conversation_id', raw ->> 'conversation_id') as id,
      case when coalesce(raw ->> 'conversation_id', col ->> 'conversation_id', '')
        = coalesce(col ->> 'conversation_id', raw ->> 'conversation_id', '') then raw end as raw
    from old
    offset 0
  ),
  parts as (
    select c.*, raw #> '{metadata,charging}' as charging, raw #> '{metadata,phone_call}' as phone_call,
      jsonb_typeof(raw -> 'metadata') = 'object' as is_detail,
      predecessor.first_text(raw #>> '{metadata,start_time_unix_secs}', raw ->> 'start_time_unix_secs') as raw_started,
      predecessor.first_text(raw #>> '{metadata,call_duration_secs}', raw ->> 'call_duration_secs') as raw_duration,
      predecessor.first_text(raw #>> '{metadata,cost}') as raw_cost,
      predecessor.first_text(raw #>> '{metadata,cost_fiat}') as raw_fiat
    from checked c
    offset 0
  ),
  figures as (
    select p.*,
      predecessor.decimal_of(raw_cost) as exact_cost,
      predecessor.decimal_of(col ->> 'cost') as col_cost,
      predecessor.unix_date_of(raw_started) as raw_date,
      predecessor.date_of(col ->> 'conversation_date') as col_date,
      predecessor.seconds_of(raw_duration) as exact_duration,
      predecessor.seconds_of(col ->> 'call_duration_secs') as col_duration
    from parts p
    offset 0
  )
  select row_number() over (order by id, place) as position, place, id, has_raw, coalesce(is_detail, false) as is_detail,
    (col ->> 'workspace_id')::bigint as workspace_id,
    predecessor.first_text(raw ->> 'agent_id', col ->> 'agent_id') as agent_id,
    predecessor.first_text(raw ->> 'status', col ->> 'status') as status,
    coalesce(raw_date, col_date) as conversation_date,
    coalesce(exact_duration, col_duration) as call_duration_secs,
    coalesce(exact_cost, nullif(col_cost, 0)) as cost,
    predecessor.decimal_of(raw_fiat) as cost_fiat,
    charge.*,
    predecessor.discount_of(charging ->> 'dev_discount', col ->> 'dev_discount', is_detail) as dev_discount,
    coalesce(nullif(charging -> 'llm_usage', 'null'), nullif(col -> 'llm_usage', 'null')) as llm_usage,
    predecessor.first_text(phone_call ->> 'agent_number', col ->> 'agent_number') as agent_number,
    predecessor.first_text(phone_call ->> 'external_number', col ->> 'external_number') as external_number,
    predecessor.first_text(phone_call ->> 'call_sid', col ->> 'call_sid') as call_sid,
    coalesce(predecessor.date_of(col ->> 'updated_at'), predecessor.date_of(col ->> 'created_at'), now()) as fetched_at,
    exact_cost, col_cost, raw_date, col_date,
    case when has_raw and raw is null then case when any_raw is null then 'it is no JSON object' else 'it is of conversation ' || (any_raw ->> 'conversation_id') end
      when raw_started is not null and raw_date is null then format('start_time_unix_secs "%s"', left(raw_started, 60))
      when raw_duration is not null and exact_duration is null then format('call_duration_secs "%s"', left(raw_duration, 60))
      when raw_cost is not null and exact_cost is null then format('cost "%s"', left(raw_cost, 60))
      when raw_fiat is not null and predecessor.decimal_of(raw_fiat) is null then format('cost_fiat "%s"', left(raw_fiat, 60))
      when has_raw and is_detail is not true and raw_started is null then 'it has no metadata'
    end as unreadable,
    case when col ->> 'cost' is not null and col_cost is null then format('cost %s', col ->> 'cost')
      when col ->> 'call_duration_secs' is not null and col_duration is null then format('call_duration_secs %s', col ->> 'call_duration_secs')
    end as impossible,
    case when id is null then 'the record has no id'
      when coalesce(raw_date, col_date) is null then 'the record has no date'
      when row_number() over (partition by id order by col ->> 'conversation_id' nulls last, place) > 1 then 'another row has the same conversation_id'
    end as reason
  from figures f
  cross join lateral (
    select
      predecessor.charge_of(f.charging, f.col, 'llm_price', f.is_detail) as llm_price,
      predecessor.charge_of(f.charging, f.col, 'llm_charge', f.is_detail) as llm_charge,
      predecessor.charge_of(f.charging, f.col, 'call_charge', f.is_detail) as call_charge,
      predecessor.charge_of(f.charging, f.col, 'free_minutes_consumed', f.is_detail) as free_minutes_consumed,
      predecessor.charge_of(f.charging, f.col, 'free_llm_dollars_consumed', f.is_detail) as free_llm_dollars_consumed
    offset 0
  ) charge;
create unique index on read_conversations (position);
analyze read_conversations;

create function predecessor.store_conversations(p_from bigint, p_to bigint) returns void
  language plpgsql as $$
declare
  v_middle bigint := (p_from + p_to) / 2;
begin
  insert into public.elevenlabs_conversations (conversation_id, workspace_id, classification, agent_id, status, conversation_date,
      call_duration_secs, cost, cost_fiat, llm_price, llm_charge, call_charge, free_minutes_consumed, free_llm_dollars_consumed,
      dev_discount, llm_usage, agent_number, external_number, call_sid, raw_data, fetched_at, ask_again)
    select r.id, coalesce(d.workspace_id, s.default_workspace_id), d.classification, r.agent_id, r.status, r.conversation_date,
      r.call_duration_secs, r.cost, r.cost_fiat, r.llm_price, r.llm_charge, r.call_charge, r.free_minutes_consumed,
      r.free_llm_dollars_consumed, r.dev_discount, r.llm_usage, r.agent_number, r.external_number, r.call_sid,
      to_jsonb(o.raw_data), r.fetched_at,
      -- Its figures are those of the columns, cut to four decimals: whoever lists the day asks for the detail.
      not r.is_detail
    from pg_temp.read_conversations r
    join predecessor.elevenlabs_conversations o on o.ctid = r.place
    cross join public.settings s
    join hourledger.decide_conversations(array(
      select (c.id, hourledger.digits_of(c.agent_number), c.agent_id, c.conversation_date)::hourledger.conversation_facts
      from pg_temp.read_conversations c where c.reason is null and c.position between p_from and p_to)) d on d.id = r.id
    where r.reason is null and r.position between p_from and p_to
    order by r.id collate "C";
exception when data_exception or integrity_constraint_violation or program_limit_exceeded then
  if p_from >= p_to then
    update pg_temp.read_conversations set reason = sqlerrm where position = p_from;
  else
    perform predecessor.store_conversations(p_from, v_middle);
    perform predecessor.store_conversations(v_middle + 1, p_to);
  end if;
end
$$;
select predecessor.store_conversations(1, (select count(*) from read_conversations));

insert into public.rejected_records as known (source, record_key, id, reason, raw_data, asked_at)
  select 'elevenlabs', coalesce(hourledger.rejected_key(r.id), md5(to_jsonb(o)::text)) as record_key, min(left(r.id, 1000)), min(r.reason),
    string_agg(to_jsonb(o)::text, E'\n' order by r.position), now()
  from read_conversations r join predecessor.elevenlabs_conversations o on o.ctid = r.place
  where r.reason is not null
  group by record_key
  order by record_key
  -- A row of calls with source elevenlabs may have been rejected under the same id.
  on conflict (source, record_key) do update set raw_data = known.raw_data || E'\n' || excluded.raw_data;

-- A rejected row has its rejection for a finding, and no other.
insert into predecessor.findings
  select f.finding, 'elevenlabs_conversations', r.id, f.detail
  from read_conversations r
  cross join lateral (values
    ('conversation-rejected', r.reason, r.reason is not null),
    ('conversation-without-workspace', 'workspace_id was null', r.workspace_id is null),
    ('conversation-without-raw-data', null, not r.has_raw),
    ('conversation-raw-data-unreadable', r.unreadable, r.unreadable is not null),
    ('conversation-cost-0-unknown', 'cost was 0, and raw_data does not say so', r.col_cost = 0 and r.cost is null),
    ('conversation-cost-differs', format('the column has %s, raw_data %s', r.col_cost, r.exact_cost),
      not predecessor.same_but_rounded(r.exact_cost, r.col_cost)),
    ('conversation-hour-differs', format('the column has %s, raw_data %s', r.col_date, r.raw_date),
      date_trunc('hour', r.raw_date) <> date_trunc('hour', r.col_date)),
    ('conversation-value-impossible', r.impossible, r.impossible is not null)
  ) f (finding, detail, is_found)
  where f.is_found and (r.reason is null or f.finding like '%-rejected');
