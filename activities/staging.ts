/** Staging: the provider's raw text goes to Postgres as text, under the page's id, until it is merged. */
import type { Ledger } from '../database/ledger.js';
import type { Day, Run, Source } from './types.js';

export interface PageToStage {
  pageId: string;
  source: Source;
  run: Run;
  /** Null for records that were asked by their ids. */
  day: Day | null;
  cursor: string | null;
  nextCursor: string | null;
  isList: boolean;
  /** The records that the page accounts for, those that are gone first; null: those in its text. */
  ids: string[] | null;
  /** The key of the text under which the array of records is; null where the text is the array. */
  recordsKey: string | null;
  /** Number of the request, from the ledger: taken before it was sent. */
  askedTicket: number;
  /** How many records the provider did not know any more. */
  gone: number;
  /** Merge the page in the same step, so that its text need not be stored; one that has to wait, or is odd, is staged. */
  mergeAtOnce: boolean;
  /** JSON; pieces of bytes are UTF-8. */
  body: string | readonly Uint8Array[];
}

export interface Staged {
  /** The page, and what later attempts brought of it after it was merged. */
  pageIds: string[];
  /** Where to go on from: that of the page that stands, which may be a newer attempt's. */
  nextCursor: string | null;
  /** For the next request. */
  nextTicket: number;
  /** How many records of the page were merged; null while it is not. */
  merged: number | null;
}

/** Stages a page; one that was staged by a later attempt stays as it is. */
export function stagePage(ledger: Ledger, page: PageToStage): Promise<Staged> {
  const facts = {
    page_id: page.pageId,
    run_id: page.run.runId,
    source: page.source,
    day: page.day,
    cursor: page.cursor,
    next_cursor: page.nextCursor,
    is_list: page.isList,
    ids: page.ids,
    records_key: page.recordsKey,
    asked_ticket: page.askedTicket,
    gone: page.gone,
    merge_at_once: page.mergeAtOnce,
  };
  const line = Buffer.from(`${JSON.stringify(facts)}\n`);
  const body = typeof page.body === 'string' ? [Buffer.from(page.body)] : page.body;
  return ledger.send<Staged>('stage_page', [line, ...body]);
}
