/** Breaks of L10 (resume). */
const pages = 'supabase/migrations/0006_pages.sql';
const days = 'supabase/migrations/0008_days.sql';
const newest = ['test/laws/newest-wins.test.ts'];
const backfill = ['test/workflows/backfill.test.ts'];
const ingestDays = ['test/workflows/ingest-days.test.ts'];
const resuming = ['test/end-to-end/half-way.test.ts'];

export const resume = [
  {
    name: 'page-merged-twice',
    breaks: 'A merge whose answer was lost is not recognized, and finds its page gone.',
    file: pages,
    find: 'if v_page.merged_counts is not null then',
    replacement: 'if false then',
    tests: newest,
  },
  {
    name: 'lost-texts-passed-over',
    breaks: 'A page whose text a crash took counts as merged.',
    file: pages,
    find: `return jsonb_build_object('missing', true, 'day', v_page.day);`,
    replacement: `return '{"fetched":0,"inserted":0,"updated":0,"unchanged":0,"rejected":0,"gone":0,"unordered":0}';`,
    tests: newest,
  },
  {
    name: 'day-not-begun-anew',
    breaks: 'A day goes on although a page of it has vanished.',
    file: 'workflows/read-days.ts',
    find: 'this.#anew = this.#fromTheirBeginning(missing, result.malformed);',
    replacement: 'this.#anew = [];',
    tests: ingestDays,
  },
  {
    name: 'day-begun-anew-for-what-it-left-behind',
    breaks: 'A day begins once more for each page that it took away itself when it began anew.',
    file: 'workflows/read-days.ts',
    find: 'restarts === this.#restarts.get(day)',
    replacement: 'restarts <= restarts_max',
    tests: ['test/workflows/read-days.test.ts'],
  },
  {
    name: 'cursor-not-heart-beaten',
    breaks: 'A fetch that ends half-way begins again with the first page of its days.',
    file: 'activities/fetch-provider-page.ts',
    find: '() => progress,',
    replacement: '() => null,',
    tests: resuming,
  },
  {
    name: 'heartbeat-not-read',
    breaks: 'A retry does not go on from what the attempt before had reached.',
    file: 'activities/heartbeat.ts',
    find: '(Context.current().info.heartbeatDetails as unknown) ?? null',
    replacement: 'Context.current() === undefined ? undefined : null',
    tests: resuming,
  },
  {
    name: 'staged-details-asked-again',
    breaks: 'A retry asks for details that the attempt before had staged.',
    file: days,
    find: 'where not exists (select from staged where asked.id = any (staged.ids))',
    replacement: 'where true',
    tests: ['test/database/pages.test.ts'],
  },
  {
    name: 'waiting-details-lost',
    breaks: 'Details that an attempt staged before it ended are never merged.',
    file: days,
    find: 'where staged.is_waiting and staged.ids && p_ids',
    replacement: 'where false',
    tests: ['test/database/pages.test.ts'],
  },
  {
    name: 'running-workflows-swept',
    breaks: 'Pages of workflows that are still running are swept.',
    file: 'activities/sweep-pages.ts',
    find: `return firstRunId !== runId || newest.status.name !== 'RUNNING';`,
    replacement: `return firstRunId !== '' || newest.status.name !== 'RUNNING';`,
    tests: resuming,
  },
  {
    name: 'drain-overlooks-what-is-taken',
    breaks: 'A drain ends while another one has not committed what it has taken.',
    file: 'activities/drain.ts',
    find: 'if (drained.left === 0) return followed;',
    replacement: 'if (drained.left === 0 || drained.taken === 0) return followed;',
    tests: ['test/activities/drain.test.ts'],
  },
  {
    name: 'days-completed-before-their-drain',
    breaks: 'A run of days ends without draining what it has made stale.',
    file: 'workflows/ingest-days.ts',
    find: '...(await drain(describeDays(request.days)))',
    replacement: '',
    tests: ingestDays,
  },
  {
    name: 'backfill-ends-before-its-drain',
    breaks: 'A backfill ends without draining what is left.',
    file: 'workflows/backfill.ts',
    find: 'addWarnings(this.#tally, await drainAndSweep());',
    replacement: '',
    tests: backfill,
  },
  {
    name: 'sync-ends-before-its-drain',
    breaks: 'A daily sync ends without draining what is left.',
    file: 'workflows/daily-sync.ts',
    find: 'addSetAside(tally, await drainAndSweep());',
    replacement: '',
    tests: ['test/workflows/daily-sync.test.ts'],
  },
  {
    name: 'hours-before-assignment',
    breaks: 'A drain sums before it assigns, and leaves stale what then moves.',
    file: 'workflows/ingest-days.ts',
    edits: [
      {
        inside: 'export async function drain(',
        find: '  const classified = await working(summary).classifyWorkspace();\n',
        replacement: '',
      },
      {
        inside: 'export async function drain(',
        find: '  return [',
        replacement: '  const classified = await working(summary).classifyWorkspace();\n  return [',
      },
    ],
    tests: ingestDays,
  },
  {
    name: 'worker-does-not-drain',
    breaks: 'The worker drains nothing by itself.',
    file: 'worker/drain-loop.ts',
    find: 'for (const drain of [drainKeys, drainHours]) {',
    replacement: 'for (const drain of [drainKeys, drainHours].slice(2)) {',
    tests: ['test/end-to-end/main-job.test.ts'],
  },
  {
    name: 'cancel-cuts-days-off',
    breaks: 'A cancel ends the days under way in their middle.',
    file: 'workflows/ingest-days.ts',
    find: 'return CancellationScope.nonCancellable(() => ingest(request));',
    replacement: 'return ingest(request);',
    tests: ingestDays,
  },
].map((one) => ({ law: 'L10', ...one }));
