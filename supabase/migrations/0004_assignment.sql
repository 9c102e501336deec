-- Which workspace a record belongs to: a function of facts (addresses, mapping, matches), never of what an earlier
-- pass stored. The set-returning functions here are plain SQL, so that Postgres inlines them into the set-based
-- statements that use them.

create function hourledger.hour_of(instant timestamptz) returns timestamptz
  language sql stable parallel safe
  return date_trunc('hour', instant, 'UTC');

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

-- What a call's own facts decide. workspace_id is null where they decide nothing, and the parent call is asked.
create function hourledger.decide_call(
    direction text, account_sid text, from_digits text, to_digits text, call_date timestamptz, ended timestamptz)
  returns table (workspace_id integer, classification text)
  language sql stable rows 1 as $$
  select
    case
      when hourledger.is_leg_to_lead(decide_call.direction)
        then coalesce(own.workspace_id, (select default_workspace_id from public.settings))
      when match.id is not null
        then coalesce(
          (select o.workspace_id from hourledger.owner_of(match.from_digits, match.call_date) o),
          (select default_workspace_id from public.settings))
      else own.workspace_id
    end,
    case
      when match.id is not null then 'transfer'
      when own.workspace_id is null then 'default'
      when decide_call.direction in ('inbound', 'trunking-originating') then 'to-number'
      else 'from-number'
    end
  from (select) once
  left join lateral hourledger.owner_of(
    case when decide_call.direction in ('inbound', 'trunking-originating')
      then decide_call.to_digits else decide_call.from_digits end,
    decide_call.call_date) own on true
  left join lateral (
    select m.id, m.from_digits, m.call_date
    from hourledger.match_of(decide_call.account_sid,
      case when decide_call.direction = 'trunking-originating' then decide_call.from_digits end, decide_call.ended) m
  ) match on true
$$;

-- The workspaces of stored calls, with the parents' facts where a call's own decide nothing. A chain of parents that
-- meets itself, or whose next call is not stored, ends in the default.
create function hourledger.assign_calls(ids text[])
  returns table (id text, workspace_id integer, classification text)
  language sql stable as $$
  with recursive chain as (
    select c.id as start_id, c.id, d.workspace_id, d.classification, c.parent_call_sid, array[c.id] as path
    from public.calls c
    cross join lateral hourledger.decide_call(
      c.direction, c.account_sid, c.from_digits, c.to_digits, c.call_date, coalesce(c.end_date, c.call_date)) d
    where c.id = any (assign_calls.ids) and c.source = 'twilio'
    union all
    select k.start_id, p.id, d.workspace_id,
      case when d.classification = 'default' then 'default' else 'parent' end,
      p.parent_call_sid, k.path || p.id
    from chain k
    join public.calls p on p.id = k.parent_call_sid and p.source = 'twilio'
    cross join lateral hourledger.decide_call(
      p.direction, p.account_sid, p.from_digits, p.to_digits, p.call_date, coalesce(p.end_date, p.call_date)) d
    where k.workspace_id is null and p.id <> all (k.path)
  )
  select k.start_id,
    coalesce(max(k.workspace_id), (select default_workspace_id from public.settings)),
    coalesce(max(k.classification) filter (where k.workspace_id is not null), 'default')
  from chain k
  group by k.start_id
$$;

-- What a conversation's own facts decide; null where the call that carried it is asked.
create function hourledger.decide_conversation(agent_digits text, agent_id text, conversation_date timestamptz)
  returns table (workspace_id integer, classification text)
  language sql stable rows 1 as $$
  select coalesce(own.workspace_id, agent.workspace_id),
    case when own.workspace_id is not null then 'agent-number' when agent.workspace_id is not null then 'agent' else 'default' end
  from (select) once
  left join lateral hourledger.owner_of(decide_conversation.agent_digits, decide_conversation.conversation_date) own on true
  left join public.workspace_agents agent on agent.agent_id = decide_conversation.agent_id
$$;

create function hourledger.assign_conversations(ids text[])
  returns table (conversation_id text, workspace_id integer, classification text)
  language sql stable as $$
  with own as materialized (
    select c.conversation_id, c.call_sid, d.workspace_id, d.classification
    from public.elevenlabs_conversations c
    cross join lateral hourledger.decide_conversation(c.agent_digits, c.agent_id, c.conversation_date) d
    where c.conversation_id = any (assign_conversations.ids)
  )
  select own.conversation_id,
    coalesce(own.workspace_id, carrier.workspace_id, (select default_workspace_id from public.settings)),
    case
      when own.workspace_id is not null then own.classification
      when carrier.classification <> 'default' then 'call'
      else 'default'
    end
  from own
  left join lateral hourledger.assign_calls(
    (select array_agg(o.call_sid) from own o where o.workspace_id is null and o.call_sid is not null)
  ) carrier on carrier.id = own.call_sid and own.workspace_id is null
$$;
