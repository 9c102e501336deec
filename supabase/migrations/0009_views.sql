-- Views that people query. They see what the asking role may see (security_invoker), so row-level security holds.

-- What a credit costs in an hour: the newest rate from or before its first instant; no row where there is none.
create function hourledger.rate_at(hour timestamptz) returns table (usd_per_credit numeric)
  language sql stable rows 1 as $$
  select r.usd_per_credit from public.credit_rates r where r.valid_from <= rate_at.hour order by r.valid_from desc limit 1
$$;

-- Both providers side by side, for the hours from p_from on and before p_to. The bounds reach each side's index here: what
-- is asked of an hour behind the join, Postgres looks for only after it has joined all of them.
create function hourledger.costs_between(p_from timestamptz, p_to timestamptz)
  returns table (workspace_id integer, snapshot_date timestamptz, total_calls bigint, total_conversations bigint,
    call_seconds bigint, conversation_seconds bigint, twilio_cost numeric, elevenlabs_credits numeric, elevenlabs_usd numeric,
    total_usd numeric, other_costs jsonb)
  language sql stable as $$
  select
    workspace_id, snapshot_date,
    coalesce(t.total_calls, 0),
    coalesce(e.total_conversations, 0),
    coalesce(t.total_duration, 0),
    coalesce(e.total_duration, 0),
    coalesce(t.total_cost, 0),
    coalesce(e.total_cost, 0),
    usd.elevenlabs,
    case when settings.ledger_currency = 'USD' then coalesce(t.total_cost, 0) + usd.elevenlabs end,
    coalesce(t.cost_by_currency - settings.ledger_currency, '{}')
  from (select * from public.twilio_snapshots where snapshot_date >= p_from and snapshot_date < p_to) t
  full join (select * from public.elevenlabs_snapshots where snapshot_date >= p_from and snapshot_date < p_to) e
    using (workspace_id, snapshot_date)
  cross join public.settings
  left join lateral hourledger.rate_at(snapshot_date) rate on true
  cross join lateral (
    select coalesce(e.total_cost_fiat, 0) + case
      when coalesce(e.credits_without_fiat, 0) = 0 then 0
      else e.credits_without_fiat * rate.usd_per_credit end as elevenlabs
  ) usd
$$;

create view public.communication_costs with (security_invoker = true) as
  select * from hourledger.costs_between('-infinity', 'infinity');
comment on view public.communication_costs is 'Both providers side by side, for each workspace and UTC hour.';
comment on column public.communication_costs.twilio_cost is 'In the ledger''s currency.';
comment on column public.communication_costs.elevenlabs_usd is 'US dollars; null where a credit rate is needed and missing.';
comment on column public.communication_costs.total_usd is 'US dollars; null where elevenlabs_usd is, or where the ledger is kept in another currency.';
comment on column public.communication_costs.other_costs is 'Twilio costs in other currencies, as text; in no total.';

create view public.call_costs with (security_invoker = true) as
  select
    c.conversation_id, c.call_sid, c.workspace_id, c.conversation_date,
    c.call_duration_secs as conversation_seconds, call.duration as call_seconds,
    call.cost as twilio_cost, call.currency as twilio_currency,
    c.cost as elevenlabs_credits, usd.elevenlabs as elevenlabs_usd,
    usd.twilio + usd.elevenlabs as total_usd
  from public.elevenlabs_conversations c
  left join public.calls call on call.id = c.call_sid and call.source = 'twilio'
  left join lateral hourledger.rate_at(hourledger.hour_of(c.conversation_date)) rate on true
  cross join lateral (
    select
      coalesce(c.cost_fiat, case when c.cost = 0 then 0 else c.cost * rate.usd_per_credit end) as elevenlabs,
      case
        when c.call_sid is null then 0
        when call.currency = 'USD' and call.cost is not null then call.cost
        when call.cost is null and call.status in ('busy', 'failed', 'no-answer', 'canceled') then 0
      end as twilio
  ) usd;
comment on view public.call_costs is 'One row for each conversation, with the Twilio call that carried it.';
comment on column public.call_costs.elevenlabs_usd is 'US dollars; null where the cost or the credit rate is unknown.';
comment on column public.call_costs.total_usd is 'US dollars; null while either side is unknown, or the call was paid in another currency.';

create view public.unmapped_numbers with (security_invoker = true) as
  select digits, sum(calls)::bigint as calls, sum(conversations)::bigint as conversations,
    min(first_date) as first_date, max(last_date) as last_date, coalesce(sum(cost), 0) as cost
  from (
    select c.from_digits as digits, count(*) as calls, 0 as conversations,
      min(c.call_date) as first_date, max(c.call_date) as last_date,
      sum(c.cost) filter (where c.currency = settings.ledger_currency) as cost
    from public.calls c cross join public.settings
    where c.classification = 'default' and c.direction in ('outbound-api', 'trunking-terminating')
      and c.from_digits is not null and c.source = 'twilio'
    group by c.from_digits
    union all
    select c.agent_digits, 0, count(*), min(c.conversation_date), max(c.conversation_date), 0
    from public.elevenlabs_conversations c
    where c.agent_digits is not null and c.classification <> 'agent-number'
    group by c.agent_digits
  ) seen
  group by digits;
comment on view public.unmapped_numbers is 'Numbers that records came from while no workspace owned them.';
comment on column public.unmapped_numbers.calls is 'Calls that went to the default workspace because nobody owned the number.';
comment on column public.unmapped_numbers.cost is 'What these calls cost, in the ledger''s currency.';

grant select on public.communication_costs, public.call_costs, public.unmapped_numbers to service_role;

-- What means the same wherever it stands is said once.
do $$
declare
  v_column record;
begin
  for v_column in
    select format('%I.%I', c.relname, a.attname) as name, said.words
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    join (values
      ('workspace_id', 'The workspace.'),
      ('created_at', 'When the row was made.'),
      ('source', 'twilio or elevenlabs.'),
      ('direction', 'As Twilio says: inbound, outbound-api, outbound-dial, trunking-terminating, trunking-originating, or what comes later.'),
      ('status', 'As the provider says.'),
      ('phone_from', 'Who called: a number, a SIP URI, client:… or another text.'),
      ('phone_to', 'Who was called: a number, a SIP URI, client:… or another text.'),
      ('end_date', 'End; null while the call has none.'),
      ('parent_call_sid', 'The call that this one is a leg of.'),
      ('account_sid', 'The Twilio account.'),
      ('conversation_id', 'The conversation''s id at ElevenLabs.'),
      ('agent_id', 'The agent''s id at ElevenLabs.'),
      ('agent_number', 'The number that the agent spoke through; null for web calls.'),
      ('external_number', 'The other side''s number; null for web calls.'),
      ('call_sid', 'The Twilio call that carried the conversation.'),
      ('conversation_date', 'Start of the conversation.'),
      ('free_minutes_consumed', 'Minutes that were free.'),
      ('free_llm_dollars_consumed', 'US dollars of the language model that were free.'),
      ('llm_usage', 'What the language model used, as ElevenLabs says.'),
      ('fetched_at', 'When the stored version was fetched.'),
      ('asked_ticket', 'Number that the request got when it was asked: orders fetches without clocks.'),
      ('answered_ticket', 'Number that the request got when it was answered.'),
      ('ask_again', 'Two fetches that overlapped in time differ: the record is to be asked again.'),
      ('asked_at', 'When the record was last asked by its id.'),
      ('snapshot_date', 'First instant of the UTC hour.'),
      ('total_calls', 'How many calls.'),
      ('total_conversations', 'How many conversations.'),
      ('total_duration', 'Seconds.'),
      ('call_seconds', 'Seconds of Twilio calls.'),
      ('conversation_seconds', 'Seconds of conversations.'),
      ('elevenlabs_credits', 'Credits.'),
      ('twilio_cost', 'Cost of the Twilio call; null while unknown.'),
      ('twilio_currency', 'Currency of twilio_cost.'),
      ('rolled_up_at', 'When the sums were last written.'),
      ('reason', 'Why the record cannot be stored.'),
      ('first_seen_at', 'When the record was first rejected.'),
      ('only_row', 'Holds the table to one row.'),
      ('day', 'UTC day.'),
      ('inserted', 'Records of these that were new.'),
      ('updated', 'Records of these that had changed.'),
      ('unchanged', 'Records of these that were stored already as they are.'),
      ('rejected', 'Records of these that cannot be stored.'),
      ('reconciled_at', 'When the provider''s own totals were last compared.'),
      ('workflow_id', 'The Temporal workflow that read the day last.'),
      ('run_id', 'The run of that workflow.'),
      ('started_at', 'When that run began to read the day.'),
      ('ended_at', 'When that run had read the day, or gave it up.'),
      ('error', 'Why the day could not be read; null when it was.'),
      ('digits', 'The number.'),
      ('conversations', 'Conversations whose agent number nobody owned.'),
      ('first_date', 'Start of the first of these records.'),
      ('last_date', 'Start of the last of these records.'),
      ('id', 'Key of the row.')
    ) said (name, words) on said.name = a.attname
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v') and col_description(c.oid, a.attnum) is null
  loop
    execute format('comment on column public.%s is %L', v_column.name, v_column.words);
  end loop;
end
$$;
comment on column public.rejected_records.id is 'The record''s id; null where it has none.';
