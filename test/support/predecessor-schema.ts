/** The tables of the system before hourledger, as they stand in its databases, with the default grants of Supabase. */

/** What Supabase does to schema public before anybody makes a table. */
const defaultGrants = `
  grant usage on schema public to anon, authenticated, service_role;
  alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
  alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;
  alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
`;

const tables = `
  create table workspaces (
    id serial primary key, name text not null, phone_number text not null unique,
    created_at timestamptz default now(), updated_at timestamptz default now());
  create table workspace_phones (
    id serial primary key, workspace_id integer references workspaces (id) on delete cascade,
    phone_number text not null, is_primary boolean default false, created_at timestamptz default now(),
    unique (workspace_id, phone_number));
  create table calls (
    id text primary key, workspace_id integer references workspaces (id) on delete cascade,
    source text check (source in ('twilio', 'elevenlabs')), phone_from text, phone_to text, duration integer,
    cost numeric(10,4), status text, call_date timestamptz, raw_data jsonb, created_at timestamptz default now());
  create index idx_calls_call_date on calls (call_date);
  create table elevenlabs_conversations (
    id bigint generated always as identity primary key, conversation_id text unique, agent_id text not null,
    status text, workspace_id bigint references workspaces (id) on delete set null, call_duration_secs integer,
    cost numeric(10,4), dev_discount numeric(10,4), llm_price numeric(10,4), llm_charge numeric(10,4),
    call_charge numeric(10,4), free_minutes_consumed numeric(10,4), free_llm_dollars_consumed numeric(10,4),
    is_burst boolean, llm_usage jsonb, phone_number_id text, agent_number text, external_number text, call_type text,
    call_sid text, batch_call_id text, batch_call_recipient_id text, raw_data jsonb, conversation_date timestamptz,
    created_at timestamptz default now(), updated_at timestamptz default now());
  create table twilio_snapshots (
    id bigserial primary key, workspace_id bigint references workspaces (id) on delete cascade,
    snapshot_date timestamptz not null, total_calls integer, total_cost numeric(10,4), total_duration integer,
    real_minutes integer, created_at timestamptz default now(), unique (workspace_id, snapshot_date));
  create table elevenlabs_snapshots (
    id bigserial primary key, workspace_id bigint references workspaces (id) on delete cascade,
    snapshot_date timestamptz not null, total_conversations integer, total_cost numeric(10,4), total_duration integer,
    llm_usage jsonb, llm_price numeric(10,4), llm_charge numeric(10,4), call_charge numeric(10,4),
    free_minutes_consumed numeric(10,4), free_llm_dollars_consumed numeric(10,4), dev_discount numeric(10,4),
    created_at timestamptz default now(), unique (workspace_id, snapshot_date));
  create table call_snapshots (
    id serial primary key, workspace_id integer references workspaces (id) on delete cascade,
    snapshot_date timestamptz, total_calls integer, total_cost numeric(10,4));
  create function touch_updated_at() returns trigger language plpgsql as
    'begin new.updated_at = now(); return new; end';
  create trigger touch before update on workspaces for each row execute function touch_updated_at();
`;

export const predecessorTables = [
  'workspaces',
  'workspace_phones',
  'calls',
  'elevenlabs_conversations',
  'twilio_snapshots',
  'elevenlabs_snapshots',
];

const policies = [...predecessorTables, 'call_snapshots'].map(
  (table) => `alter table ${table} enable row level security;
    create policy "Allow all on ${table}" on ${table} for all using (true) with check (true);`,
);

/** The Supabase CLI's record of the predecessor's own migrations. */
const ownMigrations = `
  create schema supabase_migrations;
  create table supabase_migrations.schema_migrations (version text not null primary key, statements text[], name text);
  insert into supabase_migrations.schema_migrations (version, name)
    values ('20250912101010', 'create_calls'), ('20251002093000', 'allow_all');
`;

/** For one query; grants and records of migrations alone make the database that a fresh ledger starts from. */
export const supabaseBefore = defaultGrants;
export const predecessorSchema = defaultGrants + ownMigrations + tables + policies.join('\n');
