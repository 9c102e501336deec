/** How Twilio's lists go on: the path of next_page_uri, on the configured origin and nowhere else. */
import { checkStorable, malformed, type Speaker } from '../answers.js';
import type { TextAnswer } from '../http-text.js';

const productionOrigin = 'https://api.twilio.com';

/**
 * The cursor of the page behind an answer; null behind the last one.
 * @throws ProviderError when the answer leads out of the API
 */
export function nextCursorOf(
  speaker: Speaker,
  asked: string,
  answer: TextAnswer,
  nextPageUri: string | null | undefined,
): string | null {
  if (nextPageUri === null || nextPageUri === undefined || nextPageUri === '') return null;
  checkStorable(speaker, asked, answer, 'next_page_uri', nextPageUri);
  const nextCursor = pathOf(nextPageUri);
  if (nextCursor === null)
    throw malformed(speaker, asked, answer, 'has a next_page_uri that leads out of the API');
  return nextCursor;
}

/** @throws RangeError for what is no cursor of Twilio's lists */
export function checkCursor(cursor: string): string {
  if (pathOf(cursor) !== cursor)
    throw new RangeError(`${JSON.stringify(cursor)} is no cursor of Twilio's lists`);
  return cursor;
}

/**
 * Only path and query of a next_page_uri are followed, on our own origin: older forms name a host, and the credentials
 * must go to none but the configured one. Null for anything outside the API's version.
 */
function pathOf(nextPageUri: string): string | null {
  if (!URL.canParse(nextPageUri, productionOrigin)) return null;
  const { pathname, search } = new URL(nextPageUri, productionOrigin);
  return pathname.startsWith('/2010-04-01/') ? pathname + search : null;
}
