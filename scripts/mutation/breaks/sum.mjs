/** Breaks of L1: a snapshot is the exact sum of its raw rows, and exists exactly where raw rows do. */
const drain = 'supabase/migrations/0007_drain.sql';
const dirt = 'supabase/migrations/0005_dirt.sql';
const snapshots = 'supabase/migrations/0012_snapshots.sql';
const isolation = ['test/database/isolation.test.ts'];
const mappingRaces = ['test/database/mapping-races.test.ts'];
const orders = ['test/laws/orders.test.ts'];
const moved = ['test/laws/changes.test.ts'];
const clear = ['test/database/clear.test.ts'];

const sums = [
  {
    name: 'hours-not-locked',
    breaks: 'Two drains of one hour do not wait for each other.',
    file: drain,
    find: `pg_advisory_xact_lock(hashtextextended('hourledger hours of '`,
    replacement: `abs(hashtextextended('hourledger hours of '`,
    tests: isolation,
  },
  {
    name: 'hours-read-with-their-lock',
    breaks: 'The raw rows of an hour are read in the statement that waits for its lock.',
    file: drain,
    edits: [
      {
        find: `pg_advisory_xact_lock(hashtextextended('hourledger hours of '`,
        replacement: `abs(hashtextextended('hourledger hours of '`,
      },
      {
        inside: 'create function hourledger.rollup_twilio(',
        find: `select * from unnest(p_workspaces, p_hours) w (workspace_id, hour)`,
        replacement: `select w.* from unnest(p_workspaces, p_hours) w (workspace_id, hour) cross join lateral
          (select pg_advisory_xact_lock(hashtextextended(w::text, 0)) offset 0) l`,
      },
    ],
    tests: isolation,
  },
  {
    name: 'days-locked-backwards',
    breaks: 'A drain locks later days first, and holds up drains that it has no need to wait for.',
    file: drain,
    find: 'from unnest(p_hours) h order by 1) days;',
    replacement: 'from unnest(p_hours) h order by 1 desc) days;',
    tests: isolation,
  },
  {
    name: 'sums-incremented',
    breaks: 'A snapshot adds what it finds to what it had, instead of being computed anew.',
    file: drain,
    find: 'set total_calls = excluded.total_calls,',
    replacement: 'set total_calls = s.total_calls + excluded.total_calls,',
    tests: isolation,
  },
  {
    name: 'empty-hours-stay',
    breaks: 'A snapshot stays when the last call of its hour has left.',
    file: drain,
    inside: 'create function hourledger.rollup_twilio(',
    find: 'and not exists (select from sums',
    replacement: 'and false and not exists (select from sums',
    tests: mappingRaces,
  },
  {
    name: 'empty-hours-of-conversations-stay',
    breaks: 'A snapshot stays when the last conversation of its hour has left.',
    file: drain,
    inside: 'create function hourledger.rollup_elevenlabs(',
    find: 'and not exists (select from sums',
    replacement: 'and false and not exists (select from sums',
    tests: moved,
  },
  {
    name: 'next-hour-counted-too',
    breaks: 'A call at the first instant of the next hour counts in both (`<=` for `<`).',
    file: drain,
    find: `c.call_date < w.hour + interval '1 hour'`,
    replacement: `c.call_date <= w.hour + interval '1 hour'`,
    tests: orders,
  },
  {
    name: 'first-instant-left-out',
    breaks: 'A conversation at the first instant of its hour counts nowhere (`>` for `>=`).',
    file: drain,
    find: 'c.conversation_date >= w.hour',
    replacement: 'c.conversation_date > w.hour',
    tests: orders,
  },
  {
    name: 'minutes-rounded-together',
    breaks: 'Billable minutes are rounded up once an hour, and not for each call.',
    file: drain,
    find: 'coalesce(sum((c.duration::bigint + 59) / 60), 0) as minutes',
    replacement: '(coalesce(sum(c.duration::bigint), 0) + 59) / 60 as minutes',
    tests: orders,
  },
  {
    name: 'verify-misses-missing-hours',
    breaks: 'Verifying compares only fields that both sides have.',
    file: snapshots,
    find: 'where e.amount is distinct from s.amount',
    replacement: 'where e.amount <> s.amount',
    tests: clear,
  },
];

const changes = [
  {
    name: 'new-calls-leave-no-dirty-hour',
    breaks: 'The hour of a call that is stored first is not noted.',
    file: dirt,
    inside: 'create function hourledger.note_inserted_calls(',
    find: `from new_rows where source = 'twilio'`,
    replacement: `from new_rows where source = 'twilio' and false`,
    tests: isolation,
  },
  {
    name: 'old-hour-of-a-call-forgotten',
    breaks: 'The workspace and hour that a call leaves are not noted.',
    file: dirt,
    inside: 'create function hourledger.note_updated_calls(',
    find: `from old_rows where source = 'twilio' and id = any (v_changed)`,
    replacement: `from old_rows where source = 'twilio' and id = any (v_changed) and false`,
    tests: mappingRaces,
  },
  {
    name: 'new-hour-of-a-call-forgotten',
    breaks: 'The workspace and hour that a call moves to are not noted.',
    file: dirt,
    inside: 'create function hourledger.note_updated_calls(',
    find: `from new_rows where source = 'twilio' and id = any (v_changed)`,
    replacement: `from new_rows where source = 'twilio' and id = any (v_changed) and false`,
    tests: mappingRaces,
  },
  {
    name: 'hour-of-a-deleted-call-forgotten',
    breaks: 'The hour of a call that somebody deletes is not noted.',
    file: dirt,
    inside: 'create function hourledger.note_deleted_calls(',
    find: `from old_rows where source = 'twilio'`,
    replacement: `from old_rows where source = 'twilio' and false`,
    tests: isolation,
  },
  {
    name: 'hours-of-conversations-forgotten',
    breaks: 'The workspace and hour that a conversation leaves are not noted.',
    file: dirt,
    inside: 'create function hourledger.note_updated_conversations(',
    find: 'from old_rows where conversation_id = any (v_changed)',
    replacement: 'from old_rows where conversation_id = any (v_changed) and false',
    tests: moved,
  },
  {
    name: 'hour-of-a-deleted-conversation-forgotten',
    breaks: 'The hour of a conversation that somebody deletes is not noted.',
    file: dirt,
    inside: 'create function hourledger.note_deleted_conversations(',
    find: 'hourledger.hour_of(conversation_date) from old_rows',
    replacement: 'hourledger.hour_of(conversation_date) from old_rows where false',
    tests: moved,
  },
  {
    name: 'change-of-cost-unseen',
    breaks: 'A call whose cost alone has changed makes nothing stale.',
    file: dirt,
    inside: 'create function hourledger.note_updated_calls(',
    find: 'o.duration, o.cost, o.currency',
    replacement: 'o.duration, n.cost, o.currency',
    tests: isolation,
  },
  {
    name: 'change-of-currency-unfollowed',
    breaks: 'The snapshots are not computed anew when the ledger gets another currency.',
    file: dirt,
    find: `insert into hourledger.dirty_keys (kind, keys) values ('currency', '{}');`,
    replacement: '',
    tests: isolation,
  },
  {
    name: 'currency-not-locked-by-drains',
    breaks: 'A drain that sums in the old currency does not hold up the change of the currency.',
    file: drain,
    find: `pg_advisory_xact_lock_shared(hashtextextended('hourledger currency', 0))`,
    replacement: `hashtextextended('hourledger currency', 0)`,
    tests: isolation,
  },
  {
    name: 'currency-not-locked-by-its-change',
    breaks: 'The change of the currency does not wait for drains that sum in the old one.',
    file: dirt,
    find: `pg_advisory_xact_lock(hashtextextended('hourledger currency', 0))`,
    replacement: `hashtextextended('hourledger currency', 0)`,
    tests: isolation,
  },
  {
    name: 'truncate-allowed',
    breaks: 'Calls can be truncated, which no trigger of rows sees.',
    file: dirt,
    find: 'create trigger refuse_truncate before truncate on public.calls ',
    replacement: '-- create trigger refuse_truncate before truncate on public.calls ',
    tests: isolation,
  },
  {
    name: 'failing-dirt-holds-up-all',
    breaks: 'Hours that cannot be summed fail their batch, and are not set aside.',
    file: drain,
    inside: 'create function public.rollup_dirt(',
    find: 'foreach v_dirt in array v_taken loop',
    replacement: 'raise;\n      foreach v_dirt in array v_taken loop',
    tests: isolation,
  },
  {
    name: 'waits-set-aside',
    breaks: 'Dirt is set aside when a lock takes too long, and waits for a person.',
    file: drain,
    find: `'^(40|53|55|57|58)'`,
    replacement: `'^(40|53|57|58)'`,
    tests: isolation,
  },
];

const clearing = [
  {
    name: 'cleared-mark-not-ended',
    breaks: 'The mark of a cleared hour stays when the hour has a snapshot again.',
    file: snapshots,
    find: 'and m.hour = n.snapshot_date;',
    replacement: 'and m.hour = n.snapshot_date and false;',
    tests: clear,
  },
  {
    name: 'clearing-keeps-old-dirt',
    breaks: 'Dirt from before a clear brings its hours back.',
    file: snapshots,
    find: 'delete from dirty_hours d using taken where d.id = taken.id;',
    replacement: 'delete from dirty_hours d using taken where d.id = taken.id and false;',
    tests: clear,
  },
  {
    name: 'clearing-overtakes-a-drain',
    breaks: 'A clear does not wait for a drain that has taken dirt of its day.',
    file: snapshots,
    inside: 'create function hourledger.recompute_day(',
    find: 'order by id for update',
    replacement: 'order by id for update skip locked',
    tests: clear,
  },
  {
    name: 'clearing-leaves-no-mark',
    breaks: 'A clear deletes snapshots without a mark.',
    file: snapshots,
    find: '(select * from gone union all select * from also_gone) hours',
    replacement: '(select * from gone union all select * from also_gone) hours where false',
    tests: clear,
  },
];

export const sum = [...sums, ...changes, ...clearing].map((one) => ({ law: 'L1', ...one }));
