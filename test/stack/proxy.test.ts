/** The gateway before PostgREST: the path that supabase-js uses, bodies as they come, errors that it can read. */
import { createServer, request, type Server } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { createProxy } from '../../stack/proxy.js';
import { listen } from '../support/test-database.js';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function start(upstream: Server): Promise<string> {
  const port = await listen(upstream);
  const proxy = createProxy(port);
  servers.push(upstream, proxy);
  return `http://127.0.0.1:${await listen(proxy)}`;
}

it('passes method, path, query, headers and body on, without the prefix, and the answer back', async () => {
  const url = await start(
    createServer((incoming, response) => {
      let body = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (part: string) => (body += part));
      incoming.on('end', () => {
        response.writeHead(206, { 'Content-Range': '0-1/2', 'Content-Type': 'application/json' });
        response.end(JSON.stringify([incoming.method, incoming.url, incoming.headers['prefer'], body]));
      });
    }),
  );
  const answer = await fetch(`${url}/rest/v1/calls?id=eq.1&select=cost::text`, {
    method: 'POST',
    headers: { Prefer: 'count=exact' },
    body: '{"price":"-0.00750000000000000001"}',
  });
  expect(answer.status).toBe(206);
  expect(answer.headers.get('content-range')).toBe('0-1/2');
  expect(await answer.json()).toEqual([
    'POST',
    '/calls?id=eq.1&select=cost::text',
    'count=exact',
    '{"price":"-0.00750000000000000001"}',
  ]);
});

it('gives each part of an answer on as it comes, and waits for the end of neither side', async () => {
  let finish = (): void => undefined;
  const url = await start(
    createServer((_incoming, response) => {
      response.write('first');
      finish = () => void response.end('second');
    }),
  );
  const answer = await fetch(`${url}/rest/v1/slow`);
  const reader = (answer.body! as ReadableStream<Uint8Array>).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('first');
  finish();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('second');
});

it('ends the request to PostgREST when the client goes away, so that no statement runs for nobody', async () => {
  let closed = (): void => undefined;
  const gone = new Promise<void>((resolve) => (closed = resolve));
  let asked = (): void => undefined;
  const arrived = new Promise<void>((resolve) => (asked = resolve));
  const url = await start(
    createServer((_incoming, response) => {
      response.on('close', closed);
      asked();
    }),
  );
  const client = request(`${url}/rest/v1/long`).on('error', () => undefined);
  client.end();
  await arrived;
  client.destroy();
  await gone;
});

it("serves nothing else, and says so in PostgREST's form, as when PostgREST is down", async () => {
  const upstream = createServer();
  const url = await start(upstream);
  for (const path of ['/', '/auth/v1/token', '/rest/v10/calls']) {
    const answer = await fetch(`${url}${path}`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ message: expect.stringContaining('/rest/v1/') as string });
  }
  await new Promise((resolve) => upstream.close(resolve));
  const answer = await fetch(`${url}/rest/v1/calls`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({
    message: expect.stringContaining('PostgREST does not answer') as string,
  });
});
