/** One HTTP request and its whole answer, bounded in time and size: what clients of providers and of the database share. */
import http from 'node:http';
import https from 'node:https';

/** When a connection that nobody uses is closed; sooner where the server says so (`Keep-Alive: timeout=…`). */
const idle_ms = 30_000;

/** Connections that are kept between requests. */
export interface KeptConnections {
  http: http.Agent;
  https: https.Agent;
  close(): void;
}

/** @param maxSockets the most connections to one host at a time; more requests wait for a free one */
export function keepConnections(maxSockets: number): KeptConnections {
  const agents = {
    http: new http.Agent({ keepAlive: true, maxSockets, timeout: idle_ms }),
    https: new https.Agent({ keepAlive: true, maxSockets, timeout: idle_ms }),
  };
  return {
    ...agents,
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

/** One that may be repeated: it can be sent twice, where a kept connection turns out to be closed. */
export interface AnswerRequest {
  url: string;
  method: 'GET' | 'POST';
  headers: http.OutgoingHttpHeaders;
  /** Sent one part after the other. */
  body?: readonly Uint8Array[];
  agents: Pick<KeptConnections, 'http' | 'https'>;
  /** From the call to the last byte of the answer, with the wait for a free connection. */
  timeout_ms: number;
  /** The largest body of an answer, as it comes; default: any. */
  answerBytes_max?: number;
  signal?: AbortSignal | null | undefined;
}

export interface WholeAnswer {
  message: http.IncomingMessage;
  /** The body as it came, in pieces. */
  pieces: Buffer[];
}

/** Why there is no whole answer. Its message names neither headers nor the query. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  readonly reason: 'network' | 'timeout' | 'too-large' | 'unreadable';
  /** Node's error code, such as `ECONNRESET`. */
  readonly code: string | undefined;

  constructor(reason: NoAnswerError['reason'], message: string, code?: string) {
    super(message);
    this.reason = reason;
    this.code = code;
  }
}

/**
 * Follows no redirect. A server may close a kept connection while a request is on its way to it, and nobody can know
 * before: such a request is sent once again, on a new connection (https://nodejs.org/api/http.html#requestreusedsocket).
 * @throws NoAnswerError; the signal's reason when it is aborted
 */
export async function wholeAnswer(asked: AnswerRequest): Promise<WholeAnswer> {
  const { timeout_ms, signal } = asked;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    let current = send(asked, false);
    let isOver = false;
    const finish = (settle: () => void) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      settle();
    };
    const fail = (error: unknown) =>
      finish(() => {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a signal's reason can be anything
        reject(error);
        current.destroy();
      });
    const stop = () => fail(signal?.reason);
    const timer = setTimeout(() => fail(tooLate(timeout_ms)), timeout_ms);
    signal?.addEventListener('abort', stop, { once: true });
    const listen = (request: http.ClientRequest, isRepeated: boolean) =>
      receive(request, asked.answerBytes_max ?? Infinity, {
        answered: (answer) =>
          finish(() => {
            resolve(answer);
            // Its connection would neither be closed nor be free again, because nobody reads the rest of the body.
            if (!request.writableFinished) request.destroy();
          }),
        failed: (error, hasBegun) => {
          if (isOver || request !== current) return;
          if (isRepeated || hasBegun || !wasKeptTooLong(request, error)) fail(error);
          else listen((current = send(asked, true)), true);
        },
      });
    listen(current, false);
  });
}

function send({ url, method, headers, body, agents }: AnswerRequest, anew: boolean): http.ClientRequest {
  const isSecure = url.startsWith('https:');
  const kept = isSecure ? agents.https : agents.http;
  const agent = anew ? unkept(kept, isSecure) : kept;
  const request = (isSecure ? https : http).request(url, { method, headers, agent });
  // Corked, the parts leave in one call of the system.
  request.cork();
  for (const part of body ?? []) request.write(part);
  request.end();
  request.uncork();
  return request;
}

/** The same, with its certificates and addresses, for a single request. */
function unkept(kept: http.Agent, isSecure: boolean): http.Agent {
  // What an agent was made with is a property of it that its types leave out. With a bound on its sockets it would ask for
  // a connection that is kept all the same.
  const { options } = kept as http.Agent & { options: https.AgentOptions };
  return new (isSecure ? https : http).Agent({ ...options, keepAlive: false, maxSockets: Infinity });
}

interface Outcome {
  answered: (answer: WholeAnswer) => void;
  /** Called at least once where there is no answer, and perhaps behind one. */
  failed: (error: NoAnswerError, hasBegun: boolean) => void;
}

function receive(request: http.ClientRequest, bytes_max: number, { answered, failed }: Outcome): void {
  let hasBegun = false;
  const broken = (error: NodeJS.ErrnoException) => failed(networkError(error), hasBegun);
  request.on('error', broken);
  request.on('response', (message) => {
    hasBegun = true;
    const pieces: Buffer[] = [];
    let bytes = 0;
    message.on('data', (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > bytes_max) failed(tooLarge(bytes_max), hasBegun);
      else pieces.push(piece);
    });
    message.on('error', broken);
    message.on('end', () => answered({ message, pieces }));
  });
  // Node says nothing else where the server changes the protocol (101).
  request.on('close', () => {
    if (!hasBegun) failed(endedWithoutAnswer(), true);
  });
}

/** Whether a kept connection was closed before the request had an answer. */
function wasKeptTooLong(request: http.ClientRequest, { code }: NoAnswerError): boolean {
  return request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
}

function tooLate(timeout_ms: number): NoAnswerError {
  const code = 'ETIMEDOUT';
  return new NoAnswerError('timeout', `no whole answer within ${timeout_ms} ms (${code})`, code);
}

export function tooLarge(bytes_max: number): NoAnswerError {
  return new NoAnswerError('too-large', `the body is larger than ${bytes_max} bytes`);
}

function endedWithoutAnswer(): NoAnswerError {
  const code = 'ECONNRESET';
  return new NoAnswerError('network', `the connection ended without an answer (${code})`, code);
}

function networkError({ code, message }: NodeJS.ErrnoException): NoAnswerError {
  const named = code === undefined || message.includes(code);
  return new NoAnswerError('network', named ? message : `${message} (${code})`, code);
}
