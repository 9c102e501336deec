/** Breaks of L3: an older fetch never overwrites a newer one, and two that overlapped decide nothing. */
const pages = 'supabase/migrations/0006_pages.sql';
const days = 'supabase/migrations/0008_days.sql';
const hints = 'supabase/migrations/0014_hints.sql';
const mergeCalls = 'create function hourledger.merge_calls(';
const mergeConversations = 'create function hourledger.merge_conversations(';
const verdict = 'create function hourledger.verdict_of(';
const newest = ['test/laws/newest-wins.test.ts'];
const isolation = ['test/database/isolation.test.ts'];
const overlaps = ['test/laws/overlaps.test.ts'];

const tickets = [
  {
    name: 'arrival-wins',
    breaks: 'Whichever answer is merged last wins, whenever it was asked.',
    file: pages,
    inside: mergeCalls,
    find: 'where excluded.asked_ticket > stored.answered_ticket',
    replacement: 'where true',
    tests: overlaps,
  },
  {
    name: 'arrival-of-conversations-wins',
    breaks: 'Whichever detail is merged last wins, whenever it was asked.',
    file: pages,
    inside: mergeConversations,
    find: 'where excluded.asked_ticket > stored.answered_ticket',
    replacement: 'where true',
    tests: overlaps,
  },
  {
    name: 'order-of-asking-wins',
    breaks: 'An answer wins that was asked later, although the two overlapped in time.',
    file: pages,
    inside: mergeCalls,
    find: 'where excluded.asked_ticket > stored.answered_ticket',
    replacement: 'where excluded.asked_ticket > stored.asked_ticket',
    tests: overlaps,
  },
  {
    name: 'older-answers-in-doubt',
    breaks: 'An answer from before the row was asked puts it in doubt, instead of losing.',
    file: pages,
    inside: mergeCalls,
    find: 'and p_page.answered_ticket >= stored.asked_ticket',
    replacement: '',
    tests: newest,
  },
  {
    name: 'overlap-unnoticed',
    breaks: 'Two answers that overlapped in time and differ put nothing in doubt.',
    file: pages,
    inside: mergeCalls,
    find: `when 'newer' then p_page.asked_ticket <= stored.answered_ticket`,
    replacement: `when 'newer' then false`,
    tests: overlaps,
  },
  {
    name: 'overlap-of-conversations-unnoticed',
    breaks: 'Two details that overlapped in time and differ put nothing in doubt.',
    file: pages,
    inside: mergeConversations,
    find: `when 'newer' then p_page.asked_ticket <= stored.answered_ticket`,
    replacement: `when 'newer' then false`,
    tests: overlaps,
  },
  {
    name: 'doubt-narrowed-behind',
    breaks: 'A row in doubt forgets when the later of its answers came.',
    file: pages,
    inside: mergeCalls,
    find: 'answered_ticket = greatest(stored.answered_ticket, p_page.answered_ticket)',
    replacement: 'answered_ticket = stored.answered_ticket',
    tests: overlaps,
  },
  {
    name: 'doubt-never-ends',
    breaks: 'A row stays in doubt after an answer has decided.',
    file: pages,
    inside: mergeCalls,
    find: 'ask_again = false, fetched_at = now()',
    replacement: 'fetched_at = now()',
    tests: newest,
  },
];

const verdicts = [
  {
    name: 'verdict-always-newer',
    breaks: 'What else was read of the day is not asked at all.',
    file: pages,
    inside: verdict,
    find: 'where d.source = p_source and d.day = p_day',
    replacement: 'where d.source = p_source and d.day = p_day and false',
    tests: newest,
  },
  {
    name: 'older-verdict-ignored',
    breaks: 'A page from before a newer whole fetch of its day is taken for new.',
    file: pages,
    inside: verdict,
    find: `then 'older'`,
    replacement: `then 'newer'`,
    tests: newest,
  },
  {
    name: 'undecided-verdict-ignored',
    breaks: 'A page that overlapped with what another run merged is taken for new.',
    file: pages,
    inside: verdict,
    find: `then 'undecided'`,
    replacement: `then 'newer'`,
    tests: newest,
  },
  {
    name: 'whole-fetch-of-conversations-decides',
    breaks: 'A whole fetch that asked for no settled conversation makes their details old.',
    file: pages,
    inside: verdict,
    find: `d.whole_fetch_ticket > p_answered and p_source = 'twilio'`,
    replacement: 'd.whole_fetch_ticket > p_answered',
    tests: newest,
  },
  {
    name: 'moved-elsewhere-ignored',
    breaks: 'A record that stands on another day than the page is judged by nothing but its tickets.',
    file: pages,
    inside: mergeCalls,
    find: 'then verdict_elsewhere(p_page, day_of(stored.call_date))',
    replacement: `then 'newer'`,
    tests: newest,
  },
  {
    name: 'own-day-ignored-elsewhere',
    breaks: 'A record that has moved is judged by the day that it stood on, and not by the day of the page.',
    file: pages,
    find: `when 'older' in (p_page.verdict, v) then 'older'`,
    replacement: `when v = 'older' then 'older'`,
    tests: overlaps,
  },
  {
    name: 'overlap-on-own-day-ignored-elsewhere',
    breaks: 'A record that has moved is in no doubt by what overlapped on the day of the page.',
    file: pages,
    find: `when 'undecided' in (p_page.verdict, v) then 'undecided'`,
    replacement: `when v = 'undecided' then 'undecided'`,
    tests: overlaps,
  },
  {
    name: 'first-run-forgotten',
    breaks: 'When a third run merges, what the first of them merged is forgotten.',
    file: pages,
    find: 'else greatest(d.others_answered_ticket, d.merged_answered_ticket) end,',
    replacement: 'else d.others_answered_ticket end,',
    tests: overlaps,
  },
  {
    name: 'whole-fetch-dated-by-its-end',
    breaks: 'What was answered while a whole fetch was under way counts as older than it.',
    file: days,
    find: 'whole_fetch_ticket = greatest(d.whole_fetch_ticket, r.first_ticket)',
    replacement: `whole_fetch_ticket = nextval('tickets')`,
    tests: overlaps,
  },
  {
    name: 'whole-fetch-unnoted',
    breaks: 'A whole fetch of a day is not noted.',
    file: days,
    find: 'whole_fetch_ticket = greatest(d.whole_fetch_ticket, r.first_ticket)',
    replacement: 'whole_fetch_ticket = d.whole_fetch_ticket',
    tests: newest,
  },
];

const locks = [
  {
    name: 'days-not-locked',
    breaks: 'Two merges of one day do not wait for each other.',
    file: pages,
    find: `pg_advisory_xact_lock(hashtextextended('hourledger day '`,
    replacement: `abs(hashtextextended('hourledger day '`,
    tests: isolation,
  },
  {
    name: 'verdict-read-before-the-lock',
    breaks: 'What else was read of a day is looked up before its lock is had.',
    file: pages,
    edits: [
      { find: 'perform lock_days(p_page.source, days_of_page(p_page));\n', replacement: '' },
      {
        inside: 'create function hourledger.merge_whole(',
        find: '  begin\n    v_outcome :=',
        replacement: '  perform lock_days(p_page.source, days_of_page(p_page));\n  begin\n    v_outcome :=',
      },
    ],
    tests: isolation,
  },
];

const latecomers = [
  {
    name: 'stale-attempt-replaces-its-successor',
    breaks: 'A page of an attempt that was given up replaces that of the later attempt.',
    file: pages,
    find: 'and excluded.asked_ticket > standing.asked_ticket',
    replacement: '',
    tests: newest,
  },
  {
    name: 'merged-page-staged-again',
    breaks: 'A page that is merged is replaced by a later attempt, and could be merged twice.',
    file: pages,
    find: 'where standing.merged_counts is null and',
    replacement: 'where',
    tests: newest,
  },
  {
    name: 'late-attempt-wins',
    breaks: 'What an attempt stages late that was given up wins against what its run merged since.',
    file: pages,
    inside: verdict,
    find: 'or d.merged_run_id = p_run_id and d.merged_asked_ticket > p_asked',
    replacement: '',
    tests: ['test/database/late-pages.test.ts'],
  },
  {
    name: 'waiting-details-in-any-order',
    breaks: 'Details that wait to be merged are not merged in the order in which they were asked.',
    file: days,
    find: 'order by staged.asked_ticket, staged.page_id',
    replacement: 'order by staged.page_id',
    tests: ['test/database/late-pages.test.ts'],
  },
  {
    name: 'older-answer-ends-a-rejection',
    breaks: 'An older version that could be stored ends the rejection of a newer one.',
    file: pages,
    find: ' and r.answered_ticket < p_page.asked_ticket\n',
    replacement: '\n',
    tests: ['test/database/rejected-records.test.ts'],
  },
  {
    name: 'older-answer-rejects',
    breaks: 'An older version that cannot be stored is rejected beside a newer one that is.',
    file: pages,
    find: `where p_page.source = 'twilio' and c.id = p_id and c.asked_ticket > p_page.answered_ticket`,
    replacement: 'where false',
    tests: ['test/database/rejected-records.test.ts'],
  },
  {
    name: 'hint-ended-by-an-earlier-answer',
    breaks: 'A hint ends with an answer to a request from before it.',
    file: hints,
    find: 'and p.asked_ticket > h.ticket',
    replacement: '',
    tests: ['test/database/hints.test.ts'],
  },
];

export const newestWins = [...tickets, ...verdicts, ...locks, ...latecomers].map((one) => ({
  law: 'L3',
  ...one,
}));
