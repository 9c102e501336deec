-- Hints: ids that a webhook has named. Nothing of what a webhook says is kept; the provider is asked for the record. And
-- ids that the provider refuses to be asked for.

create table hourledger.hints (
  source text not null check (source in ('twilio', 'elevenlabs')),
  id text collate "C" not null check (length(id) between 1 and 200),
  noted_at timestamptz not null default clock_timestamp(),
  ticket bigint not null default nextval('hourledger.tickets'),
  primary key (source, id)
);
comment on table hourledger.hints is 'Records that a webhook has named, and that are still to be asked.';
comment on column hourledger.hints.ticket is 'From the numbers that requests take too: a request of a later number was asked after the hint.';

create table hourledger.refused_ids (
  source text not null check (source in ('twilio', 'elevenlabs')),
  id text collate "C" not null,
  reason text not null,
  refused_at timestamptz not null default now(),
  primary key (source, id)
);
comment on table hourledger.refused_ids is 'Ids that the provider refused for good when they were asked, other than by saying that there is no such record.';

-- Once more is as good as once; and a new reason to try one that was refused.
create function public.note_hint(p_source text, p_id text) returns void
  language sql set search_path = hourledger, public, pg_temp as $$
  delete from refused_ids where source = p_source and id = p_id;
  insert into hints (source, id) values (p_source, p_id)
    on conflict (source, id) do update set noted_at = excluded.noted_at, ticket = excluded.ticket
$$;
comment on function public.note_hint is 'Notes that a webhook has named a record, which is then asked for. Once more is as good as once.';

-- A hint ends when an answer to a later request has been merged, whatever the answer was: also one that there is no
-- such record. Until then it is given out again, so that a crash between asking and merging loses nothing. A hint that
-- could not be asked for two weeks is dropped, as every record that is not settled is given up after that time.
create function public.hints_to_ask(p_source text, p_workflow_id text, p_run_id text, p_limit integer) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_ids jsonb;
begin
  insert into runs (run_id, workflow_id) values (p_run_id, p_workflow_id) on conflict do nothing;
  delete from hints h
    using staged_pages p
    where h.source = p_source and p.run_id = p_run_id and p.source = p_source and p.day is null
      and p.merged_counts is not null and p.asked_ticket > h.ticket and h.id = any (p.ids);
  delete from hints where source = p_source and noted_at < now() - interval '14 days';
  select coalesce(jsonb_agg(id), '[]') into v_ids
    from (select h.id from hints h
      where h.source = p_source and not exists (select from refused_ids r where r.source = p_source and r.id = h.id)
      order by h.noted_at, h.id limit p_limit) first_ones;
  -- After these have been asked it is to be seen whether they have ended, and whether others have come.
  return jsonb_build_object('ids', v_ids, 'more', v_ids <> '[]', 'ticket', nextval('tickets'));
end
$$;
comment on function public.hints_to_ask is 'Ids that webhooks have named and that were not asked since, the oldest hints first.';

-- What is refused was asked all the same: the next ones have their turn, and a run asks each record once.
create function public.note_refused(p_source text, p_ids text[], p_reasons text[]) returns void
  language plpgsql set search_path = hourledger, public, pg_temp as $$
begin
  delete from refused_ids where source = p_source and refused_at < now() - interval '14 days';
  insert into refused_ids (source, id, reason)
    select p_source, given.id, given.reason from unnest(p_ids, p_reasons) given (id, reason) order by given.id collate "C"
    on conflict (source, id) do update set reason = excluded.reason, refused_at = excluded.refused_at;
  update calls set asked_at = now() where p_source = 'twilio' and id = any (p_ids);
  update elevenlabs_conversations set asked_at = now() where p_source = 'elevenlabs' and conversation_id = any (p_ids);
  update rejected_records set asked_at = now() where source = p_source and record_key = any (p_ids);
end
$$;
comment on function public.note_refused is 'Notes ids that the provider refused for good, so that they hold up no others.';

-- A refusal is over when the record was asked or read with better luck later, or after two weeks.
create function public.asking_status() returns jsonb
  language sql stable set search_path = hourledger, public, pg_temp set jit = off as $$
  with refused as (
    select r.* from refused_ids r
    where r.refused_at >= now() - interval '14 days'
      and not exists (select from calls c where r.source = 'twilio' and c.id = r.id and greatest(c.asked_at, c.fetched_at) > r.refused_at)
      and not exists (select from elevenlabs_conversations e
        where r.source = 'elevenlabs' and e.conversation_id = r.id and greatest(e.asked_at, e.fetched_at) > r.refused_at)
  )
  select jsonb_build_object(
    'waitingHints', (select count(*) from hints h
      where not exists (select from refused_ids r where r.source = h.source and r.id = h.id)),
    'refused', (
      select coalesce(jsonb_agg(jsonb_build_object('source', source, 'id', id, 'reason', reason) order by refused_at desc, id), '[]')
      from (select * from refused order by refused_at desc, id limit 20) newest),
    'refusedRecords', (select count(*) from refused))
$$;
comment on function public.asking_status is 'Hints that are still to be asked, and ids that the provider refuses, the newest twenty of them named.';
