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
    name: 'restart-forgets-what-is-merged',
    breaks: 'A day that begins anew also forgets the pages that it has merged.',
    find: `and p.merged_counts is null and split_part(`,
    replacement: 'and split_part(',
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
  ...one,
  tests: ['test/database/merge-at-once.test.ts'],
}));
