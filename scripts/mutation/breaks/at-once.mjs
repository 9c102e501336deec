/** Breaks of L3 where pages are merged as they come: what is odd waits, and what follows it waits behind it. */
const pages = [
  {
    name: 'odd-page-not-kept',
    breaks: 'A page that cannot be merged as it comes is not kept for merging record by record.',
    find: 'and v_counts is null then',
    replacement: `and (v_given ->> 'merge_at_once') is distinct from 'true' then`,
  },
  {
    name: 'page-overtakes-one-that-waits',
    breaks: 'A page is merged as it comes though an earlier one of its day waits to be merged.',
    find: 'and p.merged_counts is null and p.page_id <> v_page.page_id',
    replacement: 'and false',
  },
  {
    name: 'page-lost-to-a-lock',
    breaks: 'A page that would have to wait for a row or a day fails, instead of being kept.',
    inside: 'create function hourledger.merge_without_waiting(',
    find: 'when lock_not_available or deadlock_detected then',
    replacement: 'when cardinality_violation then',
  },
  {
    name: 'page-that-waits-holds-up-all',
    breaks: 'Pages wait behind one that waits of another day.',
    find: 'where p.run_id = v_page.run_id and p.source = v_page.source and p.day = v_page.day\n        and p.merged_counts',
    replacement: 'where p.run_id = v_page.run_id and p.source = v_page.source\n        and p.merged_counts',
  },
  {
    name: 'newer-answer-thrown-away',
    breaks: 'What the provider tells a later attempt of a page that is merged is thrown away.',
    find: 'exit when not v_at_once or v_page.merged_counts is null or v_page.asked_ticket >= v_asked;',
    replacement: 'exit;',
  },
  {
    name: 'older-answer-taken-for-newer',
    breaks: 'An attempt that lands late behind a newer one is merged as one page more.',
    find: ' or v_page.asked_ticket >= v_asked;',
    replacement: ';',
  },
  {
    name: 'restart-forgets-what-is-merged',
    breaks: 'A day that begins anew also forgets the pages that it has merged.',
    find: `and p.merged_counts is null and split_part(`,
    replacement: 'and split_part(',
  },
  {
    name: 'restart-forgets-details',
    breaks: 'A day that begins anew also forgets the details that wait to be merged.',
    find: 'p.day = v_page.day and p.is_list',
    replacement: 'p.day = v_page.day',
    tests: ['test/database/late-pages.test.ts'],
  },
  {
    name: 'restart-forgets-its-own-pages',
    breaks: 'A page of a day that began anew takes those away that came before it.',
    find: `'/', 4)::integer < v_restarts`,
    replacement: `'/', 4)::integer <= v_restarts and p.page_id <> v_page.page_id`,
  },
];

export const mergedAtOnce = pages.map((one) => ({
  law: 'L3',
  file: 'supabase/migrations/0006_pages.sql',
  inside: 'create function public.stage_page(',
  tests: ['test/database/merge-at-once.test.ts'],
  ...one,
}));
