-- Who changed the mapping, when, from what to what. What a workspace cost last month depends on these tables, so every
-- change of them is kept, whether a command made it or a person with SQL.

create table public.mapping_changes (
  id bigint generated always as identity primary key,
  changed_at timestamptz not null default clock_timestamp(),
  table_name text not null,
  operation text not null check (operation in ('INSERT', 'UPDATE', 'DELETE')),
  old_row jsonb,
  new_row jsonb,
  changed_by text not null
);
alter table public.mapping_changes enable row level security;
-- Only the trigger below writes here, as the owner of the table.
revoke all on public.mapping_changes from public, anon, authenticated, service_role;
grant select on public.mapping_changes to service_role;
comment on table public.mapping_changes is 'Every change of workspaces, workspace_phones, workspace_agents, credit_rates and settings; nobody edits it.';
comment on column public.mapping_changes.id is 'Key of the row; grows with time.';
comment on column public.mapping_changes.changed_at is 'When the change was made.';
comment on column public.mapping_changes.table_name is 'The table that was changed.';
comment on column public.mapping_changes.operation is 'INSERT, UPDATE or DELETE.';
comment on column public.mapping_changes.old_row is 'The row before; null for an INSERT.';
comment on column public.mapping_changes.new_row is 'The row after; null for a DELETE.';
comment on column public.mapping_changes.changed_by is 'The role that made the change: service_role for the commands and the API, else the user of the session.';

-- Runs as its owner, so that who may change the mapping need not be able to write its history. `role` is what SET ROLE
-- set, as PostgREST does for each request; the current user is the owner here, and says nothing.
create function hourledger.note_mapping_change() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' and new is not distinct from old then
    return null;
  end if;
  insert into public.mapping_changes (table_name, operation, old_row, new_row, changed_by)
    values (tg_table_name, tg_op,
      case when tg_op <> 'INSERT' then to_jsonb(old) end,
      case when tg_op <> 'DELETE' then to_jsonb(new) end,
      coalesce(nullif(current_setting('role', true), 'none'), session_user));
  return null;
end
$$;
-- A trigger fires without this right. With it, one on a temporary table could forge changes.
revoke all on function hourledger.note_mapping_change() from public, anon, authenticated, service_role;

create function hourledger.refuse_truncate_of_mapping() returns trigger language plpgsql as $$
begin
  raise exception 'TRUNCATE of % would leave no trace in mapping_changes. Use DELETE.', tg_table_name using errcode = '0A000';
end
$$;

create function hourledger.refuse_change_of_history() returns trigger language plpgsql as $$
begin
  raise exception '% of mapping_changes is refused: it keeps what was changed, and nobody changes it.', tg_op using errcode = '42501';
end
$$;

create trigger note_mapping_change after insert or update or delete on public.workspaces
  for each row execute function hourledger.note_mapping_change();
create trigger note_mapping_change after insert or update or delete on public.workspace_phones
  for each row execute function hourledger.note_mapping_change();
create trigger note_mapping_change after insert or update or delete on public.workspace_agents
  for each row execute function hourledger.note_mapping_change();
create trigger note_mapping_change after insert or update or delete on public.credit_rates
  for each row execute function hourledger.note_mapping_change();
create trigger note_mapping_change after insert or update or delete on public.settings
  for each row execute function hourledger.note_mapping_change();

create trigger refuse_truncate before truncate on public.workspaces execute function hourledger.refuse_truncate_of_mapping();
create trigger refuse_truncate before truncate on public.credit_rates execute function hourledger.refuse_truncate_of_mapping();
create trigger refuse_truncate before truncate on public.settings execute function hourledger.refuse_truncate_of_mapping();
create trigger refuse_change before update or delete or truncate on public.mapping_changes
  execute function hourledger.refuse_change_of_history();
