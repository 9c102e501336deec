/** One HTTP GET whose body comes back as it came: bounded in time and size, no redirect followed, nothing retried. */
import { isAscii, isUtf8 } from 'node:buffer';
import http from 'node:http';
import https from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const gunzipBounded = promisify(gunzip);

/** Connections that are kept between requests; free ones are closed after a while by Node itself. */
export interface KeptConnections {
  http: http.Agent;
  https: https.Agent;
  close(): void;
}

/** @param maxSockets the most connections to one host at a time; more requests wait for a free one */
export function keepConnections(maxSockets: number): KeptConnections {
  const agents = {
    http: new http.Agent({ keepAlive: true, maxSockets }),
    https: new https.Agent({ keepAlive: true, maxSockets }),
  };
  return {
    ...agents,
    close() {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

export interface TextRequest {
  url: string;
  headers: Record<string, string>;
  agents: Pick<KeptConnections, 'http' | 'https'>;
  /** From the connection to the last byte of the body, in milliseconds. */
  timeoutMs: number;
  /** The largest body, unpacked, in bytes. */
  bodyBytesMax: number;
  signal?: AbortSignal | undefined;
}

export interface TextAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Body;
}

/**
 * A body in the pieces in which it came. Pages are megabytes, and each further copy of one has the garbage collector look
 * through the whole process sooner; so they are put together, and made text of, where that is asked for.
 */
export class Body {
  readonly pieces: readonly Buffer[];
  #text: string | null = null;

  constructor(pieces: readonly Buffer[]) {
    this.pieces = pieces;
  }

  /** Bytes that are no UTF-8 become the replacement character. */
  get text(): string {
    this.#text ??= textOf(Buffer.concat(this.pieces));
    return this.#text;
  }

  /** The pieces of `text`. */
  get utf8(): readonly Buffer[] {
    const isClean = this.pieces.every(isAscii) || isUtf8(Buffer.concat(this.pieces));
    return isClean ? this.pieces : [Buffer.from(this.text)];
  }
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
 * The SDKs' own transports bound the wait for headers or the silence of a socket, not the whole answer, and follow
 * redirects with the key in their headers; and `fetch` costs twice the CPU of node:http for small bodies.
 * @throws NoAnswerError; the signal's reason when it is aborted
 */
export async function requestText(request: TextRequest): Promise<TextAnswer> {
  request.signal?.throwIfAborted();
  const answer = await receive(request);
  const { statusCode, headers } = answer.message;
  const pieces = await unpack(answer.pieces, headers['content-encoding'], request.bodyBytesMax);
  return { status: statusCode ?? 0, headers, body: new Body(pieces) };
}

interface Received {
  message: http.IncomingMessage;
  pieces: Buffer[];
}

function receive({ url, headers, agents, timeoutMs, bodyBytesMax, signal }: TextRequest): Promise<Received> {
  return new Promise((resolve, reject) => {
    const secure = url.startsWith('https:');
    const sent = (secure ? https : http).get(url, {
      headers: { ...headers, 'accept-encoding': 'gzip' },
      agent: secure ? agents.https : agents.http,
    });
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      settle();
    };
    const fail = (error: unknown) =>
      finish(() => {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a signal's reason can be anything
        reject(error);
        sent.destroy();
      });
    const stop = () => fail(signal?.reason);
    const timer = setTimeout(
      () => fail(new NoAnswerError('timeout', `no whole answer within ${timeoutMs} ms`, 'ETIMEDOUT')),
      timeoutMs,
    );
    signal?.addEventListener('abort', stop, { once: true });
    sent.on('error', (error: NodeJS.ErrnoException) => fail(networkError(error)));
    sent.on('response', (message) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      message.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > bodyBytesMax) fail(tooLarge(bodyBytesMax));
        else pieces.push(chunk);
      });
      message.on('error', (error: NodeJS.ErrnoException) => fail(networkError(error)));
      message.on('end', () => finish(() => resolve({ message, pieces })));
    });
  });
}

async function unpack(
  pieces: Buffer[],
  encoding: string | undefined,
  bodyBytesMax: number,
): Promise<Buffer[]> {
  if (encoding !== 'gzip') return pieces;
  try {
    return [await gunzipBounded(Buffer.concat(pieces), { maxOutputLength: bodyBytesMax })];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bodyBytesMax);
    throw new NoAnswerError('unreadable', 'the body says that it is gzip and is not');
  }
}

/** Nearly all bodies are ASCII, whose bytes are their characters: decoding them as UTF-8 takes ten times as long. */
function textOf(body: Buffer): string {
  return body.toString(isAscii(body) ? 'latin1' : 'utf8');
}

function tooLarge(bodyBytesMax: number): NoAnswerError {
  return new NoAnswerError('too-large', `the body is larger than ${bodyBytesMax} bytes`);
}

function networkError(error: NodeJS.ErrnoException): NoAnswerError {
  const { code, message } = error;
  const named = code === undefined || message.includes(code);
  return new NoAnswerError('network', named ? message : `${message} (${code})`, code);
}
