/** Breaks of L6, that what is not settled is asked again; and of the rule that nothing is deleted. */
const settling = 'supabase/migrations/0015_settling.sql';
const pages = 'supabase/migrations/0006_pages.sql';
const ledger = 'supabase/migrations/0003_ledger.sql';
const days = 'supabase/migrations/0008_days.sql';
const drain = 'supabase/migrations/0007_drain.sql';
const testsOfDays = ['test/database/days.test.ts'];
const endToEnd = ['test/end-to-end/settling.test.ts'];
const orders = ['test/laws/orders.test.ts'];
const since = `> least(p_nominal, coalesce((select min(d) from unnest(p_unordered_days) d)::timestamp at time zone 'UTC', p_nominal)) - interval '14 days'`;

const asking = [
  {
    name: 'given-up-an-instant-late',
    breaks: 'A record is asked for at the instant at which its 14 days have passed (`>=` for `>`).',
    file: settling,
    edits: [
      { find: `c.call_date ${since}`, replacement: `c.call_date >= p_nominal - interval '14 days'` },
      {
        find: `p_unordered_days is null and o.started > p_nominal`,
        replacement: `p_unordered_days is null and o.started >= p_nominal`,
      },
    ],
    tests: testsOfDays,
  },
  {
    name: 'given-up-a-day-early',
    breaks: 'A record is given up after 13 days.',
    file: settling,
    find: `p_unordered_days is null and o.started > p_nominal - interval '14 days'`,
    replacement: `p_unordered_days is null and o.started > p_nominal - interval '13 days'`,
    tests: testsOfDays,
  },
  {
    name: 'conversations-never-given-up',
    breaks: 'Conversations are asked for however old they are.',
    file: settling,
    edits: [
      { find: `c.conversation_date ${since}`, replacement: 'true' },
      {
        find: `p_unordered_days is null and o.started > p_nominal - interval '14 days'`,
        replacement: 'p_unordered_days is null',
      },
    ],
    tests: endToEnd,
  },
  {
    name: 'asked-in-the-order-of-ids',
    breaks: 'Those least recently asked do not come first.',
    file: settling,
    edits: [
      { find: 'order by 2 nulls first, 1', replacement: 'order by 1' },
      {
        find: 'from due order by asked_at nulls first, id limit p_limit)',
        replacement: 'from due order by id limit p_limit)',
      },
    ],
    tests: testsOfDays,
  },
  {
    name: 'rejected-not-asked',
    breaks: 'Records that could not be stored are not asked for again.',
    file: settling,
    find: 'where r.source = p_source and r.id = r.record_key',
    replacement: 'where false and r.source = p_source and r.id = r.record_key',
    tests: testsOfDays,
  },
  {
    name: 'asked-again-in-one-run',
    breaks: 'A run asks for a record again and again.',
    file: settling,
    find: 'where (o.asked_at is null or o.asked_at < v_began)',
    replacement: 'where true',
    tests: testsOfDays,
  },
  {
    name: 'asking-not-noted',
    breaks: 'It is not noted when a record was asked last.',
    file: pages,
    find: 'update calls set asked_at = now() where id = any (p_page.ids);',
    replacement: 'null;',
    tests: testsOfDays,
  },
  {
    name: 'moved-records-not-asked',
    breaks: 'A record is not asked for when its day was listed, although the list did not have it.',
    file: settling,
    find: 'l.day = day_of(o.started) and l.id = o.id',
    replacement: 'l.day = day_of(o.started)',
    tests: endToEnd,
  },
  {
    name: 'single-calls-listed',
    breaks: 'A whole day is listed for the sake of a single call.',
    file: settling,
    find: 'and open_calls.calls > ceil(',
    replacement: 'and open_calls.calls >= ceil(',
    tests: endToEnd,
  },
  {
    name: 'unsettled-not-counted-again',
    breaks: 'The number of unsettled records of a day stays as it was when the day was read.',
    file: 'workflows/daily-sync.ts',
    find: 'await noting(`${source}, by day`).countUnsettled({ source });',
    replacement: '',
    tests: endToEnd,
  },
  {
    name: 'one-batch-asked',
    breaks: 'Asking ends after its first batch.',
    file: 'workflows/ask-again.ts',
    find: 'asked.done = !answer.more ||',
    replacement: 'asked.done = answer.more || !answer.more ||',
    tests: ['test/workflows/daily-sync.test.ts'],
  },
];

const settled = [
  {
    name: 'completed-is-settled',
    breaks: 'A completed call is settled before it has a price.',
    file: ledger,
    find: `(status = 'completed' and cost is not null)`,
    replacement: `(status = 'completed')`,
    tests: testsOfDays,
  },
  {
    name: 'conversation-without-cost-settled',
    breaks: 'A conversation that is done is settled before it has a cost.',
    file: ledger,
    find: `(coalesce(status in ('done', 'failed') and cost is not null, false))`,
    replacement: `(coalesce(status in ('done', 'failed'), false))`,
    tests: testsOfDays,
  },
  {
    name: 'settled-conversations-asked',
    breaks: 'Details of settled conversations are asked for by every run.',
    file: days,
    find: 'and c.settled and not c.ask_again',
    replacement: 'and false',
    tests: ['test/end-to-end/main-job.test.ts'],
  },
  {
    name: 'busy-calls-unpriced',
    breaks: 'A call that was busy counts as unpriced.',
    file: drain,
    find: `coalesce(c.status, '') not in ('busy', `,
    replacement: `coalesce(c.status, '') not in (`,
    tests: orders,
  },
];

const kept = [
  {
    name: 'gone-details-deleted',
    breaks: 'A conversation is deleted when the provider does not know it any more.',
    file: pages,
    inside: 'create function hourledger.finish_page(',
    find: 'delete from staged_texts where page_id = p_page.page_id;',
    replacement: `delete from staged_texts where page_id = p_page.page_id;
  delete from elevenlabs_conversations c where p_page.gone > 0 and not p_page.is_list and c.conversation_id = any (p_page.ids)
    and c.conversation_id <> all (coalesce(p_outcome.ids, '{}'));`,
    tests: ['test/database/pages.test.ts'],
  },
  {
    name: 'unlisted-calls-deleted',
    breaks: 'A call is deleted when its day is listed without it.',
    file: days,
    inside: 'create function public.complete_days(',
    find: '  -- One record, one outcome',
    replacement: `  delete from calls c where p_source = 'twilio' and day_of(c.call_date) = any (p_days)
    and not exists (select from staged_pages s where s.run_id = p_run_id and c.id = any (s.ids));
  -- One record, one outcome`,
    tests: ['test/database/pages.test.ts'],
  },
  {
    name: 'page-of-a-proxy-is-gone',
    breaks: "A proxy's 404 is taken for the provider's word that a record is gone.",
    file: 'providers/answers.ts',
    find: 'answer.status === 404 && isRecord(parseJson(answer.body.text))',
    replacement: 'answer.status === 404',
    tests: ['test/providers/twilio-client.test.ts'],
  },
  {
    name: 'gone-not-counted',
    breaks: 'Details that are gone are counted nowhere.',
    file: 'activities/details-stager.ts',
    find: 'gathered.gone.push(id)',
    replacement: 'gathered.given.push(id)',
    tests: endToEnd,
  },
  {
    name: 'workspace-guard-removed',
    breaks: 'Deleting a workspace in use is not refused with the remedy.',
    file: 'supabase/migrations/0005_dirt.sql',
    find: 'create trigger refuse_in_use before delete on public.workspaces\n  for each row execute function hourledger.refuse_workspace_in_use();',
    replacement: '',
    tests: ['test/database/isolation.test.ts'],
  },
];

export const settle = [
  ...[...asking, ...settled].map((one) => ({ law: 'L6', ...one })),
  ...kept.map((one) => ({ law: 'kept', ...one })),
];
