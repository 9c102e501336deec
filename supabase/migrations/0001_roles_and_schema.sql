-- Who may see what, before there is anything to see.
--
-- PostgREST (and so Supabase) acts as one of three roles: anon (nobody signed in), authenticated (somebody is) and
-- service_role (a server that holds the service key). Only service_role may touch the ledger. On Supabase the roles
-- exist; on any other Postgres they are made here.

do $$
declare
  wanted text;
begin
  foreach wanted in array array['anon', 'authenticated', 'service_role'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
      execute format('create role %I nologin noinherit', wanted);
    end if;
  end loop;
  if not (select rolbypassrls from pg_catalog.pg_roles where rolname = 'service_role') then
    alter role service_role bypassrls;
  end if;
end
$$;

-- Supabase grants every new object of schema public to anon and authenticated. Take that back for all that follows,
-- and Postgres's own default, by which everybody may execute every new function.
alter default privileges in schema public revoke all on tables from anon, authenticated;
alter default privileges in schema public revoke all on sequences from anon, authenticated;
alter default privileges in schema public revoke all on functions from anon, authenticated;
alter default privileges revoke execute on functions from public;
alter default privileges in schema public grant select, insert, update, delete on tables to service_role;
alter default privileges in schema public grant usage, select on sequences to service_role;
alter default privileges in schema public grant execute on functions to service_role;
grant usage on schema public to service_role;

-- What people query is in public. The machinery behind it is in hourledger, which PostgREST does not expose.
create schema hourledger;
comment on schema hourledger is 'The machinery of the ledger: staged pages, dirt, and the functions that assign and sum.';
revoke all on schema hourledger from public;
grant usage on schema hourledger to service_role;
alter default privileges in schema hourledger grant select, insert, update, delete on tables to service_role;
alter default privileges in schema hourledger grant usage, select on sequences to service_role;
alter default privileges in schema hourledger grant execute on functions to service_role;

-- A number belongs to one workspace at a time: an exclusion constraint over text and a range needs btree_gist.
create schema if not exists extensions;
create extension if not exists btree_gist with schema extensions;
