/** POSTs of bytes give the answers that `fetch` would give, whatever the server does. */
import type http from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { postBytes } from '../../database/post-bytes.js';
import { sending, startExactServer, type ExactServer } from '../providers/support/exact-server.js';

let server: ExactServer;

beforeAll(async () => {
  server = await startExactServer();
});

beforeEach(() => {
  server.asked.length = 0;
});

afterAll(() => server.close());

const parts = [Buffer.from('{"a":1}\n'), new Uint8Array([0xff, 0x00, 0x0a])];

const post = (signal?: AbortSignal, timeout_ms?: number) =>
  postBytes(`${server.origin}/rpc/f?x=1`, new Headers({ apikey: 'k' }), parts, signal, timeout_ms);

test('sends the parts one after the other, and answers with status, headers and text', async () => {
  const received: Buffer[] = [];
  server.answer = (response, request) => {
    request.on('data', (chunk: Buffer) => received.push(chunk));
    request.on('end', () =>
      sending('{"é":1}', 418, { 'content-type': 'application/json', 'x-cookies': 'a, b' })(response, request),
    );
  };
  const answer = await post();
  expect(Buffer.concat(received)).toEqual(Buffer.concat(parts));
  expect(server.asked).toMatchObject([
    { method: 'POST', url: '/rpc/f?x=1', headers: { apikey: 'k', 'content-length': '11' } },
  ]);
  expect(answer.status).toBe(418);
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(answer.headers.get('x-cookies')).toBe('a, b');
  expect(await answer.json()).toEqual({ é: 1 });
});

test.each([204, 205, 304])('an answer with status %i has no body', async (status) => {
  server.answer = (response) => {
    response.writeHead(status, { etag: '"1"' });
    response.end();
  };
  const answer = await post();
  expect([answer.status, answer.headers.get('etag'), await answer.text()]).toEqual([status, '"1"', '']);
});

test.each<[string, (response: http.ServerResponse) => void]>([
  ['never comes', () => undefined],
  ['begins and never ends', (response) => response.writeHead(200, { 'content-length': 5 }).write('{')],
])('an answer that %s is given up', async (_, answer) => {
  server.answer = answer;
  await expect(post(undefined, 50)).rejects.toThrow('no whole answer within 50 ms');
});

test('an answer that is cut off is an error', async () => {
  server.answer = (response) => {
    response.writeHead(200, { 'content-length': 5 }).write('{');
    setImmediate(() => response.destroy());
  };
  await expect(post()).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('an aborted request ends with the reason of its signal, before the answer and in the middle of it', async () => {
  for (const write of [false, true]) {
    const controller = new AbortController();
    const reason = new Error('shutting down');
    server.answer = (response) => {
      if (write) response.writeHead(200, { 'content-length': 5 }).write('{');
      controller.abort(reason);
    };
    await expect(post(controller.signal)).rejects.toBe(reason);
    await expect(post(controller.signal)).rejects.toBe(reason);
  }
});

test('nobody listens', async () => {
  const nowhere = postBytes('http://127.0.0.1:1/', new Headers(), parts, null);
  await expect(nowhere).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
