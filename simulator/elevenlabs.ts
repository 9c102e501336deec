// ElevenLabs' wire format: the list of conversations, one conversation, and its errors.
import { repeatedRecords, wholeNumber, type Answer, type ProviderDouble, type Question } from './answers.js';
import { dayLengthMs, daysBetween } from './dates.js';
import type { RequestFacts } from './faults.js';

export interface ElevenLabsCredentials {
  apiKey: string;
}

/** Errors by status, with the texts that the API uses (https://elevenlabs.io/docs/resources/errors). */
const errors: Record<number, readonly [status: string, message: string]> = {
  400: ['invalid_request', 'The request is invalid.'],
  401: ['invalid_api_key', 'Invalid API key'],
  404: ['not_found', 'The requested resource was not found.'],
  429: ['too_many_concurrent_requests', 'Too many concurrent requests.'],
  500: ['internal_error', 'An internal server error occurred.'],
  503: ['system_busy', 'The system is experiencing heavy traffic, please try again.'],
};

/** An error body as ElevenLabs writes it: `{detail: {status, message}}`. */
export function elevenLabsError(status: number, name?: string, message?: string): Answer {
  const [usualName, usualMessage] = errors[status] ?? ['error', 'An error occurred.'];
  const detail = { status: name ?? usualName, message: message ?? usualMessage };
  return { status, body: JSON.stringify({ detail }) };
}

/** A 422 as the API's validation writes it: an array. */
function invalid(parameter: string, message: string, input: string): Answer {
  const detail = [{ type: 'value_error', loc: ['query', parameter], msg: message, input }];
  return { status: 422, body: JSON.stringify({ detail }) };
}

const base = '/v1/convai/conversations';

function recognize(url: URL): RequestFacts | null {
  const facts = { source: 'elevenlabs', path: url.pathname + url.search, id: null, days: [] } as const;
  if (url.pathname === base) return { ...facts, kind: 'conversations', days: daysAsked(url) };
  const match = /^\/v1\/convai\/conversations\/([^/]+)$/.exec(url.pathname);
  return match?.[1] === undefined
    ? null
    : { ...facts, kind: 'conversation', id: decodeURIComponent(match[1]) };
}

/** The UTC days whose noon lies in the window, since windows are asked a little wider than the day. */
function daysAsked(url: URL): string[] {
  const after = Number(url.searchParams.get('call_start_after_unix') ?? Number.NaN) * 1000;
  const before = Number(url.searchParams.get('call_start_before_unix') ?? Number.NaN) * 1000;
  if (Number.isNaN(after) || Number.isNaN(before) || before - after > 400 * dayLengthMs) return [];
  const half = dayLengthMs / 2;
  const firstNoon = Math.ceil((after - half) / dayLengthMs) * dayLengthMs;
  return daysBetween(firstNoon, before - half);
}

const listKeys = [
  'call_start_after_unix',
  'call_start_before_unix',
  'page_size',
  'cursor',
  'agent_id',
  'summary_mode',
];

/** The bounds of a list in milliseconds. Both are exclusive here: that they include anything is not documented. */
function windowOf(url: URL): { fromMs: number; beforeMs: number } | Answer {
  const bounds: number[] = [];
  for (const key of ['call_start_after_unix', 'call_start_before_unix']) {
    const text = url.searchParams.get(key);
    const seconds = text === null ? null : wholeNumber(text, 0, 1e12);
    if (text !== null && seconds === null) return invalid(key, 'Input should be a valid integer', text);
    bounds.push(seconds === null ? Number.NaN : seconds * 1000);
  }
  const [after = Number.NaN, before = Number.NaN] = bounds;
  return {
    fromMs: Number.isNaN(after) ? Number.NEGATIVE_INFINITY : after + 1,
    beforeMs: Number.isNaN(before) ? Number.POSITIVE_INFINITY : before,
  };
}

function answerList({ url, world, faults, hit }: Question): Answer {
  const unknown = [...url.searchParams.keys()].find((key) => !listKeys.includes(key));
  if (unknown !== undefined) return invalid(unknown, 'The simulator does not know this parameter', unknown);
  const sizeText = url.searchParams.get('page_size') ?? '30';
  const size = wholeNumber(sizeText, 1, 100);
  if (size === null) return invalid('page_size', 'Input should be from 1 to 100', sizeText);
  const window = windowOf(url);
  if ('status' in window) return window;
  const agentId = url.searchParams.get('agent_id');
  const inWindow = world.conversations.between(window.fromMs, Math.min(window.beforeMs, world.nowMs));
  const list = agentId === null ? inWindow : inWindow.filter((entry) => entry.agentId === agentId);
  const cursor = url.searchParams.get('cursor');
  const position = cursor === null ? null : Buffer.from(cursor, 'base64url').toString();
  const start = startIndex(position, (id) => world.conversations.indexAfter(list, id));
  if (start === null) return elevenLabsError(400, 'invalid_cursor', 'The cursor is invalid.');
  const from = cursor === null ? start : Math.max(0, start - repeatedRecords(hit, size));
  const entries = list.slice(from, from + size);
  const last = entries.at(-1);
  const more = from + entries.length < list.length && last !== undefined;
  const nextPosition = faults.paging === 'offset' ? `offset:${from + size}` : `after:${last?.id ?? ''}`;
  const next = more ? JSON.stringify(Buffer.from(nextPosition).toString('base64url')) : 'null';
  const texts = entries.map((entry) => world.serveSummary(entry));
  return {
    status: 200,
    body: `{"conversations":[${texts.join(',')}],"next_cursor":${next},"has_more":${more}}`,
  };
}

function startIndex(position: string | null, indexAfter: (id: string) => number | null): number | null {
  if (position === null) return 0;
  const offset = /^offset:(\d+)$/.exec(position)?.[1];
  if (offset !== undefined) return Number(offset);
  return position.startsWith('after:') ? indexAfter(position.slice('after:'.length)) : null;
}

function answer(question: Question): Answer {
  const { facts, world } = question;
  if (facts.kind === 'conversations') return answerList(question);
  const entry = world.conversations.get(facts.id ?? '');
  if (entry === undefined || entry.gone || entry.at > world.nowMs) {
    return elevenLabsError(
      404,
      'conversation_not_found',
      `Conversation with id ${facts.id ?? ''} not found.`,
    );
  }
  return { status: 200, body: world.serve(entry) };
}

/** The fake ElevenLabs for one key. */
export function elevenLabsDouble({ apiKey }: ElevenLabsCredentials): ProviderDouble {
  return {
    recognize,
    refuseCredentials(headers) {
      const given = headers['xi-api-key'];
      if (given === apiKey) return null;
      if (given !== undefined) return elevenLabsError(401);
      const message = 'Neither authorization header nor xi-api-key received, please provide one.';
      return elevenLabsError(401, 'needs_authorization', message);
    },
    answer,
    error: (status) => elevenLabsError(status),
  };
}
