/** The ElevenLabs client with the real SDK, against a server that sends exact bytes. */
import { getEventListeners } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createElevenLabsProvider } from '../../providers/elevenlabs/client.js';
import type { ElevenLabsProvider } from '../../providers/index.js';
import {
  brokenAnswers,
  errorOf,
  expectNoSecret,
  sending,
  startExactServer,
  type ExactServer,
} from './support/exact-server.js';

const apiKey = 'sk_the-secret-key';
const noon = Date.UTC(2025, 9, 4, 12) / 1000;
const midnight = Date.UTC(2025, 9, 4) / 1000;
const emptyPage = '{"conversations":[],"has_more":false,"next_cursor":null}';

let server: ExactServer;
let elevenlabs: ElevenLabsProvider;
beforeAll(async () => {
  server = await startExactServer();
  elevenlabs = await createElevenLabsProvider({ apiKey, baseUrl: server.origin, requestTimeoutMs: 5_000 });
});
afterAll(async () => {
  elevenlabs.close();
  await server.close();
});
beforeEach(() => {
  server.asked.length = 0;
  server.answer = sending(emptyPage);
});

function page(conversations: object[], rest: object = { has_more: false, next_cursor: null }): string {
  return JSON.stringify({ conversations, ...rest });
}

describe('a page of conversations', () => {
  test('asks for more than the day, with the key, and keeps what starts on it', async () => {
    server.answer = sending(
      page([
        { conversation_id: 'c1', status: 'done', start_time_unix_secs: midnight, new_field: 1 },
        { conversation_id: 'yesterday', status: 'done', start_time_unix_secs: midnight - 1 },
        { conversation_id: 'tomorrow', status: 'done', start_time_unix_secs: midnight + 86_400 },
        { conversation_id: 'c2', start_time_unix_secs: null },
        { status: 'done', start_time_unix_secs: noon },
      ]),
    );
    expect(await elevenlabs.listDay('2025-10-04', null)).toEqual({
      ids: ['c1', 'c2', ''],
      entries: [
        { id: 'c1', status: 'done', startTimeUnixSecs: midnight },
        { id: 'c2', status: null, startTimeUnixSecs: null },
        {
          id: '',
          status: 'done',
          startTimeUnixSecs: noon,
          listedText: JSON.stringify({ status: 'done', start_time_unix_secs: noon }),
        },
      ],
      nextCursor: null,
    });
    const [asked] = server.asked;
    const url = new URL(asked?.url ?? '', server.origin);
    expect(url.pathname).toBe('/v1/convai/conversations');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      call_start_after_unix: String(midnight - 60),
      call_start_before_unix: String(midnight + 86_460),
      page_size: '100',
    });
    expect(asked?.headers['xi-api-key']).toBe(apiKey);
    expect(asked?.headers['x-fern-sdk-name']).toBe('@elevenlabs/elevenlabs-js');
  });

  test('goes on with the cursor that was given', async () => {
    server.answer = sending(page([], { has_more: true, next_cursor: 'a/b+c=' }));
    const { nextCursor } = await elevenlabs.listDay('2025-10-04', null);
    expect(nextCursor).toBe('a/b+c=');
    server.answer = sending(emptyPage);
    await elevenlabs.listDay('2025-10-04', nextCursor, 7);
    const query = new URL(server.asked[1]?.url ?? '', server.origin).searchParams;
    expect([query.get('cursor'), query.get('page_size')]).toEqual(['a/b+c=', '7']);
  });

  test.each([
    ['more, but no cursor', null, 'says that there is more and not where'],
    ['a cursor with U+0000', 'a\u0000', 'has a next_cursor with U+0000 or half'],
    ['a cursor with half a surrogate pair', 'a\ud800', 'has a next_cursor with U+0000 or half'],
  ])('%s is an error, not a loop or a loss', async (_, cursor, words) => {
    server.answer = sending(page([], { has_more: true, next_cursor: cursor }));
    expect(await errorOf(elevenlabs.listDay('2025-10-04', 'same'))).toMatchObject({
      kind: 'malformed',
      retryable: true,
      message: expect.stringContaining(words) as unknown,
    });
  });

  test.each(['c\u0000', '\ud800', '\udc00\ud800'])(
    'an id that Postgres cannot hold is none: %j',
    async (id) => {
      const entry = { conversation_id: id, status: 'done', start_time_unix_secs: noon };
      server.answer = sending(page([entry, { ...entry, conversation_id: '\u{1f600}' }]));
      expect(await elevenlabs.listDay('2025-10-04', null)).toMatchObject({
        ids: ['', '\u{1f600}'],
        entries: [{ id: '', listedText: JSON.stringify(entry) }, { id: '\u{1f600}' }],
      });
    },
  );

  test.each([[{}], [{ next_cursor: '' }], [{ has_more: false, next_cursor: 'left over' }]])(
    'ends with %j',
    async (rest) => {
      server.answer = sending(page([], rest));
      expect((await elevenlabs.listDay('2025-10-04', null)).nextCursor).toBeNull();
    },
  );
});

describe('a single conversation', () => {
  test('comes as it was written, to the last digit (L4)', async () => {
    const exact =
      '{"conversation_id":"c/1", "metadata":{"cost":70.0,"charging":{"llm_price":0.00007912345678901234,"x":6.800000000000001e-05}}}';
    server.answer = sending(exact);
    expect(await elevenlabs.fetchRecord('c/1')).toEqual({ recordText: exact });
    expect(server.asked[0]?.url).toBe('/v1/convai/conversations/c%2F1');
  });

  test('is null when ElevenLabs says 404, and an error when only a proxy does', async () => {
    server.answer = sending('{"detail":{"status":"document_not_found","message":"gone"}}', 404);
    expect(await elevenlabs.fetchRecord('c1')).toEqual({ recordText: null });
    server.answer = sending('<h1>404</h1>', 404);
    expect((await errorOf(elevenlabs.fetchRecord('c1'))).kind).toBe('malformed');
  });

  test('must be the one that was asked', async () => {
    server.answer = sending('{"conversation_id":"c2"}');
    expect((await errorOf(elevenlabs.fetchRecord('c1'))).message).toContain('"c1"');
  });

  test('an aborted request ends with the reason of its signal', async () => {
    const controller = new AbortController();
    const reason = new Error('shutting down');
    server.answer = () => controller.abort(reason);
    await expect(elevenlabs.fetchRecord('c1', controller.signal)).rejects.toBe(reason);
  });

  // The SDK added a listener for each request and took none away: ten thousand requests of one activity cost ten thousand
  // steps each in the end.
  test('leaves nothing behind on the signal that many requests share', async () => {
    const { signal } = new AbortController();
    server.answer = sending('{"conversation_id":"c1"}');
    for (let request = 0; request < 3; request += 1) await elevenlabs.fetchRecord('c1', signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('what is no page becomes one readable error, and one request only', () => {
  test.each(brokenAnswers)('%s: %s', async (_, kind, answer, code) => {
    const impatient = await createElevenLabsProvider({
      apiKey,
      baseUrl: server.origin,
      requestTimeoutMs: code === 'ETIMEDOUT' ? 100 : 5_000,
    });
    server.answer = answer;
    const error = await errorOf(impatient.listDay('2025-10-04', null));
    impatient.close();
    expect(error).toMatchObject({ kind, source: 'elevenlabs' });
    expect(error.message).toMatch(/^ElevenLabs.*2025-10-04/);
    if (code !== undefined) expect(error.code).toBe(code);
    expect(server.asked).toHaveLength(1);
    expectNoSecret(error, [apiKey]);
  });

  test('429 carries its code and how long to wait', async () => {
    server.answer = sending('{"detail":{"status":"concurrent_limit_exceeded","message":"too many"}}', 429, {
      'retry-after': '1',
    });
    const error = await errorOf(elevenlabs.fetchRecord('c1'));
    expect(error).toMatchObject({
      kind: 'rate-limited',
      code: 'concurrent_limit_exceeded',
      retryAfterMs: 1000,
    });
    expect(error.message).toContain('"too many"');
  });

  test('a refused key names its variable and is not shown', async () => {
    server.answer = sending(
      `{"detail":{"status":"invalid_api_key","message":"Invalid API key ${apiKey}"}}`,
      401,
    );
    const error = await errorOf(elevenlabs.fetchRecord('c1'));
    expect(error.message).toContain('Check ELEVENLABS_API_KEY');
    expectNoSecret(error, [apiKey]);
  });
});
