-- Looking up records, and why they belong where they do. The explanation walks with the functions that assign (0004):
-- decide_calls, match_of, owner_of, decide_conversations. What they say is what is said here.

-- Numbers of the other side, as people type them.
create index conversations_external_number on public.elevenlabs_conversations (hourledger.digits_of(external_number), conversation_date)
  where hourledger.digits_of(external_number) is not null;

-- Whose a number was at an instant, in words, with the row of the mapping.
create function hourledger.explain_owner(p_digits text, p_at timestamptz) returns jsonb
  language sql stable as $$
  select jsonb_build_object(
    'workspaceId', o.workspace_id,
    'phone', case when p.id is not null then jsonb_build_object(
      'phoneNumber', p.phone_number, 'workspaceId', p.workspace_id,
      'validFrom', hourledger.instant_text(p.valid_from), 'validTo', hourledger.instant_text(p.valid_to)) end,
    'why', case
      when p.id is not null then format('%s belongs to %s %s', p.phone_number, hourledger.workspace_text(p.workspace_id),
        hourledger.range_text(p.valid_from, p.valid_to))
      when p_digits is null then 'there is no number'
      when exists (select from public.workspace_phones c where c.digits = p_digits and c.in_conflict)
        then format('+%s is in conflict between workspaces and maps nothing', p_digits)
      else format('nobody owned +%s at %s', p_digits, hourledger.instant_text(p_at))
    end)
  from (select) once
  left join lateral hourledger.owner_of(p_digits, p_at) o on true
  left join public.workspace_phones p on p.id = o.phone_id
$$;

-- What one call's own facts decide, and by what: decide_calls' answer with the rows behind it.
create function hourledger.explain_own_facts(p_call public.calls, p_classification text) returns jsonb
  language plpgsql stable as $$
declare
  v_ended timestamptz := coalesce(p_call.end_date, p_call.call_date);
  v_is_by_to boolean := p_call.direction in ('inbound', 'trunking-originating');
  v_match record;
  v_match_ended timestamptz;
  v_owner jsonb;
begin
  if p_classification = 'transfer' then
    select m.* into v_match from match_of(p_call.account_sid, p_call.from_digits, v_ended) m;
    select coalesce(end_date, call_date) into v_match_ended from calls where id = v_match.id;
    v_owner := explain_owner(v_match.from_digits, v_match.call_date);
    return jsonb_build_object('phone', v_owner -> 'phone', 'matchedCall', v_match.id, 'why', format(
      'of all calls to the lead +%s, %s ended nearest in time (%s; this one %s), and %s%s', p_call.from_digits, v_match.id,
      instant_text(v_match_ended), instant_text(v_ended), v_owner ->> 'why',
      case when v_owner ->> 'workspaceId' is null then ': the default workspace' else '' end));
  end if;
  v_owner := explain_owner(case when v_is_by_to then p_call.to_digits else p_call.from_digits end, p_call.call_date);
  return jsonb_build_object('phone', v_owner -> 'phone', 'matchedCall', null, 'why', format('%s %s', case
    when v_is_by_to then format('called %s:', coalesce(p_call.phone_to, 'nobody'))
    else format('called from %s:', coalesce(p_call.phone_from, 'nowhere')) end, v_owner ->> 'why'));
end
$$;

-- Why a stored call belongs where it does: the walk of assign_calls, one call after the other, with what each decides.
create function hourledger.explain_call(p_id text) returns jsonb
  language plpgsql stable as $$
declare
  v_call calls;
  v_first text;
  v_own record;
  v_facts jsonb;
  v_path text[] := '{}';
  v_next text := p_id;
  v_end text;
  v_why text;
begin
  loop
    select c.* into v_call from calls c where c.id = v_next and c.source = 'twilio';
    if not found then
      v_end := format('%s is not stored', v_next);
      exit;
    end if;
    v_path := v_path || v_next;
    select d.workspace_id, d.classification into v_own
      from decide_calls(array[(v_call.id, v_call.direction, v_call.account_sid, v_call.from_digits, v_call.to_digits,
        v_call.call_date, coalesce(v_call.end_date, v_call.call_date))::call_facts]) d;
    v_facts := explain_own_facts(v_call, v_own.classification);
    v_first := coalesce(v_first, v_facts ->> 'why');
    exit when v_own.workspace_id is not null;
    v_next := v_call.parent_call_sid;
    if v_next is null then
      v_end := case when cardinality(v_path) = 1 then 'it has no parent' else format('%s has no parent', v_path[cardinality(v_path)]) end;
    elsif v_next = any (v_path) then
      v_end := format('its parents meet themselves at %s', v_next);
    end if;
    exit when v_end is not null;
  end loop;
  if cardinality(v_path) = 0 then
    return jsonb_build_object('rule', 'default', 'workspaceId', (select default_workspace_id from settings), 'decidingCall', null,
      'parents', '[]'::jsonb, 'matchedCall', null, 'phone', null, 'why', v_end);
  end if;
  v_why := case
    when v_end is not null then format('%s; %s: the default workspace', v_first, v_end)
    when cardinality(v_path) = 1 and v_own.classification = 'default' then v_first || ': the default workspace'
    when cardinality(v_path) = 1 then v_first
    else format('%s; its parent %s decides: %s%s', v_first, v_path[cardinality(v_path)], v_facts ->> 'why',
      case when v_own.classification = 'default' then ': the default workspace' else '' end)
  end;
  return jsonb_build_object(
    'rule', case when v_end is not null or v_own.classification = 'default' then 'default'
      when cardinality(v_path) = 1 then v_own.classification else 'parent' end,
    'workspaceId', coalesce(v_own.workspace_id, (select default_workspace_id from settings)),
    'decidingCall', case when v_end is null then v_path[cardinality(v_path)] end,
    'parents', to_jsonb(v_path[2:]),
    'matchedCall', case when v_end is null then v_facts -> 'matchedCall' end,
    'phone', case when v_end is null then v_facts -> 'phone' end,
    'why', v_why);
end
$$;

create function hourledger.explain_conversation(p_id text) returns jsonb
  language plpgsql stable as $$
declare
  v_conversation elevenlabs_conversations;
  v_own record;
  v_owner jsonb;
  v_carrier jsonb;
  v_undecided text;
begin
  select * into strict v_conversation from elevenlabs_conversations where conversation_id = p_id;
  select d.workspace_id, d.classification into v_own
    from decide_conversations(array[(v_conversation.conversation_id, v_conversation.agent_digits, v_conversation.agent_id,
      v_conversation.conversation_date)::conversation_facts]) d;
  v_owner := explain_owner(v_conversation.agent_digits, v_conversation.conversation_date);
  if v_own.workspace_id is not null then
    return jsonb_build_object('rule', v_own.classification, 'workspaceId', v_own.workspace_id, 'decidingCall', null,
      'parents', '[]'::jsonb, 'matchedCall', null,
      'phone', case when v_own.classification = 'agent-number' then v_owner -> 'phone' end,
      'why', case when v_own.classification = 'agent-number' then format('its agent number %s', v_owner ->> 'why')
        else format('%s, and its agent %s belongs to %s',
          case when v_conversation.agent_digits is null then 'it has no agent number' else v_owner ->> 'why' end,
          v_conversation.agent_id, workspace_text(v_own.workspace_id)) end);
  end if;
  v_undecided := format('%s; %s',
    case when v_conversation.agent_digits is null then 'it has no agent number' else v_owner ->> 'why' end,
    case when v_conversation.agent_id is null then 'it has no agent' else format('agent %s belongs to nobody', v_conversation.agent_id) end);
  if v_conversation.call_sid is null then
    return jsonb_build_object('rule', 'default', 'workspaceId', (select default_workspace_id from settings), 'decidingCall', null,
      'parents', '[]'::jsonb, 'matchedCall', null, 'phone', null, 'why', v_undecided || '; no call carried it: the default workspace');
  end if;
  v_carrier := explain_call(v_conversation.call_sid);
  return v_carrier || jsonb_build_object(
    'rule', case when v_carrier ->> 'rule' = 'default' then 'default' else 'call' end,
    'why', case when v_carrier ->> 'decidingCall' is null and v_carrier -> 'parents' = '[]' and not exists
        (select from calls where id = v_conversation.call_sid and source = 'twilio')
      then format('%s; the call %s that carried it is not stored: the default workspace', v_undecided, v_conversation.call_sid)
      else format('%s; the call %s that carried it decides: %s', v_undecided, v_conversation.call_sid, v_carrier ->> 'why') end);
end
$$;

create function hourledger.describe_call(p_call public.calls) returns jsonb
  language plpgsql stable as $$
declare
  v_why jsonb;
begin
  v_why := case when p_call.source = 'twilio' then explain_call(p_call.id)
    else jsonb_build_object('rule', p_call.classification, 'workspaceId', p_call.workspace_id, 'why',
      'adopted from the system before: no rule assigns it, and no snapshot counts it') end;
  return jsonb_build_object('kind', 'call', 'id', p_call.id, 'date', instant_text(p_call.call_date), 'status', p_call.status,
    'direction', p_call.direction, 'from', p_call.phone_from, 'to', p_call.phone_to, 'seconds', p_call.duration,
    'cost', p_call.cost::text, 'currency', p_call.currency, 'workspaceId', p_call.workspace_id,
    'workspace', (select name from workspaces where id = p_call.workspace_id), 'rule', p_call.classification,
    'isPending', (p_call.workspace_id, p_call.classification) is distinct from ((v_why ->> 'workspaceId')::integer, v_why ->> 'rule'),
    'decision', v_why);
end
$$;

create function hourledger.describe_conversation(p_conversation public.elevenlabs_conversations) returns jsonb
  language plpgsql stable as $$
declare
  v_why jsonb := explain_conversation(p_conversation.conversation_id);
begin
  return jsonb_build_object('kind', 'conversation', 'id', p_conversation.conversation_id,
    'date', instant_text(p_conversation.conversation_date), 'status', p_conversation.status, 'direction', null,
    'from', p_conversation.external_number, 'to', p_conversation.agent_number, 'seconds', p_conversation.call_duration_secs,
    'cost', p_conversation.cost::text, 'currency', case when p_conversation.cost is not null then 'credits' end,
    'agentId', p_conversation.agent_id, 'callSid', p_conversation.call_sid, 'workspaceId', p_conversation.workspace_id,
    'workspace', (select name from workspaces where id = p_conversation.workspace_id), 'rule', p_conversation.classification,
    'isPending', (p_conversation.workspace_id, p_conversation.classification)
      is distinct from ((v_why ->> 'workspaceId')::integer, v_why ->> 'rule'),
    'decision', v_why);
end
$$;

-- The records that a number, a call's or a conversation's id leads to, newest first, behind (p_before, p_before_id).
-- Each branch has its own limit, so that an index ends it early.
create function hourledger.found_records(p_what text, p_digits text, p_before timestamptz, p_before_id text, p_limit integer)
  returns table (kind text, id text, date timestamptz)
  language sql stable as $$
  select distinct f.kind, f.id, f.date
  from (
    (select 'call' as kind, c.id, c.call_date as date from public.calls c
     where c.id = p_what and (p_before is null or (c.call_date, c.id) < (p_before, p_before_id)))
    union all
    (select 'call', c.id, c.call_date from public.calls c
     where c.from_digits = p_digits and (p_before is null or (c.call_date, c.id) < (p_before, p_before_id))
     order by c.call_date desc, c.id desc limit p_limit)
    union all
    (select 'call', c.id, c.call_date from public.calls c
     where c.to_digits = p_digits and c.direction in ('outbound-api', 'trunking-terminating')
       and (p_before is null or (c.call_date, c.id) < (p_before, p_before_id))
     order by c.call_date desc, c.id desc limit p_limit)
    union all
    (select 'call', c.id, c.call_date from public.calls c
     where c.to_digits = p_digits and coalesce(c.direction not in ('outbound-api', 'trunking-terminating'), true)
       and (p_before is null or (c.call_date, c.id) < (p_before, p_before_id))
     order by c.call_date desc, c.id desc limit p_limit)
    union all
    (select 'conversation', e.conversation_id, e.conversation_date from public.elevenlabs_conversations e
     where e.conversation_id = p_what and (p_before is null or (e.conversation_date, e.conversation_id) < (p_before, p_before_id)))
    union all
    (select 'conversation', e.conversation_id, e.conversation_date from public.elevenlabs_conversations e
     where e.call_sid = p_what and (p_before is null or (e.conversation_date, e.conversation_id) < (p_before, p_before_id))
     order by e.conversation_date desc, e.conversation_id desc limit p_limit)
    union all
    (select 'conversation', e.conversation_id, e.conversation_date from public.elevenlabs_conversations e
     where e.agent_digits = p_digits and (p_before is null or (e.conversation_date, e.conversation_id) < (p_before, p_before_id))
     order by e.conversation_date desc, e.conversation_id desc limit p_limit)
    union all
    (select 'conversation', e.conversation_id, e.conversation_date from public.elevenlabs_conversations e
     where hourledger.digits_of(e.external_number) = p_digits
       and (p_before is null or (e.conversation_date, e.conversation_id) < (p_before, p_before_id))
     order by e.conversation_date desc, e.conversation_id desc limit p_limit)
  ) f
  order by f.date desc, f.id desc
  limit p_limit
$$;

-- Plans for the number at hand: one with a million records is read by date, one with ten by itself.
create function public.find_records(p_what text, p_after text, p_limit integer) returns jsonb
  language plpgsql stable
  set search_path = hourledger, public, pg_temp set jit = off set plan_cache_mode = force_custom_plan as $$
declare
  v_count_max constant integer := 10000;
  v_what text := btrim(p_what);
  v_digits text := digits_of(v_what);
  v_before timestamptz;
  v_records jsonb;
  v_shown integer;
  v_found integer;
begin
  if coalesce(v_what, '') = '' then
    raise exception '"%" is nothing to look for. Give a number, a call''s SID or a conversation''s id.', p_what using errcode = '22023';
  end if;
  if p_after is not null then
    select coalesce((select call_date from calls where id = p_after),
      (select conversation_date from elevenlabs_conversations where conversation_id = p_after)) into v_before;
    if v_before is null then
      raise exception 'there is no record "%" to go on behind. Give the id of the last record that was shown.', p_after using errcode = '22023';
    end if;
  end if;
  select coalesce(jsonb_agg(case f.kind
      when 'call' then (select describe_call(c) from calls c where c.id = f.id)
      else (select describe_conversation(e) from elevenlabs_conversations e where e.conversation_id = f.id) end
    order by f.date desc, f.id desc), '[]'), count(*)
    into v_records, v_shown
    from found_records(v_what, v_digits, v_before, p_after, p_limit) f;
  select count(*) into v_found from found_records(v_what, v_digits, v_before, p_after, p_limit + v_count_max);
  return jsonb_build_object('what', v_what, 'records', v_records, 'more', v_found - v_shown,
    'isMoreExact', v_found < p_limit + v_count_max,
    'owners', (select coalesce(jsonb_agg(jsonb_build_object('phoneNumber', p.phone_number, 'workspaceId', p.workspace_id,
        'workspace', w.name, 'validFrom', instant_text(p.valid_from), 'validTo', instant_text(p.valid_to), 'inConflict', p.in_conflict)
        order by p.valid_from nulls first, p.id), '[]')
      from workspace_phones p join workspaces w on w.id = p.workspace_id where p.digits = v_digits),
    'rejected', (select coalesce(jsonb_agg(jsonb_build_object('source', r.source, 'id', r.id, 'day', r.day, 'reason', r.reason)), '[]')
      from rejected_records r where r.record_key = rejected_key(v_what)));
end
$$;
comment on function public.find_records is 'The records of a number, a call or a conversation, newest first, each with the rule and the facts that decided its workspace; p_limit of them behind the record p_after, and how many more there are. Money as text.';
