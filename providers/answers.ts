/** From a provider's HTTP answer to its parsed envelope, or to the one readable error that says why there is none. */
import type { Source } from '../activities/types.js';
import { NoAnswerError } from '../http/whole-answer.js';
import type { TextAnswer } from './http-text.js';
import { ProviderError, type ProviderErrorKind } from './types.js';

const quotedCharsMax = 200;
/** Redaction looks this far into a body; far enough for the quoted beginning. */
const redactedCharsMax = 4096;
/** Longer waits than this are no use: the day is tried again by then anyway. */
const retryAfterMsMax = 3_600_000;

/** What the errors of one provider client need to know. */
export interface Speaker {
  source: Source;
  /** As people write it: `Twilio`. */
  name: string;
  /** Where requests go: scheme, host and port. */
  origin: string;
  /** The environment variables that hold the credentials, for the remedy. */
  credentialVariables: string;
  /** Texts that must never appear in an error, whatever the provider echoes. */
  secrets: readonly string[];
  /** Reads the provider's own code and message from the body of an error, parsed. */
  readError(body: unknown): { code?: string | number | undefined; message?: string | undefined };
}

/** Turns whatever a request threw into a ProviderError; an abort reason passes unchanged. */
export function noAnswer(speaker: Speaker, asked: string, error: unknown): unknown {
  if (!(error instanceof NoAnswerError)) return error;
  const kind = error.reason === 'network' || error.reason === 'timeout' ? 'unavailable' : 'malformed';
  return new ProviderError({
    kind,
    source: speaker.source,
    code: error.code,
    message: redact(
      speaker,
      `${speaker.name} at ${speaker.origin} gave no whole answer for ${asked}: ${error.message}`,
    ),
  });
}

/**
 * The parsed JSON of a good answer, for looking at its envelope only.
 * @param asked what was asked, in words, with ids quoted
 * @throws ProviderError for every other status, and for a body that is no JSON object
 */
export function parseAnswer(speaker: Speaker, asked: string, answer: TextAnswer): Record<string, unknown> {
  if (answer.status < 200 || answer.status > 299) throw refused(speaker, asked, answer);
  const body = parseJson(answer.body.text);
  if (!isRecord(body)) {
    throw malformed(
      speaker,
      asked,
      answer,
      body === undefined ? 'is not whole JSON' : 'is JSON, but no object',
    );
  }
  return body;
}

/** The answer cannot be used: a retryable error that quotes its beginning. */
export function malformed(speaker: Speaker, asked: string, answer: TextAnswer, why: string): ProviderError {
  return new ProviderError({
    kind: 'malformed',
    source: speaker.source,
    status: answer.status,
    message: `${speaker.name}'s answer for ${asked} (HTTP ${answer.status}, ${answer.body.text.length} characters) ${why}; ${begins(speaker, answer.body.text)}`,
  });
}

/** Whether the provider itself says that a record does not exist: a 404 of a proxy on the way is an HTML page, not JSON. */
export function isGone(answer: TextAnswer): boolean {
  return answer.status === 404 && isRecord(parseJson(answer.body.text));
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether Postgres can hold a text: it has no U+0000 and no half of a surrogate pair, though JSON can write both. */
export function isStorable(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}

/** @throws ProviderError where a cursor could not go on through URLs and the database as what it is */
export function checkStorable(
  speaker: Speaker,
  asked: string,
  answer: TextAnswer,
  what: string,
  cursor: string,
): void {
  if (isStorable(cursor)) return;
  throw malformed(speaker, asked, answer, `has a ${what} with U+0000 or half a surrogate pair`);
}

function refused(speaker: Speaker, asked: string, answer: TextAnswer): ProviderError {
  const body = parseJson(answer.body.text);
  if (answer.status < 400 || (answer.status === 404 && body === undefined)) {
    return malformed(speaker, asked, answer, 'is neither a page nor one of its errors');
  }
  const kind = kindOfStatus(answer.status);
  const said = speaker.readError(body);
  const retryAfterMs = readRetryAfter(answer.headers['retry-after']);
  const code = typeof said.code === 'string' ? redact(speaker, said.code.slice(0, 100)) : said.code;
  const facts = [
    `HTTP ${answer.status}`,
    ...(code === undefined ? [] : [`code ${code}`]),
    ...(retryAfterMs === undefined ? [] : [`Retry-After ${retryAfterMs} ms`]),
  ].join(', ');
  const words =
    said.message === undefined
      ? begins(speaker, answer.body.text)
      : `it says ${quote(speaker, said.message)}`;
  return new ProviderError({
    kind,
    source: speaker.source,
    status: answer.status,
    code,
    retryAfterMs,
    message: `${speaker.name} ${outcomes[kind]} ${asked} (${facts}); ${words}${remedy(speaker, kind)}`,
  });
}

const outcomes: Record<ProviderErrorKind, string> = {
  'refused-credentials': 'refused the credentials when asked for',
  'not-found': 'does not know',
  'rate-limited': 'has too many requests and did not answer for',
  unavailable: 'is not available for',
  malformed: 'gave no usable answer for',
  permanent: 'refused the request for',
};

function remedy(speaker: Speaker, kind: ProviderErrorKind): string {
  return kind === 'refused-credentials' ? `. Check ${speaker.credentialVariables}` : '';
}

function kindOfStatus(status: number): ProviderErrorKind {
  if (status === 401 || status === 403) return 'refused-credentials';
  if (status === 404) return 'not-found';
  if (status === 429) return 'rate-limited';
  // 408 and 425 ask for the same request again, as a 5xx does.
  if (status >= 500 || status === 408 || status === 425) return 'unavailable';
  return 'permanent';
}

/** `Retry-After` is a number of seconds or an HTTP date (RFC 9110, 10.2.3); anything else counts as not given. */
export function readRetryAfter(header: string | undefined, now = Date.now()): number | undefined {
  const text = header?.trim() ?? '';
  const waitMs = /^\d+(\.\d+)?$/.test(text) ? Math.ceil(Number(text) * 1000) : Date.parse(text) - now;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), retryAfterMsMax);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function begins(speaker: Speaker, text: string): string {
  return text.trim() === '' ? 'it is empty' : `it begins ${quote(speaker, text)}`;
}

/** One line, cut to a length, without secrets. */
function quote(speaker: Speaker, text: string): string {
  const line = redact(speaker, text.slice(0, redactedCharsMax))
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return JSON.stringify(line.length > quotedCharsMax ? `${line.slice(0, quotedCharsMax - 1)}…` : line);
}

function redact(speaker: Speaker, text: string): string {
  let clean = text;
  for (const secret of speaker.secrets) {
    if (secret !== '') clean = clean.replaceAll(secret, '[secret]');
  }
  return clean;
}

/**
 * Scheme, host and port of a base URL: a path or credentials in it are not used.
 * @throws TypeError that names the variable when it is no http(s) URL
 */
export function originOf(variable: string, url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new TypeError(`${variable} must be an origin such as https://api.example.com, without a path`);
  }
  return parsed.origin;
}
