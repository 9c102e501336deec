/** Twilio's call list through the `twilio` SDK, which does URL, version, authentication and encoding; the body stays raw text. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Agent } from 'node:https';
import type Twilio from 'twilio';
import { z } from 'zod';
import type { Day } from '../../activities/types.js';
import { keepConnections, type KeptConnections } from '../../http/whole-answer.js';
import { isGone, isRecord, malformed, noAnswer, originOf, parseAnswer, type Speaker } from '../answers.js';
import { dayStartUnixSecs, nextDay } from '../days.js';
import { readEnvelope } from '../envelope.js';
import { Body, requestText, type TextAnswer } from '../http-text.js';
import type { RecordsPage, TwilioProvider } from '../types.js';
import { checkCursor, nextCursorOf } from './paging.js';
import { readUsage, usageFilter } from './usage.js';

/** Twilio's own maximum of `PageSize` (https://www.twilio.com/docs/usage/twilios-response#pagination). */
const pageSizeMax = 1000;
const bodyBytesMax = 64 * 1024 * 1024;
const socketsMax = 64;

export interface TwilioOptions {
  /** `AC…`: whose calls. */
  accountSid: string;
  /** Either the account's token, or an API key with its secret. */
  authToken?: string | undefined;
  apiKey?: string | undefined;
  apiSecret?: string | undefined;
  /** Another origin than https://api.twilio.com, without a path. */
  baseUrl?: string | undefined;
  /** For a whole answer, in milliseconds. */
  requestTimeoutMs: number;
}

/** Unknown fields stay, because the text itself is handed on and this only looks. */
const wholePage = z.looseObject({
  calls: z.array(z.custom<Record<string, unknown>>(isRecord, 'expected an object')),
  next_page_uri: z.string().nullish(),
});
/** Without `next_page_uri`, which Twilio gives even when it is null, nobody knows from the ends whether the list goes on. */
const endsOfPage = z.looseObject({ next_page_uri: z.string().nullable() });

/**
 * Imports the SDK (0.2 s) and points it at the account. Makes no request.
 * @throws Error in one line, without the values, when the credentials cannot be used as they are
 */
export async function createTwilioProvider(options: TwilioOptions): Promise<TwilioProvider> {
  const { default: twilio } = await import('twilio');
  const connections = keepConnections(socketsMax);
  const origin = options.baseUrl === undefined ? null : originOf('TWILIO_BASE_URL', options.baseUrl);
  const signals = new AsyncLocalStorage<AbortSignal | undefined>();
  const httpClient = rawTextClient(twilio, options, origin, connections, signals);
  const [user, password] = credentialsOf(options);
  const client = twilio(user, password, { accountSid: options.accountSid, autoRetry: false, httpClient });
  if (origin !== null) client.api.baseUrl = origin;
  const speaker = speakerOf(options, client.api.baseUrl, user, password);

  async function get(asked: string, uri: string, params?: object, signal?: AbortSignal): Promise<TextAnswer> {
    try {
      const response: unknown = await signals.run(signal, () =>
        client.request({ method: 'get', uri, ...(params === undefined ? {} : { params }) }),
      );
      return toTextAnswer(response);
    } catch (error) {
      throw noAnswer(speaker, asked, error);
    } finally {
      // The SDK keeps both for debugging: the one holds the credentials, the other a body of megabytes.
      delete httpClient.lastRequest;
      delete httpClient.lastResponse;
    }
  }

  const urlOf = (path: string) =>
    client.api.absoluteUrl(client.api.v2010.relativeUrl(`/Accounts/${options.accountSid}/${path}`));
  const callsUrl = urlOf('Calls');
  const getPage = (
    asked: string,
    uri: string,
    filter: object,
    cursor: string | null,
    signal?: AbortSignal,
  ) =>
    cursor === null
      ? get(asked, `${uri}.json`, filter, signal)
      : get(asked, client.api.baseUrl + checkCursor(cursor), undefined, signal);
  return {
    source: 'twilio',
    async listDay(day, cursor, pageSize = pageSizeMax, signal?) {
      const asked = `the calls of ${day}`;
      const answer = await getPage(asked, callsUrl, dayFilter(day, pageSize), cursor, signal);
      return readPage(speaker, asked, answer);
    },
    async listUsage(category, from, to, cursor, signal?) {
      const asked = `the usage of ${from} to ${to}`;
      const filter = usageFilter(category, from, to);
      const answer = await getPage(asked, urlOf('Usage/Records/Daily'), filter, cursor, signal);
      return readUsage(speaker, asked, answer);
    },
    async fetchRecord(id, signal?) {
      const asked = `call ${JSON.stringify(id)}`;
      const answer = await get(asked, `${callsUrl}/${encodeURIComponent(id)}.json`, undefined, signal);
      if (isGone(answer)) return { recordText: null };
      const record = parseAnswer(speaker, asked, answer);
      if (typeof record['sid'] === 'string' && record['sid'] !== id)
        throw malformed(speaker, asked, answer, 'is not that call');
      return { recordText: answer.body.text };
    },
    close: () => connections.close(),
  };
}

/**
 * Whole UTC days: Twilio documents these filters as dates, and timestamps with a time of day are not reliable.
 * `StartTime>` is "on or after", `StartTime<` "before" (https://www.twilio.com/docs/voice/api/call-resource#read-multiple-call-resources).
 */
function dayFilter(day: Day, pageSize: number): Record<string, string | number> {
  dayStartUnixSecs(day);
  return { 'StartTime>': day, 'StartTime<': nextDay(day), PageSize: pageSize };
}

function readPage(speaker: Speaker, asked: string, answer: TextAnswer): RecordsPage {
  // A page with a byte 0 is no JSON, and could not even be staged: Postgres takes no text with it.
  const { pieces, utf8 } = answer.body;
  const isReadable = answer.status === 200 && !pieces.some((piece) => piece.includes(0));
  const ends = endsOfPage.safeParse(isReadable ? readEnvelope(pieces, 'calls') : undefined);
  const { next_page_uri: nextPageUri } = ends.success ? ends.data : parsePage(speaker, asked, answer);
  return {
    // Bytes that are no UTF-8 would hold up the whole page; as text, with a replacement character, they are one record's fault.
    recordsUtf8: utf8,
    recordsPath: 'calls',
    countRecords: () => parsePage(speaker, asked, answer).calls.length,
    nextCursor: nextCursorOf(speaker, asked, answer, nextPageUri),
  };
}

function parsePage(speaker: Speaker, asked: string, answer: TextAnswer): z.infer<typeof wholePage> {
  const page = wholePage.safeParse(parseAnswer(speaker, asked, answer));
  if (page.success) return page.data;
  const issue = page.error.issues[0];
  const fact = `is no page of calls (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`;
  throw malformed(speaker, asked, answer, fact);
}

/**
 * The SDK's own HTTP client with another transport beneath: its axios would parse the body, and with it every price,
 * into numbers, and would wait for a stalled body as long as a byte trickles.
 */
function rawTextClient(
  twilio: typeof Twilio,
  options: TwilioOptions,
  origin: string | null,
  connections: KeptConnections,
  signals: AsyncLocalStorage<AbortSignal | undefined>,
) {
  const client = new twilio.RequestClient({
    timeout: options.requestTimeoutMs,
    keepAlive: true,
    maxSockets: socketsMax,
    autoRetry: false,
  });
  client.axios.defaults.transformResponse = [];
  client.axios.defaults.adapter = async (config) => {
    const answer = await requestText({
      url: onOrigin(client.axios.getUri(config), origin),
      headers: config.headers.toJSON() as Record<string, string>,
      // The SDK's own agent for https knows TWILIO_CA_BUNDLE and HTTP_PROXY.
      agents: {
        http: connections.http,
        https: (config.httpsAgent as Agent | undefined) ?? connections.https,
      },
      timeoutMs: options.requestTimeoutMs,
      bodyBytesMax,
      signal: signals.getStore(),
    });
    return {
      data: answer.body,
      status: answer.status,
      statusText: '',
      headers: { 'retry-after': answer.headers['retry-after'] },
      config,
    };
  };
  return client;
}

/** The SDK rebuilds host names out of edge and region, which mangles hosts that are not Twilio's. */
function onOrigin(url: string, origin: string | null): string {
  if (origin === null) return url;
  const { pathname, search } = new URL(url);
  return origin + pathname + search;
}

/** The SDK types what it passes on as `any`; it is what the transport above gave it. */
const carriedResponse = z.object({
  statusCode: z.number(),
  body: z.instanceof(Body),
  headers: z.object({ 'retry-after': z.string().optional() }),
});

function toTextAnswer(response: unknown): TextAnswer {
  const { statusCode, body, headers } = carriedResponse.parse(response);
  return { status: statusCode, headers, body };
}

function credentialsOf(options: TwilioOptions): [user: string, password: string] {
  if (options.apiKey !== undefined && options.apiSecret !== undefined) {
    return [options.apiKey, options.apiSecret];
  }
  if (options.authToken !== undefined) return [options.accountSid, options.authToken];
  throw new Error('Twilio needs TWILIO_AUTH_TOKEN, or TWILIO_API_KEY with TWILIO_API_SECRET');
}

function speakerOf(options: TwilioOptions, origin: string, user: string, password: string): Speaker {
  const withKey = user !== options.accountSid;
  return {
    source: 'twilio',
    name: 'Twilio',
    origin,
    credentialVariables: withKey
      ? 'TWILIO_API_KEY, TWILIO_API_SECRET and TWILIO_ACCOUNT_SID'
      : 'TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN',
    secrets: [Buffer.from(`${user}:${password}`).toString('base64'), password, ...(withKey ? [user] : [])],
    readError(body) {
      if (!isRecord(body)) return {};
      const { code, message } = body;
      return {
        code: typeof code === 'number' || typeof code === 'string' ? code : undefined,
        message: typeof message === 'string' ? message : undefined,
      };
    },
  };
}
