/** ElevenLabs' conversations through the SDK's `client.fetch`, which does base URL and authentication; the body stays raw text. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { z } from 'zod';
import type { Day } from '../../activities/types.js';
import { keepConnections, type KeptConnections } from '../../http/whole-answer.js';
import {
  checkStorable,
  isGone,
  isRecord,
  isStorable,
  malformed,
  noAnswer,
  originOf,
  parseAnswer,
  type Speaker,
} from '../answers.js';
import { dayStartUnixSecs, nextDay } from '../days.js';
import { requestText, type TextAnswer } from '../http-text.js';
import type { ConversationsPage, ElevenLabsProvider, ListedConversation } from '../types.js';

/** The API's own maximum of `page_size` (https://elevenlabs.io/docs/api-reference/conversations/list). */
const pageSizeMax = 100;
const bodyBytesMax = 64 * 1024 * 1024;
const socketsMax = 256;
const productionOrigin = 'https://api.elevenlabs.io';
/** Whether the list's bounds are inclusive is not documented: ask for more, and leave out what is not of the day. */
const marginSecs = 60;

export interface ElevenLabsOptions {
  apiKey: string;
  /** Another origin than https://api.elevenlabs.io, without a path. */
  baseUrl?: string | undefined;
  /** For a whole answer, in milliseconds. */
  requestTimeoutMs: number;
}

/** Unknown fields stay. The list has no costs, so nothing here is money. */
const pageEnvelope = z.looseObject({
  conversations: z.array(z.custom<Record<string, unknown>>(isRecord, 'expected an object')),
  next_cursor: z.string().nullish(),
  has_more: z.boolean().nullish(),
});

/**
 * Imports the SDK (1.5 s, 100 MB of memory) and points it at the account. Makes no request.
 * @throws TypeError when the base URL is no URL, or the key no text that a header can carry
 */
export async function createElevenLabsProvider(options: ElevenLabsOptions): Promise<ElevenLabsProvider> {
  const origin =
    options.baseUrl === undefined ? productionOrigin : originOf('ELEVENLABS_BASE_URL', options.baseUrl);
  if (!/^[\x21-\x7e]+$/.test(options.apiKey)) {
    throw new TypeError('ELEVENLABS_API_KEY has a character that no key has (a space or line break?)');
  }
  const { ElevenLabsClient } = await import('@elevenlabs/elevenlabs-js');
  const connections = keepConnections(socketsMax);
  const signals = new AsyncLocalStorage<AbortSignal | undefined>();
  const client = new ElevenLabsClient({
    apiKey: options.apiKey,
    baseUrl: origin,
    maxRetries: 0,
    fetch: rawTextFetch(options.requestTimeoutMs, connections, signals),
  });
  const speaker = speakerOf(options, origin);

  async function get(asked: string, path: string, signal?: AbortSignal): Promise<TextAnswer> {
    try {
      // The SDK encodes the question mark of a relative path, so the address is given whole. The signal passes it by: it
      // would leave a listener on it for each request.
      const response = await signals.run(signal, () => client.fetch(origin + path));
      return (response as unknown as CarriedAnswer).answer;
    } catch (error) {
      signal?.throwIfAborted();
      throw noAnswer(speaker, asked, error);
    }
  }

  return {
    source: 'elevenlabs',
    async listDay(day, cursor, pageSize = pageSizeMax, signal?) {
      const asked = `the conversations of ${day}`;
      const answer = await get(asked, listPath(day, cursor, pageSize), signal);
      return readPage(speaker, asked, answer, day);
    },
    async fetchRecord(id, signal?) {
      const asked = `conversation ${JSON.stringify(id)}`;
      const answer = await get(asked, `/v1/convai/conversations/${encodeURIComponent(id)}`, signal);
      if (isGone(answer)) return { recordText: null };
      const record = parseAnswer(speaker, asked, answer);
      const answeredId = record['conversation_id'];
      if (typeof answeredId === 'string' && answeredId !== id) {
        throw malformed(speaker, asked, answer, 'is not that conversation');
      }
      return { recordText: answer.body.text };
    },
    close: () => connections.close(),
  };
}

function listPath(day: Day, cursor: string | null, pageSize: number): string {
  const query = new URLSearchParams({
    call_start_after_unix: String(dayStartUnixSecs(day) - marginSecs),
    call_start_before_unix: String(dayStartUnixSecs(nextDay(day)) + marginSecs),
    page_size: String(pageSize),
  });
  if (cursor !== null) query.set('cursor', cursor);
  return `/v1/convai/conversations?${query.toString()}`;
}

function readPage(speaker: Speaker, asked: string, answer: TextAnswer, day: Day): ConversationsPage {
  const parsed = pageEnvelope.safeParse(parseAnswer(speaker, asked, answer));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join('.') ?? '';
    throw malformed(
      speaker,
      asked,
      answer,
      `is no page of conversations (${where}: ${issue?.message ?? ''})`,
    );
  }
  const { conversations, next_cursor, has_more } = parsed.data;
  const given = next_cursor === '' ? null : (next_cursor ?? null);
  if (has_more === true && given === null) {
    throw malformed(speaker, asked, answer, 'says that there is more and not where');
  }
  const nextCursor = has_more === false ? null : given;
  if (nextCursor !== null) checkStorable(speaker, asked, answer, 'next_cursor', nextCursor);
  const entries = conversations.map(toEntry).filter((entry) => startsOn(day, entry));
  return { ids: entries.map((entry) => entry.id), entries, nextCursor };
}

function toEntry(listed: Record<string, unknown>): ListedConversation {
  const { conversation_id: id, status, start_time_unix_secs: start } = listed;
  // An id that is no text for Postgres, or for a URL, cannot be asked for either.
  const known = typeof id === 'string' && id !== '' && isStorable(id);
  return {
    id: known ? id : '',
    status: typeof status === 'string' ? status : null,
    startTimeUnixSecs: typeof start === 'number' ? start : null,
    ...(known ? {} : { listedText: JSON.stringify(listed) }),
  };
}

/** Whether the entry starts within the day, or does not say when. */
function startsOn(day: Day, { startTimeUnixSecs }: ListedConversation): boolean {
  if (startTimeUnixSecs === null) return true;
  return startTimeUnixSecs >= dayStartUnixSecs(day) && startTimeUnixSecs < dayStartUnixSecs(nextDay(day));
}

/** What our transport gives the SDK in the place of a `Response`, and gets back from it untouched. */
interface CarriedAnswer {
  status: number;
  answer: TextAnswer;
}

/**
 * The SDK's `fetch` option. A real `Response` and the global `fetch` cost 0.15 ms more CPU for each of the many details,
 * and the global one would take the key along to wherever a redirect points. With no retries, the SDK reads nothing of the
 * response but its status.
 */
function rawTextFetch(
  requestTimeoutMs: number,
  connections: KeptConnections,
  signals: AsyncLocalStorage<AbortSignal | undefined>,
): typeof fetch {
  return async (url, init) => {
    const answer = await requestText({
      url: url instanceof Request ? url.url : url.toString(),
      headers: (init?.headers ?? {}) as Record<string, string>,
      agents: connections,
      timeoutMs: requestTimeoutMs,
      bodyBytesMax,
      signal: signals.getStore(),
    });
    const carried: CarriedAnswer = { status: answer.status, answer };
    return carried as unknown as Response;
  };
}

function speakerOf(options: ElevenLabsOptions, origin: string): Speaker {
  return {
    source: 'elevenlabs',
    name: 'ElevenLabs',
    origin,
    credentialVariables: 'ELEVENLABS_API_KEY',
    secrets: [options.apiKey],
    // `{"detail": {status | code, message}}`; 422 has an array of problems, others a plain text.
    readError(body) {
      const detail = isRecord(body) ? body['detail'] : undefined;
      if (typeof detail === 'string') return { message: detail };
      if (!isRecord(detail)) return {};
      const code = detail['code'] ?? detail['status'];
      return {
        code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
        message: typeof detail['message'] === 'string' ? detail['message'] : undefined,
      };
    },
  };
}
