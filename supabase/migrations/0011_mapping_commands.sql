-- What the commands for the mapping and the settings read and change. A refusal is one line that names the value and
-- the remedy, and changes nothing. Lists come in pages, because an answer of Supabase's API is cut at 1,000 rows.

-- An instant as people read it: UTC, to the second unless there is more.
create function hourledger.instant_text(instant timestamptz) returns text
  language sql stable
  return regexp_replace(to_char(instant at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), '\.?0+$', '') || 'Z';

create function hourledger.range_text(valid_from timestamptz, valid_to timestamptz) returns text
  language sql stable
  return case
    when valid_from is null and valid_to is null then 'at all times'
    when valid_from is null then 'until ' || hourledger.instant_text(valid_to)
    when valid_to is null then 'from ' || hourledger.instant_text(valid_from) || ' on'
    else 'from ' || hourledger.instant_text(valid_from) || ' until ' || hourledger.instant_text(valid_to)
  end;

create function hourledger.workspace_text(p_id integer) returns text
  language sql stable
  return (select format('workspace %s (%s)', id, name) from public.workspaces where id = p_id);

create function hourledger.require_workspace(p_id integer, p_place text) returns void
  language plpgsql stable as $$
begin
  if not exists (select from public.workspaces where id = p_id) then
    raise exception '%there is no workspace %. See: hourledger workspaces list; add it with: hourledger workspaces add NAME --id %',
      p_place, coalesce(p_id::text, 'without a number'), coalesce(p_id::text, 'N') using errcode = '23503';
  end if;
end
$$;

create function public.list_workspaces(p_after integer, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
      'id', w.id, 'name', w.name,
      'numbers', (select count(*) from workspace_phones p where p.workspace_id = w.id),
      'agents', (select count(*) from workspace_agents a where a.workspace_id = w.id),
      'isDefault', w.id = (select default_workspace_id from settings)) order by w.id), '[]')
  from (select id, name from workspaces where p_after is null or id > p_after order by id limit p_limit) w
$$;
comment on function public.list_workspaces is 'Workspaces with how many numbers and agents they have; p_limit of them behind p_after.';

create function public.add_workspace(p_name text, p_id integer) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_name text := btrim(p_name);
  v_taken workspaces;
  v_added workspaces;
begin
  if coalesce(v_name, '') = '' then
    raise exception 'the name "%" is empty. Give the name that reports are to show.', p_name using errcode = '22023';
  end if;
  if p_id <= 0 then
    raise exception 'the number % cannot be a workspace''s. Give a whole number from 1 on, or none for the next free one.', p_id
      using errcode = '22023';
  end if;
  -- Two commands at once would otherwise choose the same free number.
  lock table workspaces in share row exclusive mode;
  select * into v_taken from workspaces where id = p_id or lower(name) = lower(v_name) order by id limit 1;
  if v_taken.id = p_id then
    raise exception 'there is a % already. Give another number, or none for the next free one.', workspace_text(v_taken.id)
      using errcode = '23505';
  elsif found then
    raise exception 'there is a % already. Give another name.', workspace_text(v_taken.id) using errcode = '23505';
  end if;
  insert into workspaces (id, name) values (coalesce(p_id, next_workspace_id()), v_name) returning * into v_added;
  return jsonb_build_object('id', v_added.id, 'name', v_added.name);
end
$$;
comment on function public.add_workspace is 'Adds a workspace; the next free number where none is given.';

create function public.list_phones(p_workspace integer, p_after jsonb, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
      'key', jsonb_build_object('workspaceId', l.workspace_id, 'digits', l.digits, 'id', l.id),
      'phoneNumber', l.phone_number, 'workspaceId', l.workspace_id, 'workspace', l.name, 'isPrimary', l.is_primary,
      'validFrom', instant_text(l.valid_from), 'validTo', instant_text(l.valid_to), 'inConflict', l.in_conflict)
    order by l.workspace_id, l.digits, l.id), '[]')
  from (
    select p.*, w.name from workspace_phones p join workspaces w on w.id = p.workspace_id
    where (p_workspace is null or p.workspace_id = p_workspace)
      and (p_after is null or (p.workspace_id, p.digits, p.id)
        > ((p_after ->> 'workspaceId')::integer, p_after ->> 'digits', (p_after ->> 'id')::bigint))
    order by p.workspace_id, p.digits, p.id
    limit p_limit
  ) l
$$;
comment on function public.list_phones is 'Numbers and whose they are; p_limit of them behind p_after, the key of a line.';

-- The first thing wrong with numbers to be added, by itself or beside what stands and what else is added.
create function hourledger.check_phones(p_rows jsonb) returns void
  language plpgsql stable as $$
declare
  v_bad record;
begin
  select case when r.line is null then '' else format('line %s: ', r.line) end as place, r.* into v_bad
  from jsonb_to_recordset(p_rows) r (line integer, "phoneNumber" text, "workspaceId" integer, "validFrom" timestamptz, "validTo" timestamptz)
  where hourledger.digits_of(r."phoneNumber") is null
    or not exists (select from public.workspaces w where w.id = r."workspaceId")
    or r."validFrom" >= r."validTo"
  order by r.line limit 1;
  if found then
    if hourledger.digits_of(v_bad."phoneNumber") is null then
      raise exception '%"%" is no phone number. Give its digits, with or without a plus, such as +12025550110.',
        v_bad.place, v_bad."phoneNumber" using errcode = '22023';
    end if;
    perform hourledger.require_workspace(v_bad."workspaceId", v_bad.place);
    raise exception '%valid_from % is not before valid_to %. Give the earlier instant as valid_from.', v_bad.place,
      hourledger.instant_text(v_bad."validFrom"), hourledger.instant_text(v_bad."validTo") using errcode = '22023';
  end if;
  with given as (
    select r.*, hourledger.digits_of(r."phoneNumber") as digits
    from jsonb_to_recordset(p_rows) r (line integer, "phoneNumber" text, "workspaceId" integer, "validFrom" timestamptz, "validTo" timestamptz)
  )
  select case when g.line is null then '' else format('line %s: ', g.line) end as place, g.*, o.* into v_bad
  from given g
  cross join lateral (
    select null::integer as other_line, p.workspace_id as other, p.valid_from, p.valid_to from public.workspace_phones p
    where p.digits = g.digits and not p.in_conflict
      and (p.workspace_id, p.valid_from, p.valid_to) is distinct from (g."workspaceId", g."validFrom", g."validTo")
    union all
    select e.line, e."workspaceId", e."validFrom", e."validTo" from given e where e.digits = g.digits and e.line < g.line
  ) o
  where tstzrange(o.valid_from, o.valid_to) && tstzrange(g."validFrom", g."validTo")
  order by g.line, o.other_line nulls first limit 1;
  if found then
    raise exception '%number % cannot be given to % %: it belongs to % %. %', v_bad.place, v_bad."phoneNumber",
      hourledger.workspace_text(v_bad."workspaceId"), hourledger.range_text(v_bad."validFrom", v_bad."validTo"),
      hourledger.workspace_text(v_bad.other),
      hourledger.range_text(v_bad.valid_from, v_bad.valid_to) || coalesce(' by line ' || v_bad.other_line, ''),
      case when v_bad.other_line is null
        then format('End that first: hourledger phones end %s --at INSTANT', v_bad."phoneNumber")
        else 'Keep one of the two, or bound both with valid_from and valid_to.' end
      using errcode = '23P01';
  end if;
end
$$;

create function public.import_phones(p_rows jsonb) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_rows_max constant integer := 20000;
  v_result jsonb;
begin
  if jsonb_array_length(p_rows) > v_rows_max then
    raise exception '% numbers are too many for one import. Split the file into parts of at most % lines.',
      jsonb_array_length(p_rows), v_rows_max using errcode = '22023';
  end if;
  -- Nobody changes the numbers between the check and the insert.
  lock table workspace_phones in share row exclusive mode;
  perform check_phones(p_rows);
  with given as (
    select r."phoneNumber" as phone_number, digits_of(r."phoneNumber") as digits, r."workspaceId" as workspace_id,
      coalesce(r."isPrimary", false) as is_primary, r."validFrom" as valid_from, r."validTo" as valid_to
    from jsonb_to_recordset(p_rows) r ("phoneNumber" text, "workspaceId" integer, "isPrimary" boolean, "validFrom" timestamptz, "validTo" timestamptz)
  ),
  known as (
    select p.id, g.is_primary, p.is_primary is distinct from g.is_primary as differs
    from given g join workspace_phones p on p.digits = g.digits and not p.in_conflict
      and (p.workspace_id, p.valid_from, p.valid_to) is not distinct from (g.workspace_id, g.valid_from, g.valid_to)
  ),
  updated as (
    update workspace_phones p set is_primary = known.is_primary from known where known.differs and p.id = known.id returning 1
  ),
  inserted as (
    insert into workspace_phones (phone_number, workspace_id, is_primary, valid_from, valid_to)
    select g.phone_number, g.workspace_id, g.is_primary, g.valid_from, g.valid_to
    from given g
    where not exists (select from workspace_phones p where p.digits = g.digits and not p.in_conflict
      and (p.workspace_id, p.valid_from, p.valid_to) is not distinct from (g.workspace_id, g.valid_from, g.valid_to))
    returning 1
  )
  select jsonb_build_object(
    'inserted', (select count(*) from inserted),
    'updated', (select count(*) from updated),
    'unchanged', (select count(*) from known where not differs))
  into v_result;
  return v_result;
end
$$;
comment on function public.import_phones is 'Adds numbers, all of them or none; those that stand so already are unchanged. Instants as text or null.';

create function public.end_phone(p_number text, p_at timestamptz) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_at timestamptz := coalesce(p_at, date_trunc('second', now()));
  v_digits text := digits_of(p_number);
  v_phone workspace_phones;
begin
  if v_digits is null then
    raise exception '"%" is no phone number. Give its digits, with or without a plus, such as +12025550110.', p_number
      using errcode = '22023';
  end if;
  select * into v_phone from workspace_phones p
    where p.digits = v_digits and not p.in_conflict
      and (p.valid_from is null or p.valid_from < v_at) and (p.valid_to is null or v_at <= p.valid_to)
    for update;
  if not found then
    raise exception 'number % belongs to no workspace just before %. See: hourledger phones list', p_number, instant_text(v_at)
      using errcode = '22023';
  end if;
  update workspace_phones set valid_to = v_at where id = v_phone.id and valid_to is distinct from v_at;
  return jsonb_build_object(
    'phoneNumber', v_phone.phone_number, 'workspaceId', v_phone.workspace_id,
    'workspace', (select name from workspaces where id = v_phone.workspace_id),
    'validFrom', instant_text(v_phone.valid_from), 'validTo', instant_text(v_at));
end
$$;
comment on function public.end_phone is 'Ends at p_at (null: now) the ownership that holds just before it.';

create function public.list_unmapped_numbers(p_after jsonb, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp set jit = off as $$
  select coalesce(jsonb_agg(jsonb_build_object(
      'phoneNumber', '+' || u.digits, 'records', u.records, 'calls', u.calls, 'conversations', u.conversations,
      'first', instant_text(u.first_date), 'last', instant_text(u.last_date), 'cost', u.cost::text,
      'key', jsonb_build_object('records', u.records, 'digits', u.digits)) order by u.records desc, u.digits), '[]')
  from (
    select n.*, n.calls + n.conversations as records from unmapped_numbers n
    where p_after is null or (- n.calls - n.conversations, n.digits) > (- (p_after ->> 'records')::bigint, p_after ->> 'digits')
    order by n.calls + n.conversations desc, n.digits
    limit p_limit
  ) u
$$;
comment on function public.list_unmapped_numbers is 'Numbers that had no owner for records, those with most records first; p_limit of them behind p_after, the key of a line.';

create function public.list_agents(p_workspace integer, p_after text, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
      'agentId', l.agent_id, 'workspaceId', l.workspace_id, 'workspace', l.name) order by l.agent_id), '[]')
  from (
    select a.agent_id, a.workspace_id, w.name from workspace_agents a join workspaces w on w.id = a.workspace_id
    where (p_workspace is null or a.workspace_id = p_workspace) and (p_after is null or a.agent_id > p_after)
    order by a.agent_id
    limit p_limit
  ) l
$$;
comment on function public.list_agents is 'ElevenLabs agents and whose they are; p_limit of them behind p_after.';

create function public.add_agent(p_agent_id text, p_workspace integer) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_agent_id text := btrim(p_agent_id);
  v_inserted boolean;
  v_owner integer;
begin
  if coalesce(v_agent_id, '') = '' then
    raise exception 'the agent "%" is empty. Give its id, as ElevenLabs shows it.', p_agent_id using errcode = '22023';
  end if;
  perform require_workspace(p_workspace, '');
  insert into workspace_agents (agent_id, workspace_id) values (v_agent_id, p_workspace) on conflict do nothing;
  v_inserted := found;
  select workspace_id into v_owner from workspace_agents where agent_id = v_agent_id;
  if v_owner is distinct from p_workspace then
    raise exception 'agent % belongs to % already. An agent has one workspace; this one keeps it.', v_agent_id, workspace_text(v_owner)
      using errcode = '23505';
  end if;
  return jsonb_build_object('agentId', v_agent_id, 'workspaceId', p_workspace,
    'workspace', (select name from workspaces where id = p_workspace), 'inserted', v_inserted);
end
$$;
comment on function public.add_agent is 'Gives an agent to a workspace; refuses one that another workspace has.';

create function public.read_settings() returns jsonb
  language sql stable set search_path = public, pg_temp as $$
  select to_jsonb(s) - 'only_row' from settings s
$$;
comment on function public.read_settings is 'The settings of the ledger.';

create function public.set_setting(p_key text, p_value text) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_before jsonb;
  v_value text := btrim(p_value);
begin
  select to_jsonb(s) - 'only_row' into strict v_before from settings s for update;
  if p_key = 'ledger_currency' then
    v_value := upper(v_value);
    if v_value !~ '^[A-Z]{3}$' or v_value = 'XXX' then
      raise exception 'ledger_currency cannot be "%". Give a currency code of three letters, such as USD.', p_value using errcode = '22023';
    end if;
    update settings set ledger_currency = v_value where ledger_currency <> v_value;
  elsif p_key = 'default_workspace_id' then
    if v_value !~ '^[1-9][0-9]{0,8}$' then
      raise exception 'default_workspace_id cannot be "%". Give the number of a workspace; see: hourledger workspaces list', p_value
        using errcode = '22023';
    end if;
    perform require_workspace(v_value::integer, 'default_workspace_id: ');
    update settings set default_workspace_id = v_value::integer where default_workspace_id <> v_value::integer;
  elsif p_key = 'lookback_days' then
    if v_value !~ '^[0-9]{1,3}$' or v_value::integer > 365 then
      raise exception 'lookback_days cannot be "%". Give a whole number of days from 0 to 365.', p_value using errcode = '22023';
    end if;
    update settings set lookback_days = v_value::integer where lookback_days <> v_value::integer;
  else
    raise exception 'there is no setting "%". The settings are ledger_currency, default_workspace_id and lookback_days.', p_key
      using errcode = '22023';
  end if;
  return jsonb_build_object('key', p_key, 'before', v_before -> p_key, 'value', (select to_jsonb(s) -> p_key from settings s));
end
$$;
comment on function public.set_setting is 'Changes one setting; what depends on it is drained anew.';

create function public.report_total(p_from date, p_to date, p_workspace integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp set jit = off as $$
  with costs as (
    select c.* from costs_of_days(p_from, p_to, p_workspace) c
  )
  select jsonb_build_object(
    'calls', coalesce(sum(total_calls), 0), 'conversations', coalesce(sum(total_conversations), 0),
    'callSeconds', coalesce(sum(call_seconds), 0), 'conversationSeconds', coalesce(sum(conversation_seconds), 0),
    'twilioCost', coalesce(sum(twilio_cost), 0)::text, 'elevenlabsCredits', coalesce(sum(elevenlabs_credits), 0)::text,
    'elevenlabsUsd', case when count(*) = count(elevenlabs_usd) then coalesce(sum(elevenlabs_usd), 0)::text end,
    'totalUsd', case when count(*) = count(total_usd) then coalesce(sum(total_usd), 0)::text end,
    'otherCosts', coalesce((
      select jsonb_object_agg(currency, total::text)
      from (
        select o.key as currency, sum(o.value::numeric) as total
        from costs cross join lateral jsonb_each_text(costs.other_costs) o group by o.key
      ) by_currency), '{}'))
  from costs
$$;
comment on function public.report_total is 'The same costs in one line over all workspaces and hours of the range. Money as text.';
