-- Dirt: what a change of raw rows, mapping or settings made stale. It is written in the transaction of the change, by
-- whoever makes it, a person in psql included, and only ever appended, so that writers never wait for each other. The
-- drain of 0007 takes it away.

create table hourledger.dirty_hours (
  id bigint generated always as identity primary key,
  source text not null,
  workspace_id integer not null,
  hour timestamptz not null,
  set_aside text
);
create index dirty_hours_hour on hourledger.dirty_hours (hour, id) where set_aside is null;
comment on table hourledger.dirty_hours is 'Hours to be recomputed from their raw rows.';
comment on column hourledger.dirty_hours.set_aside is 'Why the hour could not be recomputed; it waits for a person.';

create table hourledger.dirty_keys (
  id bigint generated always as identity primary key,
  kind text not null check (kind in
    ('calls', 'conversations', 'inserted-calls', 'inserted-leads', 'leads', 'children', 'carried', 'from-number', 'to-number',
     'agent-number', 'agent', 'default', 'currency')),
  keys text[] not null,
  after_key text not null default '',
  set_aside text
);
-- External: no time is spent on compressing what is read once.
alter table hourledger.dirty_keys alter column keys set storage external;
comment on table hourledger.dirty_keys is 'Records, and what records depend on, to be assigned again.';
comment on column hourledger.dirty_keys.kind is 'calls and conversations: ids of records. Others: what leads to the records that depend on it; inserted-calls and inserted-leads to those of many calls at once.';
comment on column hourledger.dirty_keys.after_key is 'How far a key with many dependants has been followed.';
comment on column hourledger.dirty_keys.set_aside is 'Why the records could not be assigned; they wait for a person.';

-- One row of dirt holds at most this many ids or keys, so that a drain can bound what it takes.
create function hourledger.add_dirty_records(p_kind text, p_ids text[]) returns void
  language sql volatile
  begin atomic
    insert into hourledger.dirty_keys (kind, keys)
    select p_kind, p_ids[g : g + 999] from generate_series(1, cardinality(p_ids), 1000) g;
  end;

-- A lead: the account and the digits, in one key.
create function hourledger.lead_key(account_sid text, digits text) returns text
  language sql immutable parallel safe
  return coalesce(account_sid, '') || '/' || digits;

-- What is decided under a lock is read in a later statement than the one that waits for it. Where a transaction has one
-- snapshot from its start to its end, it would be older than the lock, and sums would be wrong in silence.
create function hourledger.require_read_committed() returns void
  language plpgsql stable as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'hourledger needs the isolation level "read committed", and this transaction has "%". Remedy: alter database % set default_transaction_isolation to ''read committed''',
      current_setting('transaction_isolation'), quote_ident(current_database());
  end if;
end
$$;

-- Keeps the mapping as it is until the transaction ends, where that takes no waiting. What is decided by the mapping alone
-- in a later statement then stays right: a change of it comes afterwards, and finds what was written. Without the lock
-- (somebody is changing the mapping just now) what is written is looked at again after its commit.
create function hourledger.hold_mapping() returns void
  language sql volatile
  begin atomic
    select set_config('hourledger.mapping_is_held',
      pg_try_advisory_xact_lock_shared(hashtextextended('hourledger mapping', 0))::text, true);
  end;

-- From here on, what this transaction inserts was not decided by the mapping that it holds.
create function hourledger.let_go_of_mapping() returns void
  language sql volatile
  begin atomic
    select set_config('hourledger.mapping_is_held', 'false', true);
  end;

create function hourledger.mapping_is_held() returns boolean
  language sql stable
  return coalesce(current_setting('hourledger.mapping_is_held', true), '') = 'true';

-- Whoever changes the mapping waits for those who hold it.
create function hourledger.lock_mapping() returns void
  language sql volatile
  begin atomic
    select pg_advisory_xact_lock(hashtextextended('hourledger mapping', 0));
  end;

-- Of calls that a merge has decided while it held the mapping, only those are assigned again that depend on another call,
-- which may be in a merge that nobody sees yet: transfers, and children that nothing of their own decides.
create function hourledger.note_inserted_calls() returns trigger language plpgsql as $$
declare
  v_ids text[];
  v_depending text[];
  v_leads text[];
begin
  insert into hourledger.dirty_hours (source, workspace_id, hour)
    select distinct 'twilio', workspace_id, hourledger.hour_of(call_date) from new_rows where source = 'twilio';
  if not hourledger.mapping_is_held() then
    perform hourledger.add_dirty_records('calls', array_agg(id)) from new_rows;
    return null;
  end if;
  select array_agg(id), array_agg(id) filter (where direction = 'trunking-originating'
      or (classification = 'default' and parent_call_sid is not null)),
    array_agg(hourledger.lead_key(account_sid, to_digits)) filter (where hourledger.is_leg_to_lead(direction) and to_digits is not null)
    into v_ids, v_depending, v_leads from new_rows;
  perform hourledger.add_dirty_records('calls', v_depending);
  perform hourledger.add_dirty_records('inserted-calls', v_ids);
  perform hourledger.add_dirty_records('inserted-leads', v_leads);
  return null;
end
$$;

-- Bookkeeping alone (tickets, fetched_at) makes nothing stale. Planned each time: a plan for any array compares every row
-- with every id, one by one, and for ten thousand of them that takes seconds.
create function hourledger.note_updated_calls() returns trigger
  language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
  v_changed text[];
  v_leads text[];
begin
  -- The leads are those that a call was to before, and is no more: its present one follows from the record. In one full
  -- join, which is never by nested loops: how many rows there are, the planner believes of the first update of a session.
  select array_agg(coalesce(o.id, n.id)),
    array_agg(distinct hourledger.lead_key(o.account_sid, o.to_digits)) filter (
      where hourledger.is_leg_to_lead(o.direction) and o.to_digits is not null
        and (o.direction, o.account_sid, o.to_digits) is distinct from (n.direction, n.account_sid, n.to_digits))
    into v_changed, v_leads
  from old_rows o full join new_rows n on n.id = o.id
  where (o.source, o.workspace_id, o.classification, o.call_date, o.end_date, o.duration, o.cost, o.currency, o.status,
         o.direction, o.phone_from, o.phone_to, o.parent_call_sid, o.account_sid)
    is distinct from
        (n.source, n.workspace_id, n.classification, n.call_date, n.end_date, n.duration, n.cost, n.currency, n.status,
         n.direction, n.phone_from, n.phone_to, n.parent_call_sid, n.account_sid);
  if v_changed is null then
    return null;
  end if;
  insert into hourledger.dirty_hours (source, workspace_id, hour)
    select 'twilio', workspace_id, hourledger.hour_of(call_date) from old_rows where source = 'twilio' and id = any (v_changed)
    union
    select 'twilio', workspace_id, hourledger.hour_of(call_date) from new_rows where source = 'twilio' and id = any (v_changed);
  perform hourledger.add_dirty_records('leads', v_leads);
  perform hourledger.add_dirty_records('calls', v_changed);
  return null;
end
$$;

create function hourledger.note_deleted_calls() returns trigger language plpgsql as $$
begin
  insert into hourledger.dirty_hours (source, workspace_id, hour)
    select distinct 'twilio', workspace_id, hourledger.hour_of(call_date) from old_rows where source = 'twilio';
  perform hourledger.add_dirty_records('leads', array_agg(distinct hourledger.lead_key(account_sid, to_digits)))
    from old_rows
    where hourledger.is_leg_to_lead(direction) and to_digits is not null;
  perform hourledger.add_dirty_records('calls', array_agg(id)) from old_rows;
  return null;
end
$$;

create trigger note_inserted after insert on public.calls
  referencing new table as new_rows for each statement execute function hourledger.note_inserted_calls();
create trigger note_updated after update on public.calls
  referencing old table as old_rows new table as new_rows for each statement execute function hourledger.note_updated_calls();
create trigger note_deleted after delete on public.calls
  referencing old table as old_rows for each statement execute function hourledger.note_deleted_calls();

create function hourledger.note_inserted_conversations() returns trigger language plpgsql as $$
begin
  insert into hourledger.dirty_hours (source, workspace_id, hour)
    select distinct 'elevenlabs', workspace_id, hourledger.hour_of(conversation_date) from new_rows;
  perform hourledger.add_dirty_records('conversations', array_agg(conversation_id)) from new_rows
    where not hourledger.mapping_is_held() or (classification = 'default' and call_sid is not null);
  return null;
end
$$;

create function hourledger.note_updated_conversations() returns trigger
  language plpgsql set plan_cache_mode = force_custom_plan as $$
declare
  v_changed text[];
begin
  select array_agg(coalesce(o.conversation_id, n.conversation_id)) into v_changed
  from old_rows o full join new_rows n on n.conversation_id = o.conversation_id
  where (o.workspace_id, o.conversation_date, o.call_duration_secs, o.cost, o.cost_fiat, o.llm_price, o.llm_charge,
         o.call_charge, o.free_minutes_consumed, o.free_llm_dollars_consumed, o.dev_discount, o.status, o.agent_id,
         o.agent_number, o.call_sid)
    is distinct from
        (n.workspace_id, n.conversation_date, n.call_duration_secs, n.cost, n.cost_fiat, n.llm_price, n.llm_charge,
         n.call_charge, n.free_minutes_consumed, n.free_llm_dollars_consumed, n.dev_discount, n.status, n.agent_id,
         n.agent_number, n.call_sid);
  if v_changed is null then
    return null;
  end if;
  insert into hourledger.dirty_hours (source, workspace_id, hour)
    select 'elevenlabs', workspace_id, hourledger.hour_of(conversation_date) from old_rows where conversation_id = any (v_changed)
    union
    select 'elevenlabs', workspace_id, hourledger.hour_of(conversation_date) from new_rows where conversation_id = any (v_changed);
  perform hourledger.add_dirty_records('conversations', v_changed);
  return null;
end
$$;

create function hourledger.note_deleted_conversations() returns trigger language plpgsql as $$
begin
  insert into hourledger.dirty_hours (source, workspace_id, hour)
    select distinct 'elevenlabs', workspace_id, hourledger.hour_of(conversation_date) from old_rows;
  return null;
end
$$;

create trigger note_inserted after insert on public.elevenlabs_conversations
  referencing new table as new_rows for each statement execute function hourledger.note_inserted_conversations();
create trigger note_updated after update on public.elevenlabs_conversations
  referencing old table as old_rows new table as new_rows for each statement execute function hourledger.note_updated_conversations();
create trigger note_deleted after delete on public.elevenlabs_conversations
  referencing old table as old_rows for each statement execute function hourledger.note_deleted_conversations();

create function hourledger.note_changed_phones() returns trigger language plpgsql as $$
begin
  perform hourledger.lock_mapping();
  insert into hourledger.dirty_keys (kind, keys)
    select kind, array[touched.digits]
    from (select digits from old_rows union select digits from new_rows) touched
    cross join unnest(array['from-number', 'to-number', 'agent-number']) kind;
  return null;
end
$$;

create function hourledger.note_inserted_phones() returns trigger language plpgsql as $$
begin
  perform hourledger.lock_mapping();
  insert into hourledger.dirty_keys (kind, keys)
    select kind, array[touched.digits]
    from (select distinct digits from touched_rows) touched
    cross join unnest(array['from-number', 'to-number', 'agent-number']) kind;
  return null;
end
$$;

create trigger note_inserted after insert on public.workspace_phones
  referencing new table as touched_rows for each statement execute function hourledger.note_inserted_phones();
create trigger note_updated after update on public.workspace_phones
  referencing old table as old_rows new table as new_rows for each statement execute function hourledger.note_changed_phones();
create trigger note_deleted after delete on public.workspace_phones
  referencing old table as touched_rows for each statement execute function hourledger.note_inserted_phones();

create function hourledger.note_touched_agent() returns trigger language plpgsql as $$
begin
  perform hourledger.lock_mapping();
  insert into hourledger.dirty_keys (kind, keys)
    select 'agent', array[touched.agent_id]
    from (select old.agent_id where tg_op <> 'INSERT' union select new.agent_id where tg_op <> 'DELETE') touched;
  return null;
end
$$;

create trigger note_touched after insert or update or delete on public.workspace_agents
  for each row execute function hourledger.note_touched_agent();

create function hourledger.note_changed_settings() returns trigger language plpgsql as $$
begin
  if new.default_workspace_id <> old.default_workspace_id then
    perform hourledger.lock_mapping();
    insert into hourledger.dirty_keys (kind, keys) values ('default', '{calls}'), ('default', '{conversations}');
  end if;
  if new.ledger_currency <> old.ledger_currency then
    -- Waits until the drains that sum in the old currency have committed; those that come wait for this change.
    perform pg_advisory_xact_lock(hashtextextended('hourledger currency', 0));
    insert into hourledger.dirty_keys (kind, keys) values ('currency', '{}');
  end if;
  return null;
end
$$;

create trigger note_changed after update on public.settings
  for each row execute function hourledger.note_changed_settings();

create function hourledger.refuse_truncate() returns trigger language plpgsql as $$
begin
  raise exception 'TRUNCATE of % would leave sums behind that no record supports. Use DELETE.', tg_table_name
    using errcode = '0A000';
end
$$;

create trigger refuse_truncate before truncate on public.calls execute function hourledger.refuse_truncate();
create trigger refuse_truncate before truncate on public.elevenlabs_conversations execute function hourledger.refuse_truncate();
create trigger refuse_truncate before truncate on public.twilio_snapshots execute function hourledger.refuse_truncate();
create trigger refuse_truncate before truncate on public.elevenlabs_snapshots execute function hourledger.refuse_truncate();
create trigger refuse_truncate before truncate on public.workspace_phones execute function hourledger.refuse_truncate();
create trigger refuse_truncate before truncate on public.workspace_agents execute function hourledger.refuse_truncate();

-- The foreign keys would refuse this too, but with an error that does not say what to do instead.
create function hourledger.refuse_workspace_in_use() returns trigger language plpgsql as $$
declare
  v_what text := case
    when exists (select from public.calls where workspace_id = old.id) then 'calls'
    when exists (select from public.elevenlabs_conversations where workspace_id = old.id) then 'conversations'
    when exists (select from public.workspace_phones where workspace_id = old.id) then 'numbers'
    when exists (select from public.workspace_agents where workspace_id = old.id) then 'agents'
    when exists (select from public.settings where default_workspace_id = old.id) then 'the records that nothing assigns'
  end;
begin
  if v_what is not null then
    raise exception 'workspace % has %: merge it into another one instead of deleting it', old.id, v_what
      using errcode = '23503';
  end if;
  return old;
end
$$;

create trigger refuse_in_use before delete on public.workspaces
  for each row execute function hourledger.refuse_workspace_in_use();
