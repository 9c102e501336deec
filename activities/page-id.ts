/** A page's id says what the page is, so that a retry stages the same page again instead of another one. */
import { createHash } from 'node:crypto';
import type { Day, DayCursor, Run, Source } from './types.js';

/** The page of a day's list that `cursor` leads to. */
export function listPageId(run: Run, source: Source, { day, cursor, restarts }: DayCursor): string {
  return `${run.runId}/${source}/${day}/${restarts}/${cursor === null ? 'first' : digest(cursor)}`;
}

/** Some records that were asked one by one; no two such pages of a run begin with the same record. */
export function detailsPageId(listPage: string, firstRecordId: string): string {
  return `${listPage}/from/${digest(firstRecordId)}`;
}

/** What the ids of pages of records that were asked again begin with. */
export function askedAgainPageId(run: Run, source: Source, scope: string, batch: number): string {
  return `${run.runId}/${source}/${scope}/${batch}`;
}

/** The day of a list page or of details that belong to one; null for records asked again. */
export function dayOfPageId(pageId: string): Day | null {
  const part = pageId.split('/')[2] ?? '';
  return /^\d{4}-\d{2}-\d{2}$/.test(part) ? part : null;
}

/** Cursors are long, and page ids travel through workflow history. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
