-- Adoption: functions that read what a column or raw_data says without ever failing. What they cannot read is null, and
-- a finding. They are dropped at the end.

create function predecessor.decimal_of(value text) returns numeric
  language sql immutable
  return case when length(value) <= 400 and value ~ '^[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]{1,3})?$' then value::numeric end;

create function predecessor.seconds_of(value text) returns integer
  language sql immutable
  return case when value ~ '^[0-9]{1,10}(\.0+)?$' and value::numeric <= 2147483647 then value::numeric::integer end;

-- An instant in any form that the providers, their SDKs or Postgres write; neither infinity is one.
create function predecessor.date_of(value text) returns timestamptz
  language plpgsql stable as $$
begin
  if value is null or value ~ 'infinity' then
    return null;
  end if;
  -- A column without a time zone held UTC.
  return hourledger.provider_date(
    value || case when value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,}$' then 'Z' else '' end, 'date');
exception when others then
  return null;
end
$$;

create function predecessor.unix_date_of(value text) returns timestamptz
  language sql immutable
  return timestamptz 'epoch' + predecessor.seconds_of(value) * interval '1 second';

-- A JSON object, also one that was stored as the text of its JSON; null for anything else.
create function predecessor.object_of(raw jsonb) returns jsonb
  language plpgsql immutable as $$
begin
  if jsonb_typeof(raw) = 'string' then
    raw := (raw #>> '{}')::jsonb;
  end if;
  return case when jsonb_typeof(raw) = 'object' then raw end;
exception when others then
  return null;
end
$$;

-- The first of the texts that is there: the providers write '' for nothing.
create function predecessor.first_text(variadic texts text[]) returns text
  language sql immutable
  return (select t.value from unnest(texts) with ordinality t (value, position) where t.value <> '' order by t.position limit 1);

-- Whether two figures are the same but for the four decimals that the columns had room for.
create function predecessor.same_but_rounded(exact numeric, stored numeric) returns boolean
  language sql immutable
  return round(exact, 4) = stored or trunc(exact, 4) = stored;

-- A part of a conversation's cost. Where the detail is silent, a 0 of the column is the system's before, not ElevenLabs'.
create function predecessor.charge_of(charging jsonb, col jsonb, name text, is_detail boolean) returns numeric
  language sql immutable
  return coalesce(
    predecessor.decimal_of(charging ->> name),
    case when is_detail then nullif(predecessor.decimal_of(col ->> name), 0) else predecessor.decimal_of(col ->> name) end);

-- The column was made for numbers: not 0 means that the conversation was discounted.
create function predecessor.discount_of(raw text, col text, is_detail boolean) returns boolean
  language sql immutable
  return coalesce(
    case lower(raw) when 'true' then true when 'false' then false end,
    case
      when col in ('true', 't') or predecessor.decimal_of(col) <> 0 then true
      when is_detail then null
      when col in ('false', 'f') or predecessor.decimal_of(col) = 0 then false
    end);
