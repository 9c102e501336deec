/** The server process: wiring only. Runs until SIGTERM or SIGINT, then finishes the requests that it has. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { CliError } from '../client/cli-error.js';
import { connectTemporal } from '../client/temporal.js';
import { Ledger } from '../database/ledger.js';
import { resolveConnections } from '../settings/connections.js';
import { readEnvironment } from '../settings/environment.js';
import { createApp } from './app.js';
import { log } from './log.js';

/** The predecessor's callers know it. */
const defaultPort = 3093;
/** Nobody reaches it from outside unless HOST says so. */
const defaultHost = '127.0.0.1';
/** A body of the largest size comes in well before that. */
const request_ms_max = 30_000;
const headers_ms_max = 10_000;
/** How long requests may take that are under way at the end. */
const finish_ms_max = 10_000;

/**
 * Serves the HTTP API until it is told to stop.
 * @throws SettingsError or CliError, before anything is listened to
 */
export async function runServer(): Promise<void> {
  const env = readEnvironment();
  const connections = resolveConnections(env);
  const session = await connectTemporal(connections);
  const stop = new AbortController();
  try {
    const app = createApp({
      settings: env,
      ledger: new Ledger(connections),
      session,
      stopping: stop.signal,
    });
    const limits = { requestTimeout: request_ms_max, headersTimeout: headers_ms_max };
    const answer = getRequestListener(app.fetch);
    const server = createServer(limits, (request, response) => void answer(request, response));
    const url = await listen(server, env.HOST ?? defaultHost, env.PORT ?? defaultPort);
    log.info({ url, namespace: connections.namespace }, 'Server is ready');
    await serveUntilTold(server, stop);
  } finally {
    await session.close();
  }
  log.info('Server has stopped');
}

/** @throws CliError when the port is taken, or the host is none of this machine */
async function listen(server: Server, host: string, port: number): Promise<string> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const { message } = error as Error;
    throw new CliError(`Cannot listen on ${host}, port ${port} (${message}). Check HOST and PORT.`, 1, {
      cause: error,
    });
  }
  const { port: bound, address, family } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
}

async function serveUntilTold(server: Server, stop: AbortController): Promise<void> {
  const closed = once(server, 'close');
  const shutDown = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) return;
    log.info({ signal }, 'Shutting down: requests under way are finished');
    stop.abort();
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), finish_ms_max).unref();
  };
  process.on('SIGTERM', shutDown);
  process.on('SIGINT', shutDown);
  await closed;
}
