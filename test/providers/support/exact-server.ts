/** A server that sends exactly the bytes that a test gives it, and remembers what it was asked. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { ProviderError } from '../../../providers/index.js';

export interface Asked {
  method: string | undefined;
  url: string;
  headers: http.IncomingHttpHeaders;
  /** Distinguishes connections. */
  port: number | undefined;
}

export interface ExactServer {
  origin: string;
  asked: Asked[];
  /** What the next requests get, until it is changed. */
  answer: (response: http.ServerResponse, request: http.IncomingMessage) => void;
  close(): Promise<void>;
}

export async function startExactServer(): Promise<ExactServer> {
  const server = http.createServer((request, response) => {
    const { method, url = '', headers, socket } = request;
    exact.asked.push({ method, url, headers, port: socket.remotePort });
    exact.answer(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const exact: ExactServer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    answer: (response) => response.end('{}'),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return exact;
}

/** An answer with this status and exactly this text. */
export function sending(
  text: string,
  status = 200,
  headers: Record<string, string> = {},
): ExactServer['answer'] {
  return (response) => {
    response.writeHead(status, headers);
    response.end(text);
  };
}

/** The ways in which an answer can be no page, each with the kind of error that it has to be. */
export const brokenAnswers: [
  name: string,
  kind: string,
  answer: ExactServer['answer'],
  code?: string | number,
][] = [
  ['an HTML page', 'malformed', sending('<html><body>Welcome to our proxy</body></html>')],
  ['an empty body', 'malformed', sending('')],
  ['JSON that is cut off', 'malformed', sending('{"calls":[{"sid":"CA1"')],
  ['JSON that is no object', 'malformed', sending('[1,2]')],
  ['another shape', 'malformed', sending('{"calls":"none","conversations":{}}')],
  ['records that are no objects', 'malformed', sending('{"calls":[7],"conversations":["x"]}')],
  ['a redirect', 'malformed', sending('', 302, { location: 'http://127.0.0.1:1/elsewhere' })],
  ['a 404 page of a proxy', 'malformed', sending('<h1>no such site</h1>', 404)],
  ['a broken gzip', 'malformed', sending('not packed', 200, { 'content-encoding': 'gzip' })],
  ['401', 'refused-credentials', sending('{"code":20003,"message":"Authenticate"}', 401)],
  ['403', 'refused-credentials', sending('{"detail":"no"}', 403)],
  ['404', 'not-found', sending('{"detail":{"status":"not_found"}}', 404)],
  ['422', 'permanent', sending('{"detail":[{"loc":["query"],"msg":"no integer"}]}', 422)],
  ['429', 'rate-limited', sending('{}', 429, { 'retry-after': '3' })],
  ['500', 'unavailable', sending('oops', 500)],
  ['503 in HTML', 'unavailable', sending('<html>busy</html>', 503)],
  [
    'a connection that is reset',
    'unavailable',
    (response) => response.socket?.resetAndDestroy(),
    'ECONNRESET',
  ],
  [
    'a body that breaks off',
    'unavailable',
    (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"calls":[', () => response.socket?.destroy());
    },
    'ECONNRESET',
  ],
  [
    'a body that stalls',
    'unavailable',
    (response) => {
      response.write('{"calls":[');
    },
    'ETIMEDOUT',
  ],
  [
    'a body that trickles for ever',
    'unavailable',
    (response) => {
      const trickle = setInterval(() => response.write(' '), 5);
      response.on('close', () => clearInterval(trickle));
    },
    'ETIMEDOUT',
  ],
];

/** The ProviderError that a promise is rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProviderError)) throw new Error(`no ProviderError: ${inspect(error)}`);
  return error;
}

/** Fails when a secret can be seen in anything that a logger or Temporal would make of the error. */
export function expectNoSecret(error: Error, secrets: string[]): void {
  const views = [
    error.message,
    error.stack ?? '',
    JSON.stringify(error, Object.getOwnPropertyNames(error)),
    inspect(error, { depth: 20, showHidden: true }),
  ];
  for (const secret of secrets) {
    for (const view of views) expect(view).not.toContain(secret);
  }
}
