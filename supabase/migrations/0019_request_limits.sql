-- What the providers take, over all workers: requests a second, and requests at once. A worker leases its part of both.
create table hourledger.request_limits (
  source text primary key check (source in ('twilio', 'elevenlabs')),
  requests_per_second numeric not null check (requests_per_second > 0),
  next_free_at timestamptz not null default now(),
  at_once integer not null default 4 check (at_once >= 1),
  phase text not null default 'growing' check (phase in ('growing', 'settled', 'probing')),
  went_well integer not null default 0,
  probe_every integer not null default 100,
  probes_held integer not null default 0
);
comment on table hourledger.request_limits is 'What all workers together may send to a provider: requests a second, set by people; requests at once, found by trying.';
comment on column hourledger.request_limits.at_once is 'How many requests may be under way: grows until the provider refuses one (429), then stays just below and tries one more, rarely.';
comment on column hourledger.request_limits.went_well is 'Requests accepted while as many as allowed were under way, since at_once or the phase changed.';
comment on column hourledger.request_limits.probe_every is 'After how many such requests one more at once is tried; twice as many each time that this is refused.';
comment on column hourledger.request_limits.probes_held is 'How many probes in a row were not refused.';
insert into hourledger.request_limits (source, requests_per_second) values ('twilio', 100), ('elevenlabs', 5000);

-- A worker's part of at_once, until it expires. What it holds is at least what it had under way when it said so: a share
-- that was cut is free for others only once the requests beyond it have been answered.
create table hourledger.request_shares (
  source text not null references hourledger.request_limits on delete cascade,
  holder text not null,
  share integer not null check (share >= 0),
  wants integer not null check (wants >= 0),
  turn_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (source, holder)
);
comment on table hourledger.request_shares is 'Which worker may have how many requests under way at a provider at once; together never more than at_once.';
comment on column hourledger.request_shares.wants is 'How many it could have under way, if it were allowed to.';
comment on column hourledger.request_shares.turn_at is 'Since when it has had a share, or none: with fewer at once than workers, they take turns.';

-- What a report makes of the level. Doubles each round until the first refusal. From then on each refusal takes one away,
-- because it says that there was just one too many; a burst of them so ends at the provider's limit. Then one more is tried,
-- rarely: at most one request in 360 is refused, and whoever has a high level asks more rarely still. As long as probes
-- hold for three rounds, it climbs on in growing steps: somebody who shared the limit may have gone.
create function hourledger.adapt_level(p_limit hourledger.request_limits, p_went_well integer, p_refused integer)
  returns hourledger.request_limits
  language plpgsql immutable set search_path = hourledger, public, pg_temp as $$
declare
  v_probe_every_max constant integer := greatest(least(360, 250 * p_limit.at_once), 90 * p_limit.at_once);
  v_change integer := 0;
begin
  if p_refused > 0 then
    if p_limit.phase = 'probing' and p_limit.probes_held = 0 then
      p_limit.probe_every := least(p_limit.probe_every * 2, v_probe_every_max);
    end if;
    p_limit.phase := 'settled';
    p_limit.probes_held := 0;
    v_change := -p_refused;
  else
    p_limit.went_well := p_limit.went_well + p_went_well;
    if p_limit.phase = 'growing' and p_limit.went_well >= p_limit.at_once then
      v_change := p_limit.at_once;
    elsif p_limit.phase = 'settled' and p_limit.went_well >= least(p_limit.probe_every, v_probe_every_max) then
      p_limit.phase := 'probing';
      v_change := 1;
    elsif p_limit.phase = 'probing' and p_limit.went_well >= 3 * p_limit.at_once then
      p_limit.probes_held := p_limit.probes_held + 1;
      -- Once can be a slot that somebody else had free for a moment; twice, that there is room.
      if p_limit.probes_held > 1 then p_limit.probe_every := 100; end if;
      v_change := 2 ^ least(p_limit.probes_held - 1, 10);
    end if;
  end if;
  if v_change <> 0 then
    p_limit.at_once := greatest(1, p_limit.at_once + v_change);
    p_limit.went_well := 0;
  end if;
  return p_limit;
end
$$;
comment on function hourledger.adapt_level is 'The limits after a report of so many requests that went well, and so many that were refused.';

-- Evenly among those who want some; what one does not want is the others'. Whoever has most keeps the odd one, so that it
-- does not wander. Where there are fewer than workers, a turn is a second: who has had one goes behind those who wait.
create function hourledger.fair_share(p_source text, p_holder text, p_at_once integer) returns integer
  language plpgsql stable set search_path = hourledger, public, pg_temp as $$
declare
  v_left integer := p_at_once;
  v_count integer := (select count(*) from request_shares where source = p_source and wants > 0);
  v_each integer;
  v_row record;
begin
  for v_row in
    select holder, wants from request_shares s
    cross join lateral (select extract(epoch from clock_timestamp() - turn_at) as seconds) t
    where source = p_source and wants > 0
    order by case when p_at_once < v_count then case when share > 0 then 2 - seconds else seconds end end,
      least(wants, p_at_once), share, holder = p_holder
  loop
    v_each := least(v_row.wants, v_left / v_count);
    if v_row.holder = p_holder then return v_each; end if;
    v_left := v_left - v_each;
    v_count := v_count - 1;
  end loop;
  return 0;
end
$$;
comment on function hourledger.fair_share is 'How many of the requests at once a worker should have, going by what all of them want.';

create function public.lease_requests(p_source text, p_holder text, p_requests integer, p_wants integer,
    p_under_way integer, p_went_well integer, p_refused integer) returns jsonb
  language plpgsql set search_path = hourledger, public, pg_temp as $$
declare
  v_limit hourledger.request_limits;
  v_now timestamptz;
  v_held integer;
  v_refused integer;
  v_others record;
  v_fair integer;
  v_share integer;
begin
  select * into strict v_limit from request_limits where source = p_source for update;
  v_now := clock_timestamp();
  delete from request_shares where source = p_source and expires_at <= v_now;
  select coalesce(sum(share) filter (where holder <> p_holder), 0) as share,
    coalesce(sum(wants) filter (where holder <> p_holder), 0) as wants,
    coalesce(sum(share) filter (where holder = p_holder), 0) as own
    into v_others from request_shares where source = p_source;
  v_held := v_others.own;
  -- Who holds nothing any more was refused because others hold it now, which says nothing about the limit.
  v_refused := least(p_refused, v_held);
  -- As long as a part of the level is nobody's, what goes well says nothing either.
  v_limit := adapt_level(v_limit,
    case when v_others.share + v_held >= v_limit.at_once then p_went_well else 0 end, v_refused);

  insert into request_shares as s (source, holder, share, wants, turn_at, expires_at)
    values (p_source, p_holder, 0, p_wants, v_now, v_now + interval '5 seconds')
    on conflict (source, holder) do update set wants = excluded.wants, expires_at = excluded.expires_at;
  -- Until the limit is found, who came first looks for it alone: that takes some rounds, and half of them would take twice as
  -- many. Then all have their parts.
  v_fair := case when v_limit.phase = 'growing' then p_wants else fair_share(p_source, p_holder, v_limit.at_once) end;
  v_share := greatest(0, least(v_fair, v_limit.at_once - v_others.share));
  if p_wants = 0 and p_under_way = 0 then
    delete from request_shares where source = p_source and holder = p_holder;
  else
    update request_shares
      set share = greatest(v_share, least(p_under_way, v_held - v_refused)),
        turn_at = case when (share > 0) = (v_share > 0) then turn_at else v_now end
      where source = p_source and holder = p_holder;
  end if;

  if p_requests > 0 then v_limit.next_free_at := greatest(v_limit.next_free_at, v_now); end if;
  update request_limits
    set next_free_at = v_limit.next_free_at + (p_requests / v_limit.requests_per_second) * interval '1 second',
      at_once = v_limit.at_once, phase = v_limit.phase, went_well = v_limit.went_well,
      probe_every = v_limit.probe_every, probes_held = v_limit.probes_held
    where source = p_source;
  return jsonb_build_object(
    'waitMs', greatest(0, ceil(extract(epoch from v_limit.next_free_at - clock_timestamp()) * 1000)),
    'spacingMs', round(1000 / v_limit.requests_per_second, 3),
    'share', v_share,
    'isShared', exists (select from request_shares where source = p_source and holder <> p_holder),
    'expiresInMs', 5000,
    -- Sooner where others are about to give back what is this one's, or may do so.
    'renewInMs', case when v_share < v_fair then 100 when p_wants > v_share and v_others.wants > 0 then 250 else 1000 end,
    'renewAfter', case v_limit.phase when 'growing' then greatest(v_share, 1) when 'probing' then 3 * greatest(v_share, 1) end);
end
$$;
comment on function public.lease_requests is 'Renews a worker''s share of the requests at once, after a report of how its requests went, and reserves a block of requests: how long to wait before the first, and how far apart they are to be.';
