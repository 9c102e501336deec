/** One whole answer, or one error, from servers that close, answer early or change the protocol. */
import { getEventListeners, once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { keepConnections, wholeAnswer, type KeptConnections } from '../../http/whole-answer.js';
import { loopbackCertificate, loopbackKey } from './support/loopback-certificate.js';

let server: RawServer | null = null;
let agents: KeptConnections | null = null;

afterEach(() => {
  agents?.close();
  server?.close();
  [agents, server] = [null, null];
});

interface RawServer {
  url: string;
  /** What came on each connection, in the order in which they were made. */
  received: string[];
  sockets: net.Socket[];
  /** Whose address each connection came from. */
  callers: (string | undefined)[];
  close(): void;
}

type Answer = (connection: { socket: net.Socket; number: number; request: number }) => void;

/** @param answer called for whatever comes: a request that is not large comes in one piece */
async function serve(answer: Answer, protocol: 'http' | 'https' = 'http'): Promise<RawServer> {
  const sockets: net.Socket[] = [];
  const received: string[] = [];
  const callers: (string | undefined)[] = [];
  const accept = (socket: net.Socket) => {
    const number = sockets.push(socket);
    callers.push(socket.remoteAddress);
    let request = 0;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      received[number - 1] = (received[number - 1] ?? '') + bytes.toString('latin1');
      answer({ socket, number, request: ++request });
    });
  };
  const listener =
    protocol === 'http'
      ? net.createServer(accept)
      : tls.createServer({ key: loopbackKey, cert: loopbackCertificate }, accept);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return {
    url: `${protocol}://127.0.0.1:${(listener.address() as net.AddressInfo).port}/path?x=1`,
    received,
    sockets,
    callers,
    close() {
      for (const socket of sockets) socket.destroy();
      listener.close();
    },
  };
}

const answerOf = (body: string, status = '200 OK') =>
  `HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Answers the first request of each connection, and closes it when another one has come. */
const onceEach: Answer = ({ socket, request }) => {
  if (request === 1) socket.write(answerOf('{}'));
  else socket.destroy();
};

function connect(): KeptConnections {
  agents ??= keepConnections(1);
  return agents;
}

function get(signal?: AbortSignal, timeout_ms = 5_000) {
  return wholeAnswer({ url: server!.url, method: 'GET', headers: {}, agents: connect(), timeout_ms, signal });
}

function post(body: readonly Uint8Array[], timeout_ms = 5_000) {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const headers = { 'content-length': length };
  return wholeAnswer({ url: server!.url, method: 'POST', headers, body, agents: connect(), timeout_ms });
}

// A server, or a proxy before it, closes kept connections whenever it likes, also while a request is on its way to it.
test('a request on a kept connection that was closed is sent once again, whole, on a new one', async () => {
  server = await serve(onceEach);
  const bytes = [Buffer.from('one'), Buffer.from('two')];
  for (let request = 0; request < 3; request += 1) {
    const { message, pieces } = await post(bytes);
    expect([message.statusCode, Buffer.concat(pieces).toString()]).toEqual([200, '{}']);
  }
  const bodies = server.received.map((text) => text.split('POST /path?x=1 ').length - 1);
  expect(bodies).toEqual([2, 1, 1]);
  expect(server.received[1]).toMatch(/\r\n\r\nonetwo$/);
});

test('a server that closes each connection right behind its answer answers every request', async () => {
  server = await serve(({ socket }) => socket.write(answerOf('{}'), () => socket.end()));
  for (let request = 0; request < 100; request += 1) {
    expect((await (request % 2 === 0 ? get() : post([Buffer.from('x')]))).message.statusCode).toBe(200);
  }
});

test('what is sent again keeps the addresses and certificates of its agent, and no connection', async () => {
  server = await serve(onceEach);
  const options = { keepAlive: true, maxSockets: 1, localAddress: '127.0.0.2', ca: loopbackCertificate };
  const own = { http: new http.Agent(options), https: new https.Agent(options) };
  agents = { ...own, close: () => [own.http, own.https].forEach((agent) => agent.destroy()) };
  await get();
  await get();
  expect(server.callers).toEqual(['127.0.0.2', '127.0.0.2']);
  expect(server.received[1]).toMatch(/\r\nConnection: close\r\n/i);
  server.close();
  server = await serve(onceEach, 'https');
  await get();
  await get();
  expect(server.callers).toEqual(['127.0.0.2', '127.0.0.2']);
});

test('a request that is over leaves neither a timer nor a listener behind', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const { signal } = new AbortController();
  server = await serve(({ socket }) => socket.write(answerOf('{}')));
  // The first one makes the connection, whose own idle timer stays.
  await get(signal);
  const before = timers();
  await get(signal);
  expect(timers()).toBe(before);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('a free connection is closed before the server closes it', async () => {
  server = await serve(({ socket }) =>
    socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\n{}'),
  );
  await get();
  await once(server.sockets[0]!, 'end');
});

test('is not sent a third time', async () => {
  server = await serve(({ socket, number, request }) => {
    if (number === 1 && request === 1) socket.write(answerOf('{}'));
    else socket.destroy();
  });
  await get();
  await expect(get()).rejects.toMatchObject({ reason: 'network', code: 'ECONNRESET' });
  expect(server.received).toHaveLength(2);
});

test('is not sent again on a connection that was new, nor when the answer had begun', async () => {
  server = await serve(({ socket }) => socket.destroy());
  await expect(get()).rejects.toMatchObject({ reason: 'network', code: 'ECONNRESET' });
  expect(server.received).toHaveLength(1);
  server.close();
  server = await serve(({ socket, request }) => {
    if (request === 1) socket.write(answerOf('{}'));
    else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{', () => socket.destroy());
  });
  await get();
  await expect(get()).rejects.toMatchObject({ reason: 'network', code: 'ECONNRESET' });
  expect(server.received).toHaveLength(1);
});

test('the deadline and the signal count for both attempts together', async () => {
  let onSecond: () => void = () => undefined;
  const firstOnly: Answer = (connection) => {
    if (connection.number === 1) onceEach(connection);
    else onSecond();
  };
  server = await serve(firstOnly);
  await get();
  await expect(get(undefined, 1_000)).rejects.toMatchObject({ reason: 'timeout', code: 'ETIMEDOUT' });
  expect(server.received).toHaveLength(2);
  server.close();
  server = await serve(firstOnly);
  await get();
  const controller = new AbortController();
  const reason = new Error('shutting down');
  onSecond = () => controller.abort(reason);
  await expect(get(controller.signal)).rejects.toBe(reason);
  expect(server.received).toHaveLength(2);
});

test('a request that is given up on a kept connection is not sent again', async () => {
  const controller = new AbortController();
  const reason = new Error('shutting down');
  let closed: () => void = () => undefined;
  const isClosed = new Promise<void>((resolve) => (closed = resolve));
  server = await serve(({ socket, request }) => {
    socket.on('close', closed);
    if (request === 1) socket.write(answerOf('{}'));
    else controller.abort(reason);
  });
  await get();
  await expect(get(controller.signal)).rejects.toBe(reason);
  await isClosed;
  expect((await get()).message.statusCode).toBe(200);
  expect(server.received.map((text) => text.split('GET ').length - 1)).toEqual([2, 1]);
});

// With one socket at a time, the second request would wait for it until its deadline.
test('an answer that comes before the body was sent gives the socket back', async () => {
  server = await serve(({ socket }) => {
    socket.pause();
    socket.write(answerOf('{}', '413 Content Too Large'));
  });
  for (let request = 0; request < 3; request += 1) {
    const { message } = await post([Buffer.alloc(32 * 1024 * 1024)]);
    expect(message.statusCode).toBe(413);
  }
});

test('another protocol is no answer, and is known at once', async () => {
  server = await serve(({ socket }) =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
  );
  for (const ask of [() => get(), () => post([Buffer.from('x')])]) {
    await expect(ask()).rejects.toThrow('the connection ended without an answer (ECONNRESET)');
  }
});

test('an answer larger than the bound is given up', async () => {
  server = await serve(({ socket }) => socket.write(answerOf('x'.repeat(1001))));
  const asked = {
    url: server.url,
    method: 'GET',
    headers: {},
    agents: connect(),
    timeout_ms: 5_000,
  } as const;
  expect((await wholeAnswer({ ...asked, answerBytes_max: 1001 })).pieces.join('')).toHaveLength(1001);
  await expect(wholeAnswer({ ...asked, answerBytes_max: 1000 })).rejects.toMatchObject({
    reason: 'too-large',
    message: 'the body is larger than 1000 bytes',
  });
});
