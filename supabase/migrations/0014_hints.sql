-- Hints: ids that a webhook has named. Nothing of what a webhook says is kept; the provider is asked for the record.

create table hourledger.hints (
  source text not null check (source in ('twilio', 'elevenlabs')),
  id text collate "C" not null check (length(id) between 1 and 200),
  noted_at timestamptz not null default clock_timestamp(),
  ticket bigint not null default nextval('hourledger.tickets'),
  primary key (source, id)
);
comment on table hourledger.hints is 'Records that a webhook has named, and that are still to be asked.';
comment on column hourledger.hints.ticket is 'From the numbers that requests take too: a request of a later number was asked after the hint.';

create function public.note_hint(p_source text, p_id text) returns void
  language sql set search_path = hourledger, public, pg_temp as $$
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
    from (select id from hints where source = p_source order by noted_at, id limit p_limit) first_ones;
  -- After these have been asked it is to be seen whether they have ended, and whether others have come.
  return jsonb_build_object('ids', v_ids, 'more', v_ids <> '[]', 'ticket', nextval('tickets'));
end
$$;
comment on function public.hints_to_ask is 'Ids that webhooks have named and that were not asked since, the oldest hints first.';
