/** Breaks of L5: a daily sync covers whole days from its nominal time, leaves no gap, and a second run changes nothing. */
const days = 'supabase/migrations/0008_days.sql';
const pages = 'supabase/migrations/0006_pages.sql';
const tests = ['test/database/days.test.ts'];
const testsOfPages = ['test/database/pages.test.ts'];

const window = [
  {
    name: 'window-includes-midnight',
    breaks: 'At 00:00 the day that just begins is read too.',
    file: days,
    find: `day_of(p_nominal - interval '1 microsecond')`,
    replacement: 'day_of(p_nominal)',
    tests,
  },
  {
    name: 'window-a-day-short',
    breaks: 'The window begins a day too late.',
    file: days,
    find: `day_of(p_nominal - interval '24 hours') - v_lookback`,
    replacement: `day_of(p_nominal - interval '24 hours') + 1 - v_lookback`,
    tests,
  },
  {
    name: 'window-from-the-clock',
    breaks: 'The window is computed from when the run started, and not from when it was due.',
    file: 'workflows/daily-sync.ts',
    find: 'typedSearchAttributes.get(scheduledStartTime) ?? startTime',
    replacement: 'startTime',
    tests: ['test/workflows/daily-sync.test.ts'],
  },
  {
    name: 'window-from-the-database-clock',
    breaks: 'The days of a sync are planned from the clock of the database.',
    file: days,
    find: `day_of(p_nominal - interval '24 hours')`,
    replacement: `day_of(now() - interval '24 hours')`,
    tests,
  },
  {
    name: 'last-day-of-twilio-left-out',
    breaks: 'The filter of the list ends where it begins.',
    file: 'providers/twilio/client.ts',
    find: `'StartTime<': nextDay(day)`,
    replacement: `'StartTime<': day`,
    tests: ['test/providers/twilio-client.test.ts'],
  },
  {
    name: 'no-margin-around-the-day',
    breaks: 'Conversations are listed without a margin, although the bounds may be exclusive.',
    file: 'providers/elevenlabs/client.ts',
    find: 'const marginSecs = 60;',
    replacement: 'const marginSecs = 0;',
    tests: ['test/providers/elevenlabs-client.test.ts'],
  },
  {
    name: 'records-of-other-days-taken',
    breaks: 'A page brings in records of days that it was not asked for.',
    file: pages,
    inside: 'create function hourledger.merge_calls(',
    find: 'else p_page.day is null or (r.call_date >= v_begin and r.call_date < v_end)',
    replacement: 'else true',
    tests: testsOfPages,
  },
];

const gaps = [
  {
    name: 'days-of-an-outage-left-out',
    breaks: 'Days between the last sync and this one are not taken up.',
    file: days,
    find: 'generate_series((v_newest + 1)::timestamp,',
    replacement: 'generate_series(v_first::timestamp,',
    tests,
  },
  {
    name: 'failed-days-left-out',
    breaks: 'Days that failed, or were open, are not taken up again.',
    file: days,
    find: `where d.source = p_source and d.day < v_first and d.state <> 'completed'`,
    replacement: `where false and d.source = p_source and d.day < v_first and d.state <> 'completed'`,
    tests,
  },
  {
    name: 'outage-day-begun-elsewhere-left-out',
    breaks: 'A day of an outage that a backfill began and did not complete is not taken up.',
    file: days,
    find: `where not exists (select from sync_days d where d.source = p_source and d.day = g::date and d.state = 'completed')`,
    replacement: 'where not exists (select from sync_days d where d.source = p_source and d.day = g::date)',
    tests,
  },
  {
    name: 'retry-plans-other-days',
    breaks: 'A retry of a plan counts what the first attempt noted as the sync before.',
    file: days,
    find: 'where source = p_source and daily_sync_run_id is not null and daily_sync_run_id <> p_run_id);',
    replacement: 'where source = p_source and daily_sync_run_id is not null);',
    tests,
  },
  {
    name: 'backfills-count-as-syncs',
    breaks: 'A backfill of one old day makes the next sync read everything since then.',
    file: days,
    find: 'where source = p_source and daily_sync_run_id is not null and daily_sync_run_id <> p_run_id);',
    replacement: 'where source = p_source and daily_sync_run_id is distinct from p_run_id);',
    tests,
  },
  {
    name: 'day-completed-by-its-last-page',
    breaks: 'A day is completed when its last page came after it was over, although the first came before.',
    file: days,
    find: 'when r.first_asked_at >= (r.day + 1',
    replacement: 'when now() >= (r.day + 1',
    tests,
  },
  {
    name: 'day-completed-too-early',
    breaks: 'A day is completed a day before its lookback has ended.',
    file: days,
    find: 'when r.first_asked_at >= (r.day + 1',
    replacement: 'when r.first_asked_at >= (r.day',
    tests,
  },
  {
    name: 'completed-day-reopened',
    breaks: 'A completed day is running while it is read again.',
    file: pages,
    find: `case when known.state = 'completed' then 'completed' else 'running' end`,
    replacement: `'running'`,
    tests,
  },
];

const again = [
  {
    name: 'unchanged-rows-written',
    breaks: 'A second run writes rows that have not changed.',
    file: pages,
    inside: 'create function hourledger.merge_calls(',
    find: 'p_page.day is not null and i.is_same',
    replacement: 'false and i.is_same',
    tests: testsOfPages,
  },
  {
    name: 'repeated-records-counted-twice',
    breaks: 'A record that two pages of a day repeat counts twice in its day.',
    file: days,
    find: 'group by p.day, o.id\n',
    replacement: 'group by p.day, o.id, p.page_id\n',
    tests: testsOfPages,
  },
];

export const windows = [...window, ...gaps, ...again].map((one) => ({ law: 'L5', ...one }));
