// Twilio's wire format: lists of calls, single calls, daily usage, and its errors.
import { repeatedRecords, wholeNumber, type Answer, type ProviderDouble, type Question } from './answers.js';
import { dayLengthMs, dayOf, daysBetween, parseDay } from './dates.js';
import type { Faults, RequestFacts } from './faults.js';
import { joinTexts } from './texts.js';
import { usageCategories, usageRecords, type UsageCategory } from './usage.js';

export interface TwilioCredentials {
  /** `AC` and 32 hexadecimal digits. */
  accountSid: string;
  authToken: string;
  /** An API key (`SK…`) with its secret is accepted too. */
  apiKey?: string;
  apiSecret?: string;
}

/** Error codes by status (https://www.twilio.com/docs/api/errors). */
const codes: Record<number, readonly [code: number, message: string]> = {
  400: [20001, 'Bad request'],
  401: [20003, 'Authenticate'],
  403: [20403, 'Forbidden'],
  404: [20404, 'The requested resource was not found'],
  429: [20429, 'Too Many Requests'],
  500: [20500, 'An internal server error has occurred'],
  503: [20503, 'Service unavailable'],
};

/** An error body as Twilio writes it: `{code, message, more_info, status}`. */
export function twilioError(status: number, message?: string): Answer {
  const [code, usual] = codes[status] ?? [20000 + status, 'An error has occurred'];
  const body = {
    code,
    message: message ?? usual,
    more_info: `https://www.twilio.com/docs/errors/${code}`,
    status,
  };
  const headers = status === 401 ? { 'www-authenticate': 'Basic realm="Twilio API"' } : {};
  return { status, body: JSON.stringify(body), headers };
}

const pathPattern =
  /^\/2010-04-01\/Accounts\/([^/]+)\/(?:(Calls)\.json|Calls\/([^/]+)\.json|(Usage\/Records\/Daily)\.json)$/;

function recognize(url: URL): RequestFacts | null {
  const match = pathPattern.exec(url.pathname);
  if (match === null) return null;
  const [, , list, sid, usage] = match;
  const path = url.pathname + url.search;
  const base = { source: 'twilio', path, id: null, days: [] } as const;
  if (sid !== undefined) return { ...base, kind: 'call', id: decodeURIComponent(sid) };
  if (usage !== undefined) {
    const range = dateRange(url, 'StartDate', 'EndDate');
    return {
      ...base,
      kind: 'usage',
      days: daysBetween(range.fromMs, Math.min(range.toMs, range.fromMs + 400 * dayLengthMs)),
    };
  }
  const window = list === undefined ? null : callWindow(url);
  const fromMs = window?.fromMs ?? null;
  const days = fromMs === null ? [] : [dayOf(fromMs)];
  return { ...base, kind: 'calls', days };
}

/**
 * The days of a question about calls. Twilio documents UTC dates; a time of day is not reliable there, so that
 * here it is cut off. `StartTime>` is on or after, `StartTime<` before, `StartTime` the day itself.
 */
function callWindow(url: URL): { fromMs: number | null; beforeMs: number | null } | null {
  const bound = (key: string): number | null | undefined => {
    const text = url.searchParams.get(key);
    if (text === null) return null;
    return parseDay(/^(\d{4}-\d{2}-\d{2})(?:T[\d:.]+Z?)?$/.exec(text)?.[1] ?? '') ?? undefined;
  };
  const from = bound('StartTime>');
  const before = bound('StartTime<');
  const exact = bound('StartTime');
  if (from === undefined || before === undefined || exact === undefined) return null;
  if (exact !== null) return { fromMs: exact, beforeMs: exact + dayLengthMs };
  return { fromMs: from, beforeMs: before };
}

function dateRange(url: URL, from: string, to: string): { fromMs: number; toMs: number } {
  const fromMs = parseDay(url.searchParams.get(from) ?? '') ?? Number.NaN;
  const toMs = parseDay(url.searchParams.get(to) ?? '') ?? fromMs;
  return { fromMs, toMs };
}

const callKeys = ['StartTime', 'StartTime>', 'StartTime<', 'PageSize', 'Page', 'PageToken', 'AfterSid'];
const usageKeys = ['Category', 'StartDate', 'EndDate', 'IncludeSubaccounts', 'PageSize', 'Page', 'PageToken'];

/** Twilio ignores what it does not know; a misspelt key is worth an error here. */
function unknownKey(url: URL, known: readonly string[]): Answer | null {
  const key = [...url.searchParams.keys()].find((name) => !known.includes(name));
  return key === undefined ? null : twilioError(400, `Unknown parameter ${key}`);
}

interface Page {
  size: number;
  number: number;
  start: number;
}

function pageSizeOf(url: URL): number | null {
  return wholeNumber(url.searchParams.get('PageSize') ?? '50', 1, 1000);
}

/** A list's envelope (https://www.twilio.com/docs/usage/twilios-response#paging-through-lists). */
function listAnswer(
  url: URL,
  key: string,
  page: Page,
  records: Buffer[],
  next: Record<string, string> | null,
): Answer {
  const uri = (changes: Record<string, string>): string => {
    const query = new URLSearchParams(url.search);
    for (const name of ['Page', 'PageToken', 'AfterSid']) query.delete(name);
    for (const [name, value] of Object.entries(changes)) query.set(name, value);
    return `${url.pathname}?${query.toString()}`;
  };
  const size = { PageSize: String(page.size) };
  const link = (changes: Record<string, string>): string => JSON.stringify(uri({ ...size, ...changes }));
  const nextUri = next === null ? 'null' : link({ Page: String(page.number + 1), ...next });
  const head =
    `{"first_page_uri":${link({ Page: '0' })},"end":${page.start + records.length - 1},` +
    `"previous_page_uri":${page.number === 0 ? 'null' : link({ Page: String(page.number - 1) })},"${key}":[`;
  const tail =
    `],"uri":${JSON.stringify(url.pathname + url.search)},"page_size":${page.size},"start":${page.start},` +
    `"next_page_uri":${nextUri},"page":${page.number}}`;
  const pieces = joinTexts(records);
  // A few large pieces are sent as they lie: a copy of two megabytes for each page costs more than all else here, and has
  // Node.js search the whole heap for garbage again and again, at times that nobody can foresee.
  const body = [Buffer.from(head), ...pieces, Buffer.from(tail)];
  return { status: 200, body: pieces.length > pieces_max ? Buffer.concat(body) : body };
}

const pieces_max = 10;

function answerCalls({ url, world, faults, hit }: Question): Answer {
  const unknown = unknownKey(url, callKeys);
  if (unknown !== null) return unknown;
  const size = pageSizeOf(url);
  if (size === null) return twilioError(400, 'PageSize must be a whole number from 1 to 1000');
  const window = callWindow(url);
  if (window === null) return twilioError(400, 'Invalid StartTime: dates are written YYYY-MM-DD');
  const list = world.calls.between(
    window.fromMs ?? Number.NEGATIVE_INFINITY,
    Math.min(window.beforeMs ?? Number.POSITIVE_INFINITY, world.nowMs),
  );
  const number = wholeNumber(url.searchParams.get('Page') ?? '0', 0, 1e9) ?? 0;
  const token = url.searchParams.get('PageToken') ?? url.searchParams.get('AfterSid');
  const start =
    token === null ? number * size : startIndex(token, (sid) => world.calls.indexAfter(list, sid));
  if (start === null) return twilioError(400, 'Invalid PageToken');
  const from = token === null ? start : Math.max(0, start - repeatedRecords(hit, size));
  const entries = list.slice(from, from + size);
  const last = entries.at(-1);
  const more = from + entries.length < list.length && last !== undefined;
  const next = more ? nextToken(faults, last.id, from + size) : null;
  const served = entries.map((entry) => world.serveInList(entry));
  return listAnswer(url, 'calls', { size, number, start: number * size }, served, next);
}

/** Tokens name the last call of the page; `offset` tokens count instead, so that arrivals shift the pages. */
function nextToken(faults: Faults, lastSid: string, offset: number): Record<string, string> {
  if (faults.paging === 'offset') return { PageToken: `OFFSET${offset}` };
  return faults.nextPageUri === 'after-sid' ? { AfterSid: lastSid } : { PageToken: `PA${lastSid}` };
}

/** Where the page begins that a token names; null when it names nothing. */
function startIndex(token: string, indexAfter: (sid: string) => number | null): number | null {
  const offset = /^OFFSET(\d+)$/.exec(token)?.[1];
  if (offset !== undefined) return Number(offset);
  return indexAfter(token) ?? indexAfter(token.replace(/^PA/, ''));
}

function answerUsage({ url, world }: Question, accountSid: string): Answer {
  const unknown = unknownKey(url, usageKeys);
  if (unknown !== null) return unknown;
  const size = pageSizeOf(url);
  if (size === null) return twilioError(400, 'PageSize must be a whole number from 1 to 1000');
  const asked = url.searchParams.get('Category');
  const categories = asked === null ? usageCategories : usageCategories.filter((name) => name === asked);
  if (categories.length === 0) return twilioError(400, `Invalid Category ${asked ?? ''}`);
  const { fromMs, toMs } = dateRange(url, 'StartDate', 'EndDate');
  if (Number.isNaN(fromMs) || Number.isNaN(toMs))
    return twilioError(400, 'StartDate and EndDate are YYYY-MM-DD');
  const records = usageRecords(world, accountSid, categories as UsageCategory[], fromMs, toMs);
  const number = wholeNumber(url.searchParams.get('Page') ?? '0', 0, 1e9) ?? 0;
  const start = number * size;
  const next = start + size < records.length ? { PageToken: `PAUR${start + size}` } : null;
  const shown = records.slice(start, start + size).map((record) => Buffer.from(record));
  return listAnswer(url, 'usage_records', { size, number, start }, shown, next);
}

function answer(question: Question, accountSid: string): Answer {
  const { facts, world, url } = question;
  if (facts.kind === 'calls') return answerCalls(question);
  if (facts.kind === 'usage') return answerUsage(question, accountSid);
  const entry = world.calls.get(facts.id ?? '');
  if (entry === undefined || entry.gone || entry.at > world.nowMs) {
    return twilioError(404, `The requested resource ${url.pathname} was not found`);
  }
  return { status: 200, body: world.serve(entry) };
}

/** The fake Twilio for one account. */
export function twilioDouble(credentials: TwilioCredentials): ProviderDouble {
  const { accountSid, authToken, apiKey, apiSecret } = credentials;
  const basic = (name: string, secret: string): string =>
    `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;
  const accepted = new Set([basic(accountSid, authToken)]);
  if (apiKey !== undefined && apiSecret !== undefined) accepted.add(basic(apiKey, apiSecret));
  return {
    recognize,
    refuseCredentials(headers, url) {
      const given = headers['authorization'];
      if (typeof given !== 'string' || !accepted.has(given)) return twilioError(401);
      const asked = pathPattern.exec(url.pathname)?.[1];
      return asked === accountSid
        ? null
        : twilioError(404, `The requested resource ${url.pathname} was not found`);
    },
    answer: (question) => answer(question, accountSid),
    error: (status) => twilioError(status),
  };
}
