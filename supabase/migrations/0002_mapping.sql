-- The mapping: which workspace owns which number and agent, and the settings of the ledger. People edit these tables
-- with SQL too; the triggers of 0005 note what such an edit makes stale.

-- The digits by which two addresses are compared. Captures have both +57… and 57…; the `to` of a transfer is a SIP
-- URI whose user part is the number. Any other address (client:…, anonymous) has no number and matches nothing.
-- Source: https://www.twilio.com/docs/voice/api/call-resource (from, to) and captures.
create function hourledger.digits_of(address text) returns text
  language sql immutable parallel safe
  return case
    when address ~ '^\+?[0-9]+$' then ltrim(address, '+')
    else substring(address from '^[sS][iI][pP][sS]?:\+?([0-9]+)(?:[;@]|$)')
  end;

create table public.workspaces (
  id integer primary key check (id > 0),
  name text not null check (btrim(name) <> ''),
  created_at timestamptz not null default now()
);
comment on table public.workspaces is 'The customers that voice traffic is assigned to.';
comment on column public.workspaces.id is 'The number by which people know the workspace; without one given, the next free.';
comment on column public.workspaces.name is 'The name that reports show.';

-- An identity column would collide with the numbers that people choose themselves.
create function hourledger.next_workspace_id() returns integer
  language sql volatile
  return (select coalesce(max(id), 0) + 1 from public.workspaces);
alter table public.workspaces alter column id set default hourledger.next_workspace_id();

create table public.workspace_phones (
  id bigint generated always as identity primary key,
  workspace_id integer not null references public.workspaces (id),
  phone_number text not null,
  is_primary boolean not null default false,
  valid_from timestamptz,
  valid_to timestamptz,
  in_conflict boolean not null default false,
  digits text generated always as (hourledger.digits_of(phone_number)) stored,
  created_at timestamptz not null default now(),
  constraint phone_number_has_digits check (hourledger.digits_of(phone_number) is not null),
  constraint valid_from_before_valid_to check (valid_from < valid_to),
  constraint one_workspace_at_a_time
    exclude using gist (digits with =, tstzrange(valid_from, valid_to) with &&) where (not in_conflict)
);
create index workspace_phones_digits on public.workspace_phones (digits) include (workspace_id, valid_from, valid_to);
create index workspace_phones_workspace on public.workspace_phones (workspace_id);
comment on table public.workspace_phones is 'Which workspace owns a number, and from when to when. A number has one owner at a time.';
comment on column public.workspace_phones.phone_number is 'As people write it: digits, with or without a plus, or a SIP URI whose user part is the number.';
comment on column public.workspace_phones.digits is 'The digits of phone_number, by which records find it.';
comment on column public.workspace_phones.is_primary is 'The number that the workspace is known by; for people only.';
comment on column public.workspace_phones.valid_from is 'First instant of the ownership; null: always.';
comment on column public.workspace_phones.valid_to is 'First instant after the ownership; null: still.';
comment on column public.workspace_phones.in_conflict is 'True for a number found under two workspaces: it maps nothing until somebody decides.';

create table public.workspace_agents (
  agent_id text collate "C" primary key check (agent_id <> ''),
  workspace_id integer not null references public.workspaces (id),
  created_at timestamptz not null default now()
);
create index workspace_agents_workspace on public.workspace_agents (workspace_id);
comment on table public.workspace_agents is 'Which workspace owns an ElevenLabs agent.';

create table public.credit_rates (
  valid_from timestamptz primary key,
  usd_per_credit numeric not null check (usd_per_credit >= 0 and usd_per_credit < 'Infinity'),
  created_at timestamptz not null default now()
);
comment on table public.credit_rates is 'What an ElevenLabs credit costs in US dollars, from an instant on.';
comment on column public.credit_rates.valid_from is 'First instant of the rate; it holds until the next one.';
comment on column public.credit_rates.usd_per_credit is 'US dollars for one credit, exact.';

create table public.settings (
  only_row boolean primary key default true check (only_row),
  ledger_currency text not null default 'USD' check (ledger_currency ~ '^[A-Z]{3}$'),
  default_workspace_id integer not null default 1 references public.workspaces (id),
  lookback_days integer not null default 2 check (lookback_days between 0 and 365)
);
comment on table public.settings is 'The settings of the ledger: one row.';
comment on column public.settings.ledger_currency is 'ISO 4217 code of the currency that total_cost is in; costs in others stay apart.';
comment on column public.settings.default_workspace_id is 'The workspace of the records that nothing assigns.';
comment on column public.settings.lookback_days is 'How many days before its window a daily sync reads again.';

insert into public.workspaces (id, name) values (1, 'Default');
insert into public.settings default values;

-- The environment (LEDGER_CURRENCY, DEFAULT_WORKSPACE_ID) sets the settings of an empty ledger; later it may only
-- agree with them, because what is stored was summed and assigned by them. Null leaves a setting as it is.
create function public.apply_settings(p_ledger_currency text, p_default_workspace_id integer) returns jsonb
  language plpgsql set search_path = public, pg_temp as $$
declare
  v_settings public.settings;
begin
  select * into strict v_settings from settings for update;
  if (p_ledger_currency is null or p_ledger_currency = v_settings.ledger_currency)
     and (p_default_workspace_id is null or p_default_workspace_id = v_settings.default_workspace_id) then
    return to_jsonb(v_settings) - 'only_row';
  end if;
  if exists (select from calls) or exists (select from elevenlabs_conversations) then
    if p_ledger_currency <> v_settings.ledger_currency then
      raise exception 'LEDGER_CURRENCY is "%", but this ledger is kept in %. Unset it, or run: hourledger settings set ledger_currency %',
        p_ledger_currency, v_settings.ledger_currency, p_ledger_currency using errcode = '22023';
    end if;
    raise exception 'DEFAULT_WORKSPACE_ID is "%", but the default workspace of this ledger is %. Unset it, or run: hourledger settings set default_workspace_id %',
      p_default_workspace_id, v_settings.default_workspace_id, p_default_workspace_id using errcode = '22023';
  end if;
  if p_default_workspace_id is not null then
    insert into workspaces (id, name) values (p_default_workspace_id, 'Default') on conflict (id) do nothing;
  end if;
  update settings
    set ledger_currency = coalesce(p_ledger_currency, ledger_currency),
        default_workspace_id = coalesce(p_default_workspace_id, default_workspace_id)
    returning * into v_settings;
  return to_jsonb(v_settings) - 'only_row';
end
$$;
comment on function public.apply_settings is 'Sets the settings of an empty ledger; refuses a value that differs from those of a ledger with records.';
