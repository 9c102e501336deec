-- More commands for the mapping: credit rates, and what changes a workspace or an agent after it was added. A refusal is
-- one line that names the value and the remedy, and changes nothing.

-- Commands give texts, so that no price is a number on its way. A rate before all time or after it is none.
alter table public.credit_rates add constraint valid_from_is_an_instant check (isfinite(valid_from));

create function public.list_rates(p_after text, p_limit integer) returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp as $$
  select coalesce(jsonb_agg(jsonb_build_object(
      'validFrom', instant_text(r.valid_from), 'usdPerCredit', r.usd_per_credit::text) order by r.valid_from desc), '[]')
  from (
    select valid_from, usd_per_credit from credit_rates
    where p_after is null or valid_from < p_after::timestamptz
    order by valid_from desc
    limit p_limit
  ) r
$$;
comment on function public.list_rates is 'What a credit costs, the newest rate first; p_limit of them behind the instant p_after. Money as text.';

create function public.add_rate(p_usd_per_credit text, p_from timestamptz) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_text text := btrim(p_usd_per_credit);
  v_known numeric;
begin
  if v_text ~ '^-[0-9.]' then
    raise exception 'the rate "%" is negative. Give the US dollars that one credit costs, such as 0.00003.', p_usd_per_credit
      using errcode = '22023';
  end if;
  -- 40 digits are more than any price has, and keep a slip of the hand from filling the tables.
  if coalesce(v_text !~ '^[0-9]{1,20}(\.[0-9]{1,40})?$', true) then
    raise exception 'the rate "%" is no number. Give the US dollars that one credit costs in plain digits, such as 0.00003.',
      p_usd_per_credit using errcode = '22023';
  end if;
  if p_from is null or not isfinite(p_from) then
    raise exception 'the rate % has no first instant. Give one, such as: --from 2025-10-01T00:00:00Z', v_text using errcode = '22023';
  end if;
  insert into credit_rates (valid_from, usd_per_credit) values (p_from, v_text::numeric) on conflict do nothing;
  if found then
    return jsonb_build_object('validFrom', instant_text(p_from), 'usdPerCredit', v_text::numeric::text, 'inserted', true);
  end if;
  select usd_per_credit into v_known from credit_rates where valid_from = p_from;
  if v_known is distinct from v_text::numeric then
    raise exception 'a credit costs % US dollars from % on already. Remove that first with: hourledger rates remove --from %',
      v_known, instant_text(p_from), instant_text(p_from) using errcode = '23505';
  end if;
  return jsonb_build_object('validFrom', instant_text(p_from), 'usdPerCredit', v_known::text, 'inserted', false);
end
$$;
comment on function public.add_rate is 'Says what a credit costs from an instant on; refuses another rate for the same instant.';

create function public.remove_rate(p_from timestamptz) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_removed numeric;
begin
  delete from credit_rates where valid_from = p_from returning usd_per_credit into v_removed;
  if not found then
    raise exception 'no rate begins at %. See: hourledger rates list', coalesce(instant_text(p_from), 'no instant') using errcode = '22023';
  end if;
  return jsonb_build_object('validFrom', instant_text(p_from), 'usdPerCredit', v_removed::text);
end
$$;
comment on function public.remove_rate is 'Removes the rate that begins at an instant; the one before it holds on.';

create function public.remove_agent(p_agent_id text) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_removed workspace_agents;
begin
  delete from workspace_agents where agent_id = btrim(p_agent_id) returning * into v_removed;
  if not found then
    raise exception 'agent "%" belongs to no workspace. See: hourledger agents list', p_agent_id using errcode = '22023';
  end if;
  return jsonb_build_object('agentId', v_removed.agent_id, 'workspaceId', v_removed.workspace_id,
    'workspace', (select name from workspaces where id = v_removed.workspace_id));
end
$$;
comment on function public.remove_agent is 'Takes an agent from its workspace; its conversations are assigned anew.';

create function public.rename_workspace(p_id integer, p_name text) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_name text := btrim(p_name);
  v_taken integer;
  v_before text;
begin
  if coalesce(v_name, '') = '' then
    raise exception 'the name "%" is empty. Give the name that reports are to show.', p_name using errcode = '22023';
  end if;
  perform require_workspace(p_id, '');
  -- As when one is added: two commands at once would otherwise choose the same name.
  lock table workspaces in share row exclusive mode;
  select id into v_taken from workspaces where lower(name) = lower(v_name) and id <> p_id order by id limit 1;
  if found then
    raise exception 'there is a % already. Give another name.', workspace_text(v_taken) using errcode = '23505';
  end if;
  select name into v_before from workspaces where id = p_id;
  update workspaces set name = v_name where id = p_id and name <> v_name;
  return jsonb_build_object('id', p_id, 'name', v_name, 'before', v_before);
end
$$;
comment on function public.rename_workspace is 'Gives a workspace another name; refuses one that another workspace has.';

-- For deletes and merges: nobody refers to the workspace anew until the transaction ends, and who has done so is seen.
create function hourledger.hold_workspace(p_id integer, p_verb text) returns void
  language plpgsql as $$
begin
  perform require_workspace(p_id, '');
  perform from workspaces where id = p_id for update;
  if p_id = (select default_workspace_id from settings) then
    raise exception '% cannot be %: it is the default workspace, which gets the records that nothing assigns. Choose another one first: hourledger settings set default_workspace_id N',
      workspace_text(p_id), p_verb using errcode = '23503';
  end if;
end
$$;

create function public.delete_workspace(p_id integer) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_uses text;
  v_name text;
begin
  perform hold_workspace(p_id, 'deleted');
  select string_agg(use, ', ' order by place) into v_uses
  from (values
    (1, case when exists (select from calls where workspace_id = p_id) then 'calls' end),
    (2, case when exists (select from elevenlabs_conversations where workspace_id = p_id) then 'conversations' end),
    (3, (select count(*) || case count(*) when 1 then ' number' else ' numbers' end
         from workspace_phones where workspace_id = p_id having count(*) > 0)),
    (4, (select count(*) || case count(*) when 1 then ' agent' else ' agents' end
         from workspace_agents where workspace_id = p_id having count(*) > 0))
  ) uses (place, use);
  if v_uses is not null then
    raise exception '% cannot be deleted: it has %. Move all of it with: hourledger workspaces merge % --into N',
      workspace_text(p_id), v_uses, p_id using errcode = '23503';
  end if;
  if exists (select from twilio_snapshots where workspace_id = p_id) or exists (select from elevenlabs_snapshots where workspace_id = p_id) then
    raise exception '% cannot be deleted yet: its records have just moved, and its snapshots are still to be drained. Let a worker run, then try again.',
      workspace_text(p_id) using errcode = '23503';
  end if;
  delete from workspaces where id = p_id returning name into v_name;
  return jsonb_build_object('id', p_id, 'name', v_name);
end
$$;
comment on function public.delete_workspace is 'Deletes a workspace that has no records, numbers or agents; refuses any other one, saying what it has.';

-- Rows of the system before hourledger that no rule assigns: a merge looks for them in its workspace.
create index calls_adopted on public.calls (workspace_id) where source <> 'twilio';

-- Records that should have moved by now, and hours that should be gone, are noted once more. Nothing is noted while
-- there is dirt: what it asks for comes first.
create function hourledger.note_remains(p_workspace integer, p_limit integer) returns void
  language plpgsql as $$
begin
  if exists (select from dirty_keys where set_aside is null) or exists (select from dirty_hours where set_aside is null) then
    return;
  end if;
  perform add_dirty_records('calls', array_agg(id))
    from (select id from calls where workspace_id = p_workspace limit p_limit) remaining having count(*) > 0;
  perform add_dirty_records('conversations', array_agg(conversation_id))
    from (select conversation_id from elevenlabs_conversations where workspace_id = p_workspace limit p_limit) remaining having count(*) > 0;
  insert into dirty_hours (source, workspace_id, hour)
    (select 'twilio', workspace_id, snapshot_date from twilio_snapshots where workspace_id = p_workspace limit p_limit)
    union all
    (select 'elevenlabs', workspace_id, snapshot_date from elevenlabs_snapshots where workspace_id = p_workspace limit p_limit);
end
$$;

-- One bounded step of a merge. What decides over records is re-pointed, and the records follow by being drained, as they
-- do after any change of the mapping. The workspace goes when nothing refers to it any more. Stopped anywhere, the merge
-- is gone on with by asking for it again.
create function public.merge_workspaces(p_from integer, p_into integer, p_limit integer) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_count_max constant integer := 10000;
  v_numbers integer;
  v_agents integer;
  v_adopted integer;
  v_calls integer;
  v_conversations integer;
  v_snapshots integer;
  v_conflicts text[];
  v_is_merged boolean := false;
begin
  perform require_workspace(p_from, '');
  perform require_workspace(p_into, '--into: ');
  if p_from = p_into then
    raise exception '% cannot be merged into itself. Give another workspace; see: hourledger workspaces list', workspace_text(p_from)
      using errcode = '22023';
  end if;
  -- In the order of who adds numbers: the table, then the workspace.
  lock table workspace_phones in row exclusive mode;
  perform hold_workspace(p_from, 'merged');
  with moved as (
    update workspace_phones set workspace_id = p_into
      where id in (select id from workspace_phones where workspace_id = p_from order by id limit p_limit)
      returning phone_number, in_conflict
  )
  select count(*), coalesce(array_agg(phone_number order by phone_number) filter (where in_conflict), '{}')
    into v_numbers, v_conflicts from moved;
  update workspace_agents set workspace_id = p_into
    where agent_id in (select agent_id from workspace_agents where workspace_id = p_from order by agent_id limit p_limit);
  get diagnostics v_agents = row_count;
  update calls set workspace_id = p_into
    where id in (select id from calls where workspace_id = p_from and source <> 'twilio' limit p_limit);
  get diagnostics v_adopted = row_count;
  select count(*) into v_calls from (select from calls where workspace_id = p_from limit v_count_max) c;
  select count(*) into v_conversations from (select from elevenlabs_conversations where workspace_id = p_from limit v_count_max) c;
  select count(*) into v_snapshots from (
    (select from twilio_snapshots where workspace_id = p_from limit v_count_max)
    union all
    (select from elevenlabs_snapshots where workspace_id = p_from limit v_count_max)) s;
  if v_numbers + v_agents + v_adopted = 0 then
    if v_calls + v_conversations + v_snapshots = 0 then
      delete from workspaces where id = p_from;
      v_is_merged := true;
    else
      perform note_remains(p_from, 1000);
    end if;
  end if;
  return jsonb_build_object('numbers', v_numbers, 'agents', v_agents, 'adopted', v_adopted, 'conflicts', to_jsonb(v_conflicts),
    'left', v_calls + v_conversations + v_snapshots, 'merged', v_is_merged);
end
$$;
comment on function public.merge_workspaces is 'One step of a merge: re-points up to p_limit numbers and agents, or deletes the workspace once all has left it. To be repeated, with drains between, until it says merged.';
