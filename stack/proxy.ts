/** The gateway in front of PostgREST: supabase-js asks under /rest/v1, as Kong serves it at Supabase. */
import {
  Agent,
  createServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';

const prefix = '/rest/v1';
/** More sockets than PostgREST has database connections, so that waiting happens there. */
const socketsMax = 64;
/** Headers that are about one connection, not about the request (RFC 9110, section 7.6.1). */
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'upgrade']);

/** Where PostgREST listens. */
export interface Upstream {
  host: string;
  port: number;
}

/**
 * A server, not listening yet, that passes `/rest/v1/*` on to PostgREST, and both bodies through as they come.
 * @param postgrest its port on this machine, or its host and port
 */
export function createProxy(postgrest: number | Upstream): Server {
  const upstream = typeof postgrest === 'number' ? { host: '127.0.0.1', port: postgrest } : postgrest;
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax, scheduling: 'lifo', noDelay: true });
  const server = createServer({ keepAlive: true, noDelay: true }, (incoming, response) => {
    const url = incoming.url ?? '/';
    if (!url.startsWith(prefix) || !/^(\/|\?|$)/.test(url.slice(prefix.length))) {
      answerError(response, 404, `Nothing is served at ${url}: ask under ${prefix}/.`);
      incoming.resume();
      return;
    }
    const rest = url.slice(prefix.length);
    pass(incoming, response, agent, upstream, rest.startsWith('/') ? rest : `/${rest}`);
  });
  // Clients keep connections; a server that closes an idle one just as the next request comes would fail that one.
  server.keepAliveTimeout = 120_000;
  server.headersTimeout = 125_000;
  server.requestTimeout = 0;
  server.on('close', () => agent.destroy());
  return server;
}

function pass(
  incoming: IncomingMessage,
  response: ServerResponse,
  agent: Agent,
  { host, port }: Upstream,
  path: string,
): void {
  const headers = endToEnd(incoming.rawHeaders);
  const upstream = request({ host, port, agent, method: incoming.method, path, headers });
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEnd(answer.rawHeaders));
    answer.on('error', () => response.destroy());
    answer.pipe(response);
  });
  upstream.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else answerError(response, 503, `PostgREST does not answer: ${error.message}`);
  });
  response.on('close', () => {
    // A client that went away must not keep a statement running.
    if (!response.writableFinished) upstream.destroy();
  });
  incoming.on('error', () => upstream.destroy());
  incoming.pipe(upstream);
}

function endToEnd(rawHeaders: string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (!hopByHop.has(name.toLowerCase())) kept.push(name, rawHeaders[index + 1] ?? '');
  }
  return kept;
}

/** An error in PostgREST's own form, so that supabase-js shows its message. */
function answerError(response: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify({ code: 'HLPROXY', message, details: null, hint: null });
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(body);
}
