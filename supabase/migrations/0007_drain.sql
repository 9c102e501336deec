-- The drain: dirt is taken in bounded batches, records are assigned again, and whole hours are recomputed from their
-- raw rows. Taking dirt, and doing what it asks for, is one transaction: after a crash the dirt is there again. Rows
-- that another drain has taken are skipped, and count as left until that drain has committed.

-- Deadlocks, waits that took too long, a server short of memory or going down: no fault of the dirt, which is drained
-- by the next try. It is set aside only for what comes of the records themselves.
create function hourledger.will_pass(sqlstate text) returns boolean
  language sql immutable
  return sqlstate ~ '^(40|53|55|57|58)';

-- Assigns records again and writes those that move. What is written leaves dirt of its own, so that a write by an
-- outdated reading is looked at again after its commit.
create function hourledger.reassign_calls(p_ids text[]) returns integer
  language plpgsql as $$
declare
  v_moved text[];
  v_count integer;
begin
  select array_agg(a.id) into v_moved from assign_calls(p_ids) a where a.has_moved;
  if v_moved is null then
    return 0;
  end if;
  -- Lock first, read the facts in a later statement: an update that waited would keep what it had read before.
  perform from calls where id = any (v_moved) order by id for update;
  update calls c
    set workspace_id = a.workspace_id, classification = a.classification
    from assign_calls(v_moved) a
    where c.id = a.id and a.has_moved;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

create function hourledger.reassign_conversations(p_ids text[]) returns integer
  language plpgsql as $$
declare
  v_moved text[];
  v_count integer;
begin
  select array_agg(a.id) into v_moved from assign_conversations(p_ids) a where a.has_moved;
  if v_moved is null then
    return 0;
  end if;
  perform from elevenlabs_conversations where conversation_id = any (v_moved) order by conversation_id for update;
  update elevenlabs_conversations c
    set workspace_id = a.workspace_id, classification = a.classification
    from assign_conversations(v_moved) a
    where c.conversation_id = a.id and a.has_moved;
  get diagnostics v_count = row_count;
  return v_count;
end
$$;

-- Some of the records whose workspace follows from these keys: the transfers that may belong to a call to one of these
-- leads, the children of these calls, or the conversations that they carried. At most p_limit, in no order. A materialized
-- query is planned as if all of it were read; a bare limit would tempt the planner to go through the whole table. So would
-- a table that was small when the plan was made: whatever the planner believes, it is to look keys up in an index.
create function hourledger.some_dependants(p_kind text, p_keys text[], p_limit integer) returns text[]
  language plpgsql stable set enable_seqscan = off as $$
begin
  return case p_kind
    when 'leads' then array(
      with found as materialized (
        select t.id
        from (select split_part(l, '/', -1) as digits, left(l, -length(split_part(l, '/', -1)) - 1) as account_sid from unnest(p_keys) l) lead
        join calls t on t.direction = 'trunking-originating' and t.from_digits is not null
          and t.from_digits = lead.digits and coalesce(t.account_sid, '') = lead.account_sid
      )
      select id from found limit p_limit)
    when 'children' then array(
      with found as materialized (select c.id from calls c where c.parent_call_sid = any (p_keys))
      select id from found limit p_limit)
    when 'carried' then array(
      with found as materialized (select c.conversation_id from elevenlabs_conversations c where c.call_sid = any (p_keys))
      select conversation_id from found limit p_limit)
  end;
end
$$;

-- The same of keys that many records depend on: in the order of the keys and of the ids behind each, so that a later
-- step goes on where this one ends. What is left becomes dirt.
create function hourledger.follow_dependants(p_dirt hourledger.dirty_keys, p_limit integer) returns text[]
  language plpgsql as $$
declare
  v_after text := p_dirt.after_key;
  v_all text[] := '{}';
  v_ids text[];
  v_limit integer;
begin
  for v_position in 1 .. cardinality(p_dirt.keys) loop
    v_limit := greatest(p_limit - cardinality(v_all), 0);
    v_ids := dependants_behind(p_dirt.kind, p_dirt.keys[v_position], v_after, v_limit);
    v_all := v_all || v_ids;
    if cardinality(v_ids) = v_limit then
      insert into dirty_keys (kind, keys, after_key)
        values (p_dirt.kind, p_dirt.keys[v_position:], coalesce(v_ids[v_limit], v_after));
      exit;
    end if;
    v_after := '';
  end loop;
  return v_all;
end
$$;

create function hourledger.dependants_behind(p_kind text, p_key text, p_after text, p_limit integer) returns text[]
  language plpgsql stable as $$
declare
  v_digits text := split_part(p_key, '/', -1);
  v_account text := left(p_key, -length(v_digits) - 1);
begin
  return case p_kind
    when 'leads' then array(select t.id from calls t
      where t.direction = 'trunking-originating' and t.from_digits is not null and t.from_digits = v_digits
        and coalesce(t.account_sid, '') = v_account and t.id > p_after
      order by t.id limit p_limit)
    when 'children' then array(select c.id from calls c
      where c.parent_call_sid = p_key and c.id > p_after order by c.id limit p_limit)
    when 'carried' then array(select c.conversation_id from elevenlabs_conversations c
      where c.call_sid = p_key and c.conversation_id > p_after order by c.conversation_id limit p_limit)
  end;
end
$$;

-- The records that a number or an agent may decide, behind one of them, in the order in which an index has them.
create function hourledger.decided_by(p_kind text, p_key text, p_date timestamptz, p_id text, p_limit integer)
  returns table (id text, date timestamptz)
  language sql stable as $$
  (select c.id, c.call_date from public.calls c
   where p_kind = 'from-number' and c.from_digits = p_key and (c.call_date, c.id) > (p_date, p_id)
   order by c.call_date, c.id limit p_limit)
  union all
  (select c.id, c.call_date from public.calls c
   where p_kind = 'to-number' and c.to_digits = p_key and (c.call_date, c.id) > (p_date, p_id)
     and coalesce(c.direction not in ('outbound-api', 'trunking-terminating'), true)
   order by c.call_date, c.id limit p_limit)
  union all
  (select e.conversation_id, e.conversation_date from public.elevenlabs_conversations e
   where p_kind = 'agent-number' and e.agent_digits = p_key and (e.conversation_date, e.conversation_id) > (p_date, p_id)
   order by e.conversation_date, e.conversation_id limit p_limit)
  union all
  (select e.conversation_id, e.conversation_date from public.elevenlabs_conversations e
   where p_kind = 'agent' and e.agent_id = p_key and (e.conversation_date, e.conversation_id) > (p_date, p_id)
   order by e.conversation_date, e.conversation_id limit p_limit)
$$;

-- Follows a key that many records may depend on: at most p_limit of them a time, as dirt of their own. Returns how far it
-- came, by date (to the microsecond, as JSON writes it under any session's settings) and id, null when none is left. A
-- record whose date changes meanwhile is dirt by itself.
create function hourledger.follow_key(p_dirt hourledger.dirty_keys, p_limit integer) returns text
  language plpgsql as $$
declare
  v_ids text[];
  v_after text;
begin
  select array_agg(d.id order by d.date, d.id),
    case when count(*) = p_limit then (array_agg((to_jsonb(d.date) #>> '{}') || '/' || d.id order by d.date desc, d.id desc))[1] end
    into v_ids, v_after
    from decided_by(p_dirt.kind, p_dirt.keys[1],
      coalesce(nullif(split_part(p_dirt.after_key, '/', 1), '')::timestamptz, '-infinity'),
      substr(p_dirt.after_key, strpos(p_dirt.after_key, '/') + 1), p_limit) d;
  perform add_dirty_records(case when p_dirt.kind in ('agent-number', 'agent') then 'conversations' else 'calls' end, v_ids);
  return v_after;
end
$$;

-- The same of all records that nothing assigns, by id. What hangs on a defaulted call is found from there.
create function hourledger.follow_default(p_what text, p_after text, p_limit integer) returns text
  language plpgsql as $$
declare
  v_ids text[] := case p_what
    when 'calls' then array(select id from calls
      where classification = 'default' and id > p_after order by id limit p_limit)
    else array(select conversation_id from elevenlabs_conversations
      where classification = 'default' and conversation_id > p_after order by conversation_id limit p_limit) end;
begin
  perform add_dirty_records(p_what, v_ids);
  return case when cardinality(v_ids) = p_limit then v_ids[p_limit] end;
end
$$;

-- All hours that have a snapshot, p_limit a time, by the text of their key.
create function hourledger.follow_currency(p_after text, p_limit integer) returns text
  language sql volatile as $$
  with next_hours as (
    select s.workspace_id, s.snapshot_date
    from public.twilio_snapshots s
    where p_after = '' or (s.workspace_id, s.snapshot_date) >
      (nullif(split_part(p_after, ' ', 1), '')::integer, to_timestamp(nullif(split_part(p_after, ' ', 2), '')::double precision))
    order by s.workspace_id, s.snapshot_date
    limit p_limit
  ),
  noted as (
    insert into hourledger.dirty_hours (source, workspace_id, hour)
      select 'twilio', workspace_id, snapshot_date from next_hours
  )
  select case when count(*) = p_limit then
    (array_agg(workspace_id || ' ' || extract(epoch from snapshot_date) order by workspace_id desc, snapshot_date desc))[1] end
  from next_hours
$$;

-- Does what taken rows of dirt ask for, looking at some p_limit records of each sort. Returns how many records moved, or
-- how much dirt was followed. One step down is enough: what hangs on a record follows from where that record belongs,
-- so that its own dependants have nothing to follow unless it moves, and then it is dirt itself.
create function hourledger.classify_taken(p_dirt hourledger.dirty_keys[], p_limit integer) returns integer
  language plpgsql as $$
declare
  v_calls text[];
  v_conversations text[] := '{}';
  v_leads text[] := '{}';
  v_parents text[] := '{}';
  v_dependants text[] := '{}';
  v_left integer := p_limit;
  v_ids text[];
  v_dirt hourledger.dirty_keys;
  v_kind text;
  v_keys text[];
  v_after text;
  v_followed integer := 0;
begin
  foreach v_dirt in array p_dirt loop
    if v_dirt.kind = 'calls' then
      v_calls := v_calls || v_dirt.keys;
    elsif v_dirt.kind = 'conversations' then
      v_conversations := v_conversations || v_dirt.keys;
    elsif v_dirt.kind = 'inserted-calls' then
      v_parents := v_parents || v_dirt.keys;
    elsif v_dirt.kind = 'inserted-leads' then
      v_leads := v_leads || v_dirt.keys;
    elsif v_dirt.kind in ('leads', 'children', 'carried') then
      v_ids := follow_dependants(v_dirt, v_left);
      v_left := v_left - cardinality(v_ids);
      v_followed := v_followed + 1;
      if v_dirt.kind = 'carried' then
        v_conversations := v_conversations || v_ids;
      else
        v_dependants := v_dependants || v_ids;
      end if;
    else
      v_after := case v_dirt.kind
        when 'currency' then follow_currency(v_dirt.after_key, p_limit)
        when 'default' then follow_default(v_dirt.keys[1], v_dirt.after_key, p_limit)
        else follow_key(v_dirt, p_limit) end;
      v_followed := v_followed + 1;
      if v_after is not null then
        insert into dirty_keys (kind, keys, after_key) values (v_dirt.kind, v_dirt.keys, v_after);
      end if;
    end if;
  end loop;
  if v_calls is not null then
    v_calls := array(select distinct unnest(v_calls));
    v_parents := v_parents || v_calls;
    v_leads := v_leads || array(select distinct lead_key(c.account_sid, c.to_digits) from calls c
      where c.id = any (v_calls) and c.direction in ('outbound-api', 'trunking-terminating') and c.to_digits is not null);
  end if;
  foreach v_kind in array array['leads', 'children', 'carried'] loop
    v_keys := case v_kind when 'leads' then v_leads else v_parents end;
    v_ids := some_dependants(v_kind, v_keys, p_limit + 1);
    if cardinality(v_ids) > p_limit then
      perform add_dirty_records(v_kind, v_keys);
      v_followed := v_followed + 1;
    elsif v_kind = 'carried' then
      v_conversations := v_conversations || v_ids;
    else
      v_dependants := v_dependants || v_ids;
    end if;
  end loop;
  if v_calls is not null or v_dependants <> '{}' then
    v_followed := v_followed + reassign_calls(array(select distinct unnest(v_calls || v_dependants)));
  end if;
  if v_conversations <> '{}' then
    v_followed := v_followed + reassign_conversations(array(select distinct unnest(v_conversations)));
  end if;
  return v_followed;
end
$$;

create function public.classify_dirt(p_limit integer, p_up_to bigint default null) returns jsonb
  language plpgsql
  set search_path = hourledger, public, pg_temp set jit = off set work_mem = '32MB' as $$
declare
  v_up_to bigint := coalesce(p_up_to, (select max(id) from dirty_keys), 0);
  v_taken hourledger.dirty_keys[];
  v_dirt hourledger.dirty_keys;
  v_followed integer := 0;
  v_set_aside text[] := '{}';
begin
  perform require_read_committed();
  with next_dirt as (
    select id from dirty_keys where set_aside is null and id <= v_up_to order by id limit p_limit for update skip locked
  ),
  taken as (delete from dirty_keys where id = any (array(select id from next_dirt)) returning *)
  select array_agg(taken::dirty_keys order by id) into v_taken from taken;
  if v_taken is not null then
    begin
      v_followed := classify_taken(v_taken, p_limit * 1000);
    exception when others then
      if will_pass(sqlstate) then
        raise;
      end if;
      foreach v_dirt in array v_taken loop
        begin
          v_followed := v_followed + classify_taken(array[v_dirt], p_limit * 1000);
        exception when others then
          if will_pass(sqlstate) then
            raise;
          end if;
          insert into dirty_keys (kind, keys, after_key, set_aside)
            values (v_dirt.kind, v_dirt.keys, v_dirt.after_key, sqlerrm);
          v_set_aside := v_set_aside || format('%s %s: %s', v_dirt.kind, left(v_dirt.keys::text, 80), sqlerrm);
        end;
      end loop;
    end;
  end if;
  return jsonb_build_object('upTo', v_up_to, 'taken', coalesce(cardinality(v_taken), 0), 'followed', v_followed, 'setAside', to_jsonb(v_set_aside),
    'left', (select count(*) from dirty_keys where set_aside is null and id <= v_up_to));
end
$$;
comment on function public.classify_dirt is 'Assigns again up to p_limit pieces of dirt, none newer than p_up_to. Says how many are left up to there.';

create function hourledger.rollup_twilio(p_workspaces integer[], p_hours timestamptz[]) returns void
  language plpgsql as $$
begin
  with wanted as (
    select * from unnest(p_workspaces, p_hours) w (workspace_id, hour)
  ),
  -- Lateral, so that each hour is one look into the index, whatever the planner believes of the table.
  sums as materialized (
    select w.workspace_id, w.hour, c.*
    from wanted w
    cross join lateral (
      select c.currency,
        count(*) as calls,
        sum(c.cost) as cost,
        coalesce(sum(c.duration), 0) as duration,
        coalesce(sum((c.duration::bigint + 59) / 60), 0) as minutes,
        count(*) filter (where c.cost is null and coalesce(c.status, '') not in ('busy', 'failed', 'no-answer', 'canceled'))
          as unpriced
      from calls c
      where c.workspace_id = w.workspace_id and c.source = 'twilio'
        and c.call_date >= w.hour and c.call_date < w.hour + interval '1 hour'
      group by c.currency
    ) c
  ),
  removed as (
    delete from twilio_snapshots s using wanted w
      where s.workspace_id = w.workspace_id and s.snapshot_date = w.hour
        and not exists (select from sums where sums.workspace_id = w.workspace_id and sums.hour = w.hour)
  )
  insert into twilio_snapshots as s
      (workspace_id, snapshot_date, total_calls, total_cost, total_duration, real_minutes, unpriced_calls, cost_by_currency)
    select workspace_id, hour, sum(calls), coalesce(sum(cost) filter (where currency = settings.ledger_currency), 0),
      sum(duration), sum(minutes), sum(unpriced),
      coalesce(jsonb_object_agg(currency, cost::text) filter (where cost is not null), '{}')
    from sums cross join settings
    group by workspace_id, hour
    order by workspace_id, hour
    on conflict (workspace_id, snapshot_date) do update
      set total_calls = excluded.total_calls, total_cost = excluded.total_cost, total_duration = excluded.total_duration,
          real_minutes = excluded.real_minutes, unpriced_calls = excluded.unpriced_calls,
          cost_by_currency = excluded.cost_by_currency, rolled_up_at = now()
      where (s.total_calls, s.total_cost::text, s.total_duration, s.real_minutes, s.unpriced_calls, s.cost_by_currency)
        is distinct from (excluded.total_calls, excluded.total_cost::text, excluded.total_duration, excluded.real_minutes,
          excluded.unpriced_calls, excluded.cost_by_currency);
end
$$;

create function hourledger.rollup_elevenlabs(p_workspaces integer[], p_hours timestamptz[]) returns void
  language plpgsql as $$
begin
  with wanted as (
    select * from unnest(p_workspaces, p_hours) w (workspace_id, hour)
  ),
  sums as materialized (
    select w.workspace_id, w.hour as snapshot_date, c.*
    from wanted w
    cross join lateral (
      select
        count(*) as total_conversations,
        coalesce(sum(c.cost), 0) as total_cost,
        coalesce(sum(c.cost_fiat), 0) as total_cost_fiat,
        coalesce(sum(c.call_duration_secs), 0) as total_duration,
        coalesce(sum(c.cost) filter (where c.cost_fiat is null), 0) as credits_without_fiat,
        coalesce(sum(c.llm_price), 0) as llm_price,
        coalesce(sum(c.llm_charge), 0) as llm_charge,
        coalesce(sum(c.call_charge), 0) as call_charge,
        coalesce(sum(c.free_minutes_consumed), 0) as free_minutes_consumed,
        coalesce(sum(c.free_llm_dollars_consumed), 0) as free_llm_dollars_consumed,
        count(*) filter (where c.dev_discount) as dev_discount,
        count(*) filter (where c.cost is null or coalesce(c.status, '') not in ('done', 'failed')) as unsettled_conversations
      from elevenlabs_conversations c
      where c.workspace_id = w.workspace_id
        and c.conversation_date >= w.hour and c.conversation_date < w.hour + interval '1 hour'
      having count(*) > 0
    ) c
  ),
  removed as (
    delete from elevenlabs_snapshots s using wanted w
      where s.workspace_id = w.workspace_id and s.snapshot_date = w.hour
        and not exists (select from sums where sums.workspace_id = w.workspace_id and sums.snapshot_date = w.hour)
  )
  insert into elevenlabs_snapshots as s
      (workspace_id, snapshot_date, total_conversations, total_cost, total_cost_fiat, total_duration, credits_without_fiat,
       llm_price, llm_charge, call_charge, free_minutes_consumed, free_llm_dollars_consumed, dev_discount,
       unsettled_conversations)
    select * from sums order by workspace_id, snapshot_date
    on conflict (workspace_id, snapshot_date) do update
      set total_conversations = excluded.total_conversations, total_cost = excluded.total_cost,
          total_cost_fiat = excluded.total_cost_fiat, total_duration = excluded.total_duration,
          credits_without_fiat = excluded.credits_without_fiat, llm_price = excluded.llm_price,
          llm_charge = excluded.llm_charge, call_charge = excluded.call_charge,
          free_minutes_consumed = excluded.free_minutes_consumed,
          free_llm_dollars_consumed = excluded.free_llm_dollars_consumed, dev_discount = excluded.dev_discount,
          unsettled_conversations = excluded.unsettled_conversations, rolled_up_at = now();
end
$$;

-- Two drains of one hour pass one after the other, and the second reads the raw rows after the first has committed. The
-- lock is that of the hour's day: a lock for each hour would fill the table of locks, which all connections share.
create function hourledger.rollup_hours(p_source text, p_workspaces integer[], p_hours timestamptz[]) returns void
  language plpgsql as $$
begin
  perform require_read_committed();
  -- Not while the ledger's currency changes: the hours that have it are looked up when no sum in the old one is under way.
  perform pg_advisory_xact_lock_shared(hashtextextended('hourledger currency', 0));
  perform pg_advisory_xact_lock(hashtextextended('hourledger hours of ' || p_source || days.day, 0))
    from (select distinct day_of(h) as day from unnest(p_hours) h order by 1) days;
  if p_source = 'twilio' then
    perform rollup_twilio(p_workspaces, p_hours);
  else
    perform rollup_elevenlabs(p_workspaces, p_hours);
  end if;
end
$$;

create function hourledger.rollup_taken(p_dirt hourledger.dirty_hours[]) returns void
  language plpgsql as $$
declare
  v_hours record;
begin
  for v_hours in
    select source, array_agg(workspace_id order by workspace_id, hour) as workspaces, array_agg(hour order by workspace_id, hour) as hours
    from (select distinct d.source, d.workspace_id, d.hour from unnest(p_dirt) d) distinct_hours
    group by source
    order by source
  loop
    perform rollup_hours(v_hours.source, v_hours.workspaces, v_hours.hours);
  end loop;
end
$$;

-- By hour, so that an hour that many merges have noted is recomputed once, and by whole days, so that drains side by side
-- seldom wait for each other: a day that goes on behind the limit is left, unless it is the only one. (What was looked at
-- of it stays locked until the step is done: another drain takes the rest, and waits for nobody.) Whatever the planner
-- believes of the table, it is to go along the index: there may be two million hours in it.
create function hourledger.take_dirty_hours(p_limit integer, p_up_to bigint) returns hourledger.dirty_hours[]
  language plpgsql set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
declare
  v_taken hourledger.dirty_hours[];
begin
  with first as materialized (
    select id, day_of(hour) as day from dirty_hours
    where set_aside is null and id <= p_up_to
    order by hour, id limit p_limit for update skip locked
  ),
  cut as (
    select max(day) as day from first having count(*) = p_limit and min(day) < max(day)
  ),
  taken as (
    delete from dirty_hours
      where id = any (array(select id from first where day not in (select day from cut)))
      returning *
  )
  select array_agg(taken::dirty_hours order by source, hour, id) into v_taken from taken;
  return v_taken;
end
$$;

create function public.rollup_dirt(p_limit integer, p_up_to bigint default null) returns jsonb
  language plpgsql
  set search_path = hourledger, public, pg_temp set jit = off set work_mem = '32MB' as $$
declare
  v_up_to bigint := coalesce(p_up_to, (select max(id) from dirty_hours), 0);
  v_taken hourledger.dirty_hours[];
  v_dirt hourledger.dirty_hours;
  v_set_aside text[] := '{}';
begin
  perform require_read_committed();
  v_taken := take_dirty_hours(p_limit, v_up_to);
  if v_taken is not null then
    begin
      perform rollup_taken(v_taken);
    exception when others then
      if will_pass(sqlstate) then
        raise;
      end if;
      foreach v_dirt in array v_taken loop
        begin
          perform rollup_taken(array[v_dirt]);
        exception when others then
          if will_pass(sqlstate) then
            raise;
          end if;
          insert into dirty_hours (source, workspace_id, hour, set_aside)
            values (v_dirt.source, v_dirt.workspace_id, v_dirt.hour, sqlerrm);
          v_set_aside := v_set_aside || format('%s workspace %s hour %s: %s', v_dirt.source, v_dirt.workspace_id, v_dirt.hour, sqlerrm);
        end;
      end loop;
    end;
  end if;
  return jsonb_build_object('upTo', v_up_to, 'taken', coalesce(cardinality(v_taken), 0), 'setAside', to_jsonb(v_set_aside),
    'left', (select count(*) from dirty_hours where set_aside is null and id <= v_up_to));
end
$$;
comment on function public.rollup_dirt is 'Recomputes up to p_limit dirty hours from their raw rows, none noted after p_up_to. Says how many are left up to there.';
