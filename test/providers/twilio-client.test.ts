/** The Twilio client with the real SDK, against a server that sends exact bytes. */
import { isUtf8 } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TwilioProvider } from '../../providers/index.js';
import { createTwilioProvider } from '../../providers/twilio/client.js';
import {
  brokenAnswers,
  errorOf,
  expectNoSecret,
  sending,
  startExactServer,
  type ExactServer,
} from './support/exact-server.js';

const accountSid = `AC${'0'.repeat(32)}`;
const authToken = 'the-secret-token-of-the-account';
const basic = Buffer.from(`${accountSid}:${authToken}`).toString('base64');
const callsPath = `/2010-04-01/Accounts/${accountSid}/Calls`;
const exactPage = `{ "calls" : [\n {"sid":"CA1","price":"-0.00750000000000000001","x":0.10,"big":12345678901234567890.10},{"price":-1e-7, "unknown":{"a":null}} ],"next_page_uri":null,"later":1}`;

let server: ExactServer;
let twilio: TwilioProvider;
beforeAll(async () => {
  server = await startExactServer();
  twilio = await createTwilioProvider({
    accountSid,
    authToken,
    baseUrl: server.origin,
    requestTimeoutMs: 5_000,
  });
});
afterAll(async () => {
  twilio.close();
  await server.close();
});
beforeEach(() => {
  server.asked.length = 0;
  server.answer = sending(exactPage);
});

describe('a page of calls', () => {
  test('asks for one whole UTC day with the credentials, and hands the text on to the last digit (L4)', async () => {
    const page = await twilio.listDay('2025-10-31', null);
    expect(page).toMatchObject({
      recordsUtf8: [Buffer.from(exactPage)],
      recordsPath: 'calls',
      nextCursor: null,
    });
    expect(page.countRecords()).toBe(2);
    expect(server.asked).toHaveLength(1);
    const [asked] = server.asked;
    expect(asked?.url).toBe(
      `${callsPath}.json?StartTime%3E=2025-10-31&StartTime%3C=2025-11-01&PageSize=1000`,
    );
    expect(asked?.headers.authorization).toBe(`Basic ${basic}`);
    expect(asked?.headers['user-agent']).toContain('twilio-node/');
  });

  test('an API key with its secret stands for the token', async () => {
    const withKey = await createTwilioProvider({
      accountSid,
      apiKey: 'SK1',
      apiSecret: 'key-secret',
      baseUrl: `${server.origin}/`,
      requestTimeoutMs: 5_000,
    });
    await withKey.listDay('2025-10-04', null, 50);
    expect(server.asked[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from('SK1:key-secret').toString('base64')}`,
    );
    expect(server.asked[0]?.url).toContain('PageSize=50');
    server.answer = sending('SK1 key-secret', 500);
    expectNoSecret(await errorOf(withKey.listDay('2025-10-04', null)), ['SK1', 'key-secret']);
    withKey.close();
  });

  test.each([
    ['a relative one', `${callsPath}.json?StartTime%3E=2025-10-04&PageSize=1000&Page=1&PageToken=PACA1%2F`],
    ['an older, absolute one', `https://api.twilio.com${callsPath}.json?Page=1&PageToken=PA1/`],
    ['one that names another host', `https://evil.example${callsPath}.json?Page=2&PageToken=PA2`],
    ['one without a scheme', `//evil.example${callsPath}.json?Page=3&PageToken=PA3`],
  ])('follows next_page_uri on our own host only: %s', async (_, nextPageUri) => {
    server.answer = sending(JSON.stringify({ calls: [], next_page_uri: nextPageUri }));
    const { nextCursor } = await twilio.listDay('2025-10-04', null);
    server.answer = sending(exactPage);
    await twilio.listDay('2025-10-04', nextCursor);
    expect(nextCursor).toMatch(/^\/2010-04-01\//);
    expect(server.asked[1]?.url).toBe(nextCursor);
    expect(nextPageUri.endsWith(server.asked[1]?.url ?? '?')).toBe(true);
    expect(server.asked[1]?.headers.authorization).toBe(`Basic ${basic}`);
  });

  test.each([
    ['{"calls":[]}', null],
    ['{"calls":[],"next_page_uri":""}', null],
  ])('ends with %s', async (text, cursor) => {
    server.answer = sending(text);
    expect((await twilio.listDay('2025-10-04', null)).nextCursor).toBe(cursor);
  });

  test.each([
    ['in front of the calls', '{"next_page_uri":"NEXT","calls":[{"sid":"CA1"}]}'],
    [
      'between the calls and another array',
      '{"calls":[{"sid":"CA1"}],"next_page_uri":"NEXT","links":[],"page":0}',
    ],
    ['in front of a text with a bracket', '{"calls":[{"sid":"CA1"}],"next_page_uri":"NEXT","uri":"/a]"}'],
  ])('finds a next_page_uri wherever it stands: %s', async (_, text) => {
    const next = `${callsPath}.json?Page=1&PageToken=PA1`;
    server.answer = sending(text.replace('NEXT', next));
    expect((await twilio.listDay('2025-10-04', null)).nextCursor).toBe(next);
  });

  test('a page that is no JSON within is not counted', async () => {
    server.answer = sending('{"calls":[{"sid":"CA1",,}],"next_page_uri":null}');
    const page = await twilio.listDay('2025-10-04', null);
    const error = await errorOf(Promise.resolve().then(() => page.countRecords()));
    expect(error).toMatchObject({
      kind: 'malformed',
      message: expect.stringContaining('is not whole JSON') as unknown,
    });
  });

  test('a next_page_uri outside the API is an error', async () => {
    server.answer = sending('{"calls":[],"next_page_uri":"/login?next=1"}');
    expect((await errorOf(twilio.listDay('2025-10-04', null))).kind).toBe('malformed');
  });

  test.each(['\\u0000', '\\ud800'])('a next_page_uri with %s is an error', async (odd) => {
    server.answer = sending(`{"calls":[],"next_page_uri":"${callsPath}.json?PageToken=PA${odd}"}`);
    const error = await errorOf(twilio.listDay('2025-10-04', null));
    expect(error).toMatchObject({ kind: 'malformed', retryable: true });
    expect(error.message).toContain('has a next_page_uri with U+0000 or half');
  });

  test('a day or cursor that cannot be is refused before anything is sent', async () => {
    await expect(twilio.listDay('2025-02-30', null)).rejects.toThrow('2025-02-30');
    await expect(twilio.listDay('2025-10-04', 'https://evil.example/2010-04-01/x')).rejects.toThrow('evil');
    expect(server.asked).toHaveLength(0);
  });

  test('unpacks gzip, and keeps its connection', async () => {
    server.answer = (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(exactPage));
    };
    expect((await twilio.listDay('2025-10-04', null)).recordsUtf8).toEqual([Buffer.from(exactPage)]);
    await twilio.listDay('2025-10-04', null);
    expect(server.asked[0]?.port).toBe(server.asked[1]?.port);
  });

  test('a byte that is no UTF-8 becomes a replacement character, and the rest of the page goes on as it is', async () => {
    const bytes = Buffer.from(
      '{"calls":[{"sid":"CA1","from":"\u00e9?"},{"sid":"CA2"}],"next_page_uri":null}',
    );
    bytes[bytes.indexOf('?')] = 0xff;
    server.answer = (response) => response.end(bytes);
    const page = await twilio.listDay('2025-10-04', null);
    expect(page.nextCursor).toBeNull();
    expect(page.countRecords()).toBe(2);
    expect(Buffer.concat(page.recordsUtf8).toString('utf8')).toBe(
      '{"calls":[{"sid":"CA1","from":"\u00e9\ufffd"},{"sid":"CA2"}],"next_page_uri":null}',
    );
    expect(isUtf8(Buffer.concat(page.recordsUtf8))).toBe(true);
  });

  test('a refusal is none, though its body be a whole page', async () => {
    server.answer = sending('{"calls":[],"next_page_uri":null}', 503);
    expect((await errorOf(twilio.listDay('2025-10-04', null))).retryable).toBe(true);
  });

  test('a byte 0, which no text of Postgres holds, makes the page malformed', async () => {
    server.answer = sending('{"calls":[{"sid":"CA\u00001"}],"next_page_uri":null}');
    expect((await errorOf(twilio.listDay('2025-10-04', null))).kind).toBe('malformed');
  });

  test('an aborted request ends with the reason of its signal', async () => {
    const controller = new AbortController();
    const reason = new Error('shutting down');
    server.answer = () => controller.abort(reason);
    await expect(twilio.listDay('2025-10-04', null, 1000, controller.signal)).rejects.toBe(reason);
  });
});

describe('a single call', () => {
  test('comes as it was written', async () => {
    server.answer = sending('{"sid":"CA/1","price":"-0.00750000000000000001" }');
    expect(await twilio.fetchRecord('CA/1')).toEqual({
      recordText: '{"sid":"CA/1","price":"-0.00750000000000000001" }',
    });
    expect(server.asked[0]?.url).toBe(`${callsPath}/CA%2F1.json`);
  });

  test('is null when Twilio says 404, and an error when only a proxy does', async () => {
    server.answer = sending('{"code":20404,"message":"not found","status":404}', 404);
    expect(await twilio.fetchRecord('CA1')).toEqual({ recordText: null });
    server.answer = sending('<h1>404</h1>', 404);
    expect((await errorOf(twilio.fetchRecord('CA1'))).kind).toBe('malformed');
  });

  test('must be the one that was asked', async () => {
    server.answer = sending('{"sid":"CA2"}');
    expect((await errorOf(twilio.fetchRecord('CA1'))).message).toContain('"CA1"');
  });
});

describe('what is no page becomes one readable error, and one request only', () => {
  test.each(brokenAnswers)('%s: %s', async (_, kind, answer, code) => {
    const impatient = await createTwilioProvider({
      accountSid,
      authToken,
      baseUrl: server.origin,
      requestTimeoutMs: code === 'ETIMEDOUT' ? 100 : 5_000,
    });
    server.answer = answer;
    const error = await errorOf(impatient.listDay('2025-10-04', null));
    impatient.close();
    expect(error).toMatchObject({ kind, source: 'twilio' });
    expect(error.message).toMatch(/^Twilio.*2025-10-04/);
    expect(error.message).not.toContain('\n');
    if (code !== undefined) expect(error.code).toBe(code);
    expect(server.asked).toHaveLength(1);
    expectNoSecret(error, [authToken, basic]);
  });

  test('the beginning is quoted, cut, on one line, and without the credentials it may echo', async () => {
    server.answer = sending(`<html>\n\tBasic ${basic} ${authToken} ${'x'.repeat(5_000)}`, 502);
    const error = await errorOf(twilio.listDay('2025-10-04', null));
    expect(error.message).toContain('"<html> Basic [secret] [secret] xxx');
    expect(error.message.length).toBeLessThan(400);
    expectNoSecret(error, [authToken, basic]);
  });

  test('refused credentials name their environment variables', async () => {
    server.answer = sending('{"code":20003,"message":"Authenticate","status":401}', 401);
    const error = await errorOf(twilio.listDay('2025-10-04', null));
    expect(error).toMatchObject({ code: 20003, status: 401, retryable: false });
    expect(error.message).toContain('Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN');
  });

  test('429 carries its code and how long to wait', async () => {
    server.answer = sending('{"code":20429,"message":"Too Many Requests"}', 429, { 'retry-after': '2' });
    expect(await errorOf(twilio.listDay('2025-10-04', null))).toMatchObject({
      code: 20429,
      status: 429,
      retryAfterMs: 2000,
      retryable: true,
    });
  });

  test('nobody listens', async () => {
    const nowhere = await createTwilioProvider({
      accountSid,
      authToken,
      baseUrl: 'http://127.0.0.1:1',
      requestTimeoutMs: 5_000,
    });
    const error = await errorOf(nowhere.listDay('2025-10-04', null));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'ECONNREFUSED' });
    expect(error.message).toContain('http://127.0.0.1:1');
  });
});
