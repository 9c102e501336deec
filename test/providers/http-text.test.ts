/** Bodies of answers: what is packed, what is cut, and what is too large. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepConnections } from '../../http/whole-answer.js';
import { Body, requestText } from '../../providers/http-text.js';
import { createTwilioProvider } from '../../providers/twilio/client.js';
import { errorOf, sending, startExactServer, type ExactServer } from './support/exact-server.js';

const agents = keepConnections(4);
const credentials = { accountSid: `AC${'0'.repeat(32)}`, authToken: 'a secret token' };

let server: ExactServer;

beforeAll(async () => {
  server = await startExactServer();
});

afterAll(async () => {
  agents.close();
  await server.close();
});

const get = (bodyBytesMax = 1024 * 1024) =>
  requestText({ url: server.origin, headers: {}, agents, timeoutMs: 5_000, bodyBytesMax });

/** Says that it is gzip, and sends exactly these bytes. */
function packed(bytes: Buffer, status = 200, encoding = 'gzip'): ExactServer['answer'] {
  return (response) => {
    response.writeHead(status, { 'content-encoding': encoding, 'retry-after': '7' });
    response.end(bytes);
  };
}

const refusal = gzipSync('{"code":20003,"message":"Authenticate"}'.repeat(100), { level: 0 });

// A proxy that answers in the provider's place may keep the header and leave out, or cut, what it was about.
test.each([
  [401, 'refused-credentials'],
  [403, 'refused-credentials'],
  [422, 'permanent'],
  [429, 'rate-limited'],
  [503, 'unavailable'],
])('%i keeps its status where its gzip body is empty, cut or none', async (status, kind) => {
  const twilio = await createTwilioProvider({
    ...credentials,
    baseUrl: server.origin,
    requestTimeoutMs: 5_000,
  });
  for (const body of [Buffer.alloc(0), refusal.subarray(0, 1000), Buffer.from('not packed')]) {
    server.answer = packed(body, status);
    expect(await errorOf(twilio.listDay('2025-10-04', null))).toMatchObject({
      kind,
      status,
      retryAfterMs: 7000,
    });
  }
  twilio.close();
});

test('a refusal that is cut is read as far as it goes', async () => {
  server.answer = packed(refusal.subarray(0, 1000), 401);
  const answer = await get();
  expect(answer.status).toBe(401);
  expect(answer.body.text).toMatch(/^\{"code":20003,"message":"Authenticate"\}/);
});

test.each([200, 206])('a page with status %i whose gzip body is empty or cut is none', async (status) => {
  for (const body of [Buffer.alloc(0), refusal.subarray(0, 1000)]) {
    server.answer = packed(body, status);
    await expect(get()).rejects.toMatchObject({ reason: 'unreadable' });
  }
});

// https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
test.each(['gzip', 'GZIP', 'x-gzip', 'X-Gzip'])('%s is gzip', async (encoding) => {
  server.answer = packed(gzipSync('{"calls":[]}'), 200, encoding);
  expect((await get()).body.text).toBe('{"calls":[]}');
});

test('a body is bounded as it comes, and again as it is unpacked', async () => {
  const text = 'x'.repeat(1001);
  for (const answer of [sending(text), packed(gzipSync(text))]) {
    server.answer = answer;
    expect((await get(1001)).body.text).toBe(text);
    await expect(get(1000)).rejects.toMatchObject({
      reason: 'too-large',
      message: 'the body is larger than 1000 bytes',
    });
  }
});

test('a refusal that unpacks to more than the bound keeps its status, without a body', async () => {
  server.answer = packed(gzipSync('x'.repeat(100_000)), 429);
  expect(await get(1000)).toMatchObject({ status: 429, body: { pieces: [] } });
});

test.each([
  [
    'a byte that is no UTF-8 behind a piece of ASCII',
    [Buffer.from('a'), Buffer.from([0xff, 0x62])],
    ['a\ufffdb'],
  ],
  ['a character divided between two pieces', [Buffer.from([0xc3]), Buffer.from([0xa9])], null],
  ['ASCII in two pieces', [Buffer.from('a'), Buffer.from('b')], null],
])('%s: what is handed on is UTF-8, copied only where it has to be', (_, pieces, copied) => {
  const { utf8 } = new Body(pieces);
  if (copied === null) expect(utf8).toBe(pieces);
  else expect(utf8.map(String)).toEqual(copied);
});
