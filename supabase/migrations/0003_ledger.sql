-- The ledger: raw rows as the providers gave them, their hourly snapshots, and the days that were read.

-- Requests are numbered when they are asked and when they are answered. Workers' clocks differ; a sequence does not.
create sequence hourledger.tickets;

create table public.calls (
  id text collate "C" primary key check (id <> ''),
  source text not null default 'twilio' check (source in ('twilio', 'elevenlabs')),
  workspace_id integer not null references public.workspaces (id),
  classification text not null default 'default',
  direction text,
  status text,
  phone_from text,
  phone_to text,
  call_date timestamptz not null check (isfinite(call_date)),
  end_date timestamptz,
  duration integer check (duration >= 0),
  cost numeric check (cost >= 0 and cost < 'Infinity'),
  currency text,
  parent_call_sid text collate "C",
  account_sid text collate "C",
  raw_data jsonb,
  fetched_at timestamptz not null default now(),
  from_digits text collate "C" generated always as (hourledger.digits_of(phone_from)) stored,
  to_digits text collate "C" generated always as (hourledger.digits_of(phone_to)) stored,
  settled boolean not null generated always as (
    coalesce(status in ('busy', 'failed', 'no-answer', 'canceled') or (status = 'completed' and cost is not null), false)
  ) stored,
  asked_ticket bigint not null default 0,
  answered_ticket bigint not null default 0,
  ask_again boolean not null default false,
  asked_at timestamptz,
  constraint a_cost_has_a_currency check (cost is null or currency is not null)
);
comment on table public.calls is 'One row for each Twilio call, as Twilio gave it last.';
comment on column public.calls.id is 'Call SID.';
comment on column public.calls.source is 'twilio; elevenlabs only in rows adopted from the system before, which no snapshot counts.';
comment on column public.calls.workspace_id is 'The workspace that the call is assigned to.';
comment on column public.calls.classification is 'The rule that decided: from-number, to-number, transfer, parent or default.';
comment on column public.calls.call_date is 'Start; the date of creation while the call has not started.';
comment on column public.calls.duration is 'Seconds; null while Twilio has none.';
comment on column public.calls.cost is 'Twilio''s price without its sign, exact; null while unknown, which is not 0.';
comment on column public.calls.currency is 'price_unit in upper case; XXX for a cost without one.';
comment on column public.calls.raw_data is 'The provider''s object itself, every field and digit.';
comment on column public.calls.fetched_at is 'When the stored version was fetched.';
comment on column public.calls.settled is 'Twilio is not expected to change the call any more.';
comment on column public.calls.from_digits is 'The number of phone_from; null where it has none.';
comment on column public.calls.to_digits is 'The number of phone_to; null where it has none.';
comment on column public.calls.asked_ticket is 'Number that the request got when it was asked: orders fetches without clocks.';
comment on column public.calls.answered_ticket is 'Number that the request got when it was answered.';
comment on column public.calls.ask_again is 'Two fetches that overlapped in time differ: the call is to be asked again.';
comment on column public.calls.asked_at is 'When the call was last asked by its id.';

create index calls_workspace_date on public.calls (workspace_id, call_date);
create index calls_date on public.calls (call_date);
-- The records of a number or an agent, by date and not by id: ids are random, and each would touch a page of its own, of a
-- table of any size; by date the newest ones of a number stand together.
create index calls_from on public.calls (from_digits, call_date) where from_digits is not null;
create index calls_to on public.calls (to_digits, call_date)
  where to_digits is not null and coalesce(direction not in ('outbound-api', 'trunking-terminating'), true);
create index calls_parent on public.calls (parent_call_sid, id) where parent_call_sid is not null;
create index calls_defaulted on public.calls (id) where classification = 'default';
create index calls_unsettled on public.calls (call_date) where not settled or ask_again;
-- The calls that a transfer may belong to, by lead and end. Without the account: next to no lead is called by several of
-- them, and a long key makes every merge slower.
create index calls_leads on public.calls (to_digits, coalesce(end_date, call_date))
  where direction in ('outbound-api', 'trunking-terminating') and to_digits is not null;
create index calls_transfers on public.calls (from_digits, coalesce(account_sid, ''), id)
  where direction = 'trunking-originating' and from_digits is not null;

create table public.elevenlabs_conversations (
  conversation_id text collate "C" primary key check (conversation_id <> ''),
  workspace_id integer not null references public.workspaces (id),
  classification text not null default 'default',
  agent_id text collate "C",
  status text,
  conversation_date timestamptz not null check (isfinite(conversation_date)),
  call_duration_secs integer check (call_duration_secs >= 0),
  cost numeric check (cost > '-Infinity' and cost < 'Infinity'),
  cost_fiat numeric check (cost_fiat > '-Infinity' and cost_fiat < 'Infinity'),
  llm_price numeric check (llm_price > '-Infinity' and llm_price < 'Infinity'),
  llm_charge numeric check (llm_charge > '-Infinity' and llm_charge < 'Infinity'),
  call_charge numeric check (call_charge > '-Infinity' and call_charge < 'Infinity'),
  free_minutes_consumed numeric check (free_minutes_consumed > '-Infinity' and free_minutes_consumed < 'Infinity'),
  free_llm_dollars_consumed numeric check (free_llm_dollars_consumed > '-Infinity' and free_llm_dollars_consumed < 'Infinity'),
  dev_discount boolean,
  llm_usage jsonb,
  agent_number text,
  external_number text,
  call_sid text collate "C",
  raw_data jsonb,
  fetched_at timestamptz not null default now(),
  agent_digits text collate "C" generated always as (hourledger.digits_of(agent_number)) stored,
  settled boolean not null generated always as (coalesce(status in ('done', 'failed') and cost is not null, false)) stored,
  asked_ticket bigint not null default 0,
  answered_ticket bigint not null default 0,
  ask_again boolean not null default false,
  asked_at timestamptz
);
comment on table public.elevenlabs_conversations is 'One row for each ElevenLabs conversation, as the detail request gave it last.';
comment on column public.elevenlabs_conversations.classification is 'The rule that decided: agent-number, agent, call or default.';
comment on column public.elevenlabs_conversations.conversation_date is 'Start.';
comment on column public.elevenlabs_conversations.call_duration_secs is 'Seconds.';
comment on column public.elevenlabs_conversations.cost is 'Credits; null while unknown.';
comment on column public.elevenlabs_conversations.cost_fiat is 'US dollars, where ElevenLabs says so itself.';
comment on column public.elevenlabs_conversations.llm_price is 'US dollars that the language model cost.';
comment on column public.elevenlabs_conversations.llm_charge is 'Credits for the language model.';
comment on column public.elevenlabs_conversations.call_charge is 'Credits for the call.';
comment on column public.elevenlabs_conversations.dev_discount is 'Whether the developer discount was applied.';
comment on column public.elevenlabs_conversations.call_sid is 'The Twilio call that carried the conversation.';
comment on column public.elevenlabs_conversations.raw_data is 'The detail response itself, every field and digit.';
comment on column public.elevenlabs_conversations.settled is 'ElevenLabs is not expected to change the conversation any more.';
comment on column public.elevenlabs_conversations.agent_digits is 'The number of agent_number; null where it has none.';

create index conversations_workspace_date on public.elevenlabs_conversations (workspace_id, conversation_date);
create index conversations_date on public.elevenlabs_conversations (conversation_date);
create index conversations_agent_number on public.elevenlabs_conversations (agent_digits, conversation_date) where agent_digits is not null;
create index conversations_agent on public.elevenlabs_conversations (agent_id, conversation_date) where agent_id is not null;
create index conversations_call on public.elevenlabs_conversations (call_sid, conversation_id) where call_sid is not null;
create index conversations_defaulted on public.elevenlabs_conversations (conversation_id) where classification = 'default';
create index conversations_unsettled on public.elevenlabs_conversations (conversation_date) where not settled or ask_again;

create table public.twilio_snapshots (
  workspace_id integer not null references public.workspaces (id),
  snapshot_date timestamptz not null,
  total_calls bigint not null,
  total_cost numeric not null,
  total_duration bigint not null,
  real_minutes bigint not null,
  unpriced_calls bigint not null,
  cost_by_currency jsonb not null,
  rolled_up_at timestamptz not null default now(),
  primary key (workspace_id, snapshot_date)
);
create index twilio_snapshots_date on public.twilio_snapshots (snapshot_date);
comment on table public.twilio_snapshots is 'For each workspace and UTC hour with calls: their exact sums.';
comment on column public.twilio_snapshots.snapshot_date is 'First instant of the UTC hour.';
comment on column public.twilio_snapshots.total_cost is 'Sum of the known costs in the ledger''s currency.';
comment on column public.twilio_snapshots.total_duration is 'Seconds.';
comment on column public.twilio_snapshots.real_minutes is 'Billable minutes: each call rounded up by itself.';
comment on column public.twilio_snapshots.unpriced_calls is 'Calls that may still get a price.';
comment on column public.twilio_snapshots.cost_by_currency is 'Exact sum of each currency that has a known cost, as text.';

create table public.elevenlabs_snapshots (
  workspace_id integer not null references public.workspaces (id),
  snapshot_date timestamptz not null,
  total_conversations bigint not null,
  total_cost numeric not null,
  total_cost_fiat numeric not null,
  total_duration bigint not null,
  credits_without_fiat numeric not null,
  llm_price numeric not null,
  llm_charge numeric not null,
  call_charge numeric not null,
  free_minutes_consumed numeric not null,
  free_llm_dollars_consumed numeric not null,
  dev_discount bigint not null,
  unsettled_conversations bigint not null,
  rolled_up_at timestamptz not null default now(),
  primary key (workspace_id, snapshot_date)
);
create index elevenlabs_snapshots_date on public.elevenlabs_snapshots (snapshot_date);
comment on table public.elevenlabs_snapshots is 'For each workspace and UTC hour with conversations: their exact sums.';
comment on column public.elevenlabs_snapshots.snapshot_date is 'First instant of the UTC hour.';
comment on column public.elevenlabs_snapshots.total_cost is 'Credits.';
comment on column public.elevenlabs_snapshots.total_cost_fiat is 'US dollars, of those conversations that have them.';
comment on column public.elevenlabs_snapshots.credits_without_fiat is 'Credits of the conversations without US dollars of their own.';
comment on column public.elevenlabs_snapshots.llm_price is 'US dollars.';
comment on column public.elevenlabs_snapshots.llm_charge is 'Credits.';
comment on column public.elevenlabs_snapshots.call_charge is 'Credits.';
comment on column public.elevenlabs_snapshots.dev_discount is 'How many conversations were discounted.';
comment on column public.elevenlabs_snapshots.unsettled_conversations is 'Conversations that may still change.';

create table public.rejected_records (
  source text not null check (source in ('twilio', 'elevenlabs')),
  record_key text collate "C" not null,
  id text collate "C",
  day date,
  reason text not null,
  raw_data text not null,
  first_seen_at timestamptz not null default now(),
  asked_at timestamptz,
  asked_ticket bigint not null default 0,
  answered_ticket bigint not null default 0,
  primary key (source, record_key)
);
create index rejected_records_day on public.rejected_records (source, day);
comment on table public.rejected_records is 'Records that cannot be stored, with the reason. A record leaves when it is stored.';
comment on column public.rejected_records.record_key is 'The id; of one beyond a thousand characters its beginning and a hash; a hash of the text where there is none.';
comment on column public.rejected_records.day is 'The day whose list gave the record.';
comment on column public.rejected_records.id is 'The id, of which a thousand characters are kept; null where the record has none.';
comment on column public.rejected_records.raw_data is 'The provider''s text. Where it refused to give the record: an object of ours, with the id and its words.';

create table public.sync_days (
  source text not null check (source in ('twilio', 'elevenlabs')),
  day date not null,
  state text not null default 'planned' check (state in ('planned', 'running', 'open', 'completed', 'failed')),
  fetched bigint not null default 0,
  inserted bigint not null default 0,
  updated bigint not null default 0,
  unchanged bigint not null default 0,
  rejected bigint not null default 0,
  gone bigint not null default 0,
  unsettled bigint not null default 0,
  provider_records bigint,
  provider_cost numeric,
  drift_records bigint,
  drift_cost numeric,
  reconciled_at timestamptz,
  workflow_id text,
  run_id text,
  started_at timestamptz,
  ended_at timestamptz,
  error text,
  daily_sync_run_id text,
  whole_fetch_ticket bigint not null default 0,
  merged_run_id text,
  merged_asked_ticket bigint not null default 0,
  merged_answered_ticket bigint not null default 0,
  others_answered_ticket bigint not null default 0,
  primary key (source, day)
);
create index sync_days_state on public.sync_days (state, source, day);
comment on table public.sync_days is 'The ledger of days: what was read, when, by whom, and how it ended.';
comment on column public.sync_days.state is 'planned, running, open (read before the day and its lookback had ended), completed or failed.';
comment on column public.sync_days.fetched is 'Distinct records that the provider gave for the day.';
comment on column public.sync_days.gone is 'Records that the provider listed, or gave before, and does not know any more.';
comment on column public.sync_days.unsettled is 'Records of the day that were not settled when it was last read.';
comment on column public.sync_days.provider_records is 'The provider''s own count.';
comment on column public.sync_days.provider_cost is 'The provider''s own total.';
comment on column public.sync_days.drift_records is 'The provider''s count less the ledger''s.';
comment on column public.sync_days.drift_cost is 'The provider''s total less the ledger''s.';
comment on column public.sync_days.daily_sync_run_id is 'The first daily sync that took the day on; null where none has.';
comment on column public.sync_days.whole_fetch_ticket is 'Number of the first request of the newest whole fetch that ended: what was answered before it is old.';
comment on column public.sync_days.merged_run_id is 'The run that merged last.';
comment on column public.sync_days.merged_asked_ticket is 'The newest request whose answer this run merged.';
comment on column public.sync_days.merged_answered_ticket is 'The newest answer that this run merged.';
comment on column public.sync_days.others_answered_ticket is 'The newest answer that any run before it merged.';

alter table public.workspaces enable row level security;
alter table public.workspace_phones enable row level security;
alter table public.workspace_agents enable row level security;
alter table public.credit_rates enable row level security;
alter table public.settings enable row level security;
alter table public.calls enable row level security;
alter table public.elevenlabs_conversations enable row level security;
alter table public.twilio_snapshots enable row level security;
alter table public.elevenlabs_snapshots enable row level security;
alter table public.rejected_records enable row level security;
alter table public.sync_days enable row level security;
