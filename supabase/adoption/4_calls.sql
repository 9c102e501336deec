-- Adoption: calls. What raw_data says comes first, because it is the provider's own; a column is read where raw_data is
-- silent. raw_data is the JSON of the twilio SDK's typed object (camelCase); the API's own names are read too.

create temp table read_calls on commit drop as
  with old as (
    select o.ctid as place, to_jsonb(o) - 'raw_data' as col, o.raw_data is not null as has_raw,
      predecessor.object_of(to_jsonb(o.raw_data)) as raw
    from predecessor.calls o
  ),
  checked as (
    select place, col, has_raw, coalesce(col ->> 'source', 'twilio') as source, raw as any_raw,
      -- What an SDK object of another call says is no news of this one.
      case when coalesce(col ->> 'source', 'twilio') = 'twilio' and coalesce(raw ->> 'sid', col ->> 'id') = col ->> 'id' then raw end as raw
    from old
    offset 0
  ),
  texts as (
    select c.*,
      predecessor.first_text(raw ->> 'price') as raw_price,
      predecessor.first_text(raw ->> 'startTime', raw ->> 'start_time', raw ->> 'dateCreated', raw ->> 'date_created') as raw_started,
      predecessor.first_text(raw ->> 'endTime', raw ->> 'end_time') as raw_ended,
      predecessor.first_text(raw ->> 'duration') as raw_duration,
      predecessor.first_text(raw ->> 'priceUnit', raw ->> 'price_unit') as raw_unit
    from checked c
    offset 0
  ),
  figures as (
    select t.*,
      abs(predecessor.decimal_of(raw_price)) as exact_cost,
      abs(predecessor.decimal_of(col ->> 'cost')) as col_cost,
      predecessor.date_of(raw_started) as raw_date,
      predecessor.date_of(col ->> 'call_date') as col_date,
      predecessor.date_of(raw_ended) as end_date,
      predecessor.seconds_of(raw_duration) as exact_duration,
      predecessor.seconds_of(col ->> 'duration') as col_duration
    from texts t
    offset 0
  )
  select row_number() over (order by col ->> 'id') as position, place, col ->> 'id' as id, source, has_raw, raw is not null as has_read,
    (col ->> 'workspace_id')::bigint as workspace_id,
    predecessor.first_text(raw ->> 'direction') as direction,
    predecessor.first_text(raw ->> 'status', col ->> 'status') as status,
    predecessor.first_text(raw ->> 'from', col ->> 'phone_from') as phone_from,
    predecessor.first_text(raw ->> 'to', col ->> 'phone_to') as phone_to,
    coalesce(raw_date, col_date) as call_date,
    end_date,
    -- The system before wrote 0 for what the provider did not know: only raw_data can tell it from a true 0.
    coalesce(exact_duration, case when raw ? 'duration' then nullif(col_duration, 0) else col_duration end) as duration,
    coalesce(exact_cost, case when predecessor.decimal_of(any_raw #>> '{metadata,cost}') = 0 then col_cost else nullif(col_cost, 0) end) as cost,
    upper(raw_unit) as raw_currency,
    predecessor.first_text(raw ->> 'parentCallSid', raw ->> 'parent_call_sid') as parent_call_sid,
    predecessor.first_text(raw ->> 'accountSid', raw ->> 'account_sid') as account_sid,
    coalesce(predecessor.date_of(col ->> 'created_at'), now()) as fetched_at,
    exact_cost, col_cost, raw_date, col_date,
    case when has_raw and raw is null and source = 'twilio' then case when any_raw is null then 'it is no JSON object' else 'it is of call ' || (any_raw ->> 'sid') end
      when raw_price is not null and exact_cost is null then format('price "%s"', left(raw_price, 60))
      when raw_started is not null and raw_date is null then format('date "%s"', left(raw_started, 60))
      when raw_ended is not null and end_date is null then format('endTime "%s"', left(raw_ended, 60))
      when raw_duration is not null and exact_duration is null then format('duration "%s"', left(raw_duration, 60))
    end as unreadable,
    case when col ->> 'cost' is not null and col_cost is null then format('cost %s', col ->> 'cost')
      when col ->> 'duration' is not null and col_duration is null then format('duration %s', col ->> 'duration')
    end as impossible,
    case when coalesce(col ->> 'id', '') = '' then 'the record has no id'
      when coalesce(raw_date, col_date) is null then 'the record has no date'
    end as reason
  from figures;
create unique index on read_calls (position);
analyze read_calls;

-- Stores the calls of a range of positions. What the table refuses all the same is found by halving the range, and kept
-- as a rejected record.
create function predecessor.store_calls(p_from bigint, p_to bigint) returns void
  language plpgsql as $$
declare
  v_middle bigint := (p_from + p_to) / 2;
begin
  insert into public.calls (id, source, workspace_id, classification, direction, status, phone_from, phone_to, call_date, end_date,
      duration, cost, currency, parent_call_sid, account_sid, raw_data, fetched_at)
    select r.id, r.source,
      -- Nothing assigns a call that is none of Twilio's: it stays where it was.
      coalesce(case when r.source = 'elevenlabs' then w.id else d.workspace_id end, s.default_workspace_id),
      case when r.source = 'elevenlabs' then 'default' else d.classification end,
      r.direction, r.status, r.phone_from, r.phone_to, r.call_date, r.end_date, r.duration, r.cost,
      coalesce(r.raw_currency, case when r.cost is not null then s.ledger_currency end),
      r.parent_call_sid, r.account_sid, to_jsonb(o.raw_data), r.fetched_at
    from pg_temp.read_calls r
    join predecessor.calls o on o.ctid = r.place
    cross join public.settings s
    left join public.workspaces w on w.id = r.workspace_id
    join hourledger.decide_calls(array(
      select (c.id, c.direction, c.account_sid, hourledger.digits_of(c.phone_from), hourledger.digits_of(c.phone_to),
        c.call_date, coalesce(c.end_date, c.call_date))::hourledger.call_facts
      from pg_temp.read_calls c where c.reason is null and c.position between p_from and p_to)) d on d.id = r.id
    where r.reason is null and r.position between p_from and p_to
    order by r.id collate "C";
exception when data_exception or integrity_constraint_violation or program_limit_exceeded then
  if p_from >= p_to then
    update pg_temp.read_calls set reason = sqlerrm where position = p_from;
  else
    perform predecessor.store_calls(p_from, v_middle);
    perform predecessor.store_calls(v_middle + 1, p_to);
  end if;
end
$$;
select predecessor.store_calls(1, (select count(*) from read_calls));

insert into public.rejected_records (source, record_key, id, reason, raw_data, asked_at)
  select r.source, coalesce(hourledger.rejected_key(nullif(r.id, '')), md5(to_jsonb(o)::text)), left(nullif(r.id, ''), 1000), r.reason, to_jsonb(o)::text, now()
  from read_calls r join predecessor.calls o on o.ctid = r.place
  where r.reason is not null
  order by r.position;

-- A rejected row has its rejection for a finding, and no other.
insert into predecessor.findings
  select f.finding, 'calls', r.id, f.detail
  from read_calls r
  cross join lateral (values
    ('call-rejected', r.reason, r.reason is not null),
    ('call-of-elevenlabs', format('source elevenlabs, workspace %s', coalesce(r.workspace_id::text, 'none')), r.source = 'elevenlabs'),
    ('call-without-workspace', 'workspace_id was null', r.workspace_id is null and r.source = 'twilio'),
    ('call-without-raw-data', null, not r.has_raw),
    ('call-raw-data-unreadable', r.unreadable, r.unreadable is not null),
    ('call-cost-0-unknown', 'cost was 0, and raw_data does not say so', r.col_cost = 0 and r.cost is null),
    ('call-currency-assumed', null, r.raw_currency is null and r.cost is not null),
    ('call-cost-differs', format('the column has %s, raw_data %s', r.col_cost, r.exact_cost),
      not predecessor.same_but_rounded(r.exact_cost, r.col_cost)),
    ('call-hour-differs', format('the column has %s, raw_data %s', r.col_date, r.raw_date),
      date_trunc('hour', r.raw_date) <> date_trunc('hour', r.col_date)),
    ('call-value-impossible', r.impossible, r.impossible is not null)
  ) f (finding, detail, is_found)
  where f.is_found and (r.reason is null or f.finding like '%-rejected');
