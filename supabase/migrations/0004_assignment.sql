-- Which workspace a record belongs to: a function of facts (addresses, mapping, matches), never of what an earlier
-- pass stored. The set-returning functions here are plain SQL, so that Postgres inlines them into the set-based
-- statements that use them.

create function hourledger.hour_of(instant timestamptz) returns timestamptz
  language sql stable parallel safe
  return date_bin(interval '1 hour', instant, timestamptz '2000-01-01 00:00:00+00');

create function hourledger.day_of(instant timestamptz) returns date
  language sql stable parallel safe
  return (instant at time zone 'UTC')::date;

-- The calls whose workspace the caller's number decides, and which a transfer may belong to.
create function hourledger.is_leg_to_lead(direction text) returns boolean
  language sql immutable parallel safe
  return coalesce(direction in ('outbound-api', 'trunking-terminating'), false);

create function hourledger.owner_of(digits text, at timestamptz) returns table (workspace_id integer, phone_id bigint)
  language sql stable rows 1 as $$
  select p.workspace_id, p.id
  from public.workspace_phones p
  where p.digits = owner_of.digits
    and not p.in_conflict
    and (p.valid_from is null or p.valid_from <= owner_of.at)
    and (p.valid_to is null or owner_of.at < p.valid_to)
$$;

-- The call that a transfer belongs to: of all stored calls of the account to the lead, the one that ended nearest to
-- the transfer's end; of two equally near ones the earlier, then the one with the smaller SID.
create function hourledger.match_of(account_sid text, lead_digits text, ended timestamptz)
  returns table (id text, from_digits text, call_date timestamptz)
  language sql stable rows 1 as $$
  select m.id, m.from_digits, m.call_date
  from (
    (select c.id, c.from_digits, c.call_date, coalesce(c.end_date, c.call_date) as ended
     from public.calls c
     where match_of.lead_digits is not null
       and c.direction in ('outbound-api', 'trunking-terminating') and c.to_digits is not null and c.source = 'twilio'
       and coalesce(c.account_sid, '') = coalesce(match_of.account_sid, '') and c.to_digits = match_of.lead_digits
       and coalesce(c.end_date, c.call_date) <= match_of.ended
     order by coalesce(c.end_date, c.call_date) desc, c.id
     limit 1)
    union all
    (select c.id, c.from_digits, c.call_date, coalesce(c.end_date, c.call_date)
     from public.calls c
     where match_of.lead_digits is not null
       and c.direction in ('outbound-api', 'trunking-terminating') and c.to_digits is not null and c.source = 'twilio'
       and coalesce(c.account_sid, '') = coalesce(match_of.account_sid, '') and c.to_digits = match_of.lead_digits
       and coalesce(c.end_date, c.call_date) > match_of.ended
     order by coalesce(c.end_date, c.call_date), c.id
     limit 1)
  ) m
  order by abs(extract(epoch from m.ended - match_of.ended)), m.ended, m.id
  limit 1
$$;

-- What decides a call's workspace, of itself.
create type hourledger.call_facts as (
  id text, direction text, account_sid text, from_digits text, to_digits text, call_date timestamptz, ended timestamptz);

-- The call that a transfer belongs to, and whose it is.
create type hourledger.call_match as (id text, workspace_id integer);

-- What each call's own facts decide. workspace_id is null where they decide nothing, and the parent call is asked. For
-- many calls at once, so that Postgres reads the mapping once for all of them where that is cheaper. A match is looked up
-- for each transfer by itself, and for nothing else: joined by id, one that believes in ten records compares every
-- transfer with every call.
create function hourledger.decide_calls(facts hourledger.call_facts[])
  returns table (id text, workspace_id integer, classification text)
  language sql stable as $$
  with calls as materialized (
    select f.*, case when f.direction in ('inbound', 'trunking-originating') then f.to_digits else f.from_digits end as own_digits,
      case when f.direction = 'trunking-originating' and f.from_digits is not null then (
        select (m.id, (select o.workspace_id from hourledger.owner_of(m.from_digits, m.call_date) o))::hourledger.call_match
        from hourledger.match_of(f.account_sid, f.from_digits, f.ended) m
      ) end as match
    from unnest(decide_calls.facts) f
  )
  select c.id,
    case
      when hourledger.is_leg_to_lead(c.direction) then coalesce(own.workspace_id, settings.default_workspace_id)
      when (c.match).id is not null then coalesce((c.match).workspace_id, settings.default_workspace_id)
      else own.workspace_id
    end,
    case
      when (c.match).id is not null then 'transfer'
      when own.workspace_id is null then 'default'
      when c.direction in ('inbound', 'trunking-originating') then 'to-number'
      else 'from-number'
    end
  from calls c
  left join public.workspace_phones own on own.digits = c.own_digits and not own.in_conflict
    and (own.valid_from is null or own.valid_from <= c.call_date) and (own.valid_to is null or c.call_date < own.valid_to)
  cross join (select default_workspace_id from public.settings) settings
$$;

-- The workspaces of stored calls, with the parents' facts where a call's own decide nothing. A chain of parents that
-- meets itself, or whose next call is not stored, ends in the default. has_moved: it is stored otherwise.
create function hourledger.assign_calls(ids text[])
  returns table (id text, workspace_id integer, classification text, has_moved boolean)
  language sql stable as $$
  with recursive stored as materialized (
    select c.id, c.workspace_id, c.classification, c.parent_call_sid,
      (c.id, c.direction, c.account_sid, c.from_digits, c.to_digits, c.call_date, coalesce(c.end_date, c.call_date))::hourledger.call_facts as facts
    from public.calls c
    where c.id = any (assign_calls.ids) and c.source = 'twilio'
  ),
  own as materialized (
    select s.id, s.parent_call_sid, s.workspace_id as stored_workspace_id, s.classification as stored_classification,
      d.workspace_id, d.classification
    from stored s
    join hourledger.decide_calls((select array_agg(s.facts) from stored s)) d on d.id = s.id
  ),
  chain as (
    select own.id as start_id, own.parent_call_sid, null::integer as workspace_id, 'default' as classification,
      array[own.id] as path
    from own
    where own.workspace_id is null and own.parent_call_sid is not null
    union all
    select k.start_id, p.parent_call_sid, d.workspace_id,
      case when d.classification = 'default' then 'default' else 'parent' end, k.path || p.id
    from chain k
    join public.calls p on p.id = k.parent_call_sid and p.source = 'twilio'
    cross join lateral hourledger.decide_calls(array[
      (p.id, p.direction, p.account_sid, p.from_digits, p.to_digits, p.call_date, coalesce(p.end_date, p.call_date))::hourledger.call_facts]) d
    where k.workspace_id is null and p.id <> all (k.path)
  ),
  assigned as (
    select own.id, own.stored_workspace_id, own.stored_classification,
      coalesce(own.workspace_id, k.workspace_id, (select default_workspace_id from public.settings)) as workspace_id,
      coalesce(k.classification, case when own.workspace_id is not null then own.classification end, 'default') as classification
    from own left join chain k on k.start_id = own.id and k.workspace_id is not null
  )
  select a.id, a.workspace_id, a.classification,
    (a.workspace_id, a.classification) is distinct from (a.stored_workspace_id, a.stored_classification)
  from assigned a
$$;

-- What decides a conversation's workspace, of itself.
create type hourledger.conversation_facts as (id text, agent_digits text, agent_id text, conversation_date timestamptz);

-- What each conversation's own facts decide; null where the call that carried it is asked.
create function hourledger.decide_conversations(facts hourledger.conversation_facts[])
  returns table (id text, workspace_id integer, classification text)
  language sql stable as $$
  select f.id, coalesce(own.workspace_id, agent.workspace_id),
    case when own.workspace_id is not null then 'agent-number' when agent.workspace_id is not null then 'agent' else 'default' end
  from unnest(decide_conversations.facts) f
  left join public.workspace_phones own on own.digits = f.agent_digits and not own.in_conflict
    and (own.valid_from is null or own.valid_from <= f.conversation_date)
    and (own.valid_to is null or f.conversation_date < own.valid_to)
  left join public.workspace_agents agent on agent.agent_id = f.agent_id
$$;

create function hourledger.assign_conversations(ids text[])
  returns table (id text, workspace_id integer, classification text, has_moved boolean)
  language sql stable as $$
  with stored as materialized (
    select c.conversation_id as id, c.workspace_id, c.classification, c.call_sid,
      (c.conversation_id, c.agent_digits, c.agent_id, c.conversation_date)::hourledger.conversation_facts as facts
    from public.elevenlabs_conversations c
    where c.conversation_id = any (assign_conversations.ids)
  ),
  own as materialized (
    select s.call_sid, d.*
    from hourledger.decide_conversations((select array_agg(s.facts) from stored s)) d join stored s on s.id = d.id
  ),
  assigned as (
    select own.id,
      coalesce(own.workspace_id, carrier.workspace_id, (select default_workspace_id from public.settings)) as workspace_id,
      case
        when own.workspace_id is not null then own.classification
        when carrier.classification <> 'default' then 'call'
        else 'default'
      end as classification
    from own
    left join hourledger.assign_calls(
      (select array_agg(o.call_sid) from own o where o.workspace_id is null and o.call_sid is not null)
    ) carrier on carrier.id = own.call_sid and own.workspace_id is null
  )
  select a.id, a.workspace_id, a.classification,
    (a.workspace_id, a.classification) is distinct from (s.workspace_id, s.classification)
  from assigned a join stored s on s.id = a.id
$$;
