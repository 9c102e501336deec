/** One HTTP GET whose body comes back as it came: bounded in time and size, no redirect followed. */
import { isAscii, isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { constants, gunzip } from 'node:zlib';
import { NoAnswerError, tooLarge, wholeAnswer, type KeptConnections } from '../http/whole-answer.js';

const gunzipBounded = promisify(gunzip);

export interface TextRequest {
  url: string;
  headers: Record<string, string>;
  agents: Pick<KeptConnections, 'http' | 'https'>;
  /** From the call to the last byte of the body, in milliseconds. */
  timeoutMs: number;
  /** The largest body, unpacked, in bytes. */
  bodyBytesMax: number;
  signal?: AbortSignal | undefined;
}

export interface TextAnswer {
  status: number;
  headers: IncomingHttpHeaders;
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

/**
 * The SDKs' own transports bound the wait for headers or the silence of a socket, not the whole answer, and follow
 * redirects with the key in their headers; and `fetch` costs twice the CPU of node:http for small bodies.
 * @throws NoAnswerError; the signal's reason when it is aborted
 */
export async function requestText(request: TextRequest): Promise<TextAnswer> {
  const { url, agents, timeoutMs, bodyBytesMax, signal } = request;
  const { message, pieces } = await wholeAnswer({
    url,
    method: 'GET',
    headers: { ...request.headers, 'accept-encoding': 'gzip' },
    agents,
    timeout_ms: timeoutMs,
    answerBytes_max: bodyBytesMax,
    signal,
  });
  const { statusCode = 0, headers } = message;
  const unpacked = await unpack(pieces, message, bodyBytesMax);
  return { status: statusCode, headers, body: new Body(unpacked) };
}

/**
 * A refusal is told by its status, whatever became of its body: that is unpacked as far as it goes.
 * @throws NoAnswerError for the body of a good answer that is not whole
 */
async function unpack(
  pieces: Buffer[],
  { statusCode = 0, headers }: IncomingMessage,
  bodyBytesMax: number,
): Promise<Buffer[]> {
  if (!/^(x-)?gzip$/i.test(headers['content-encoding'] ?? '')) return pieces;
  const isGood = statusCode >= 200 && statusCode <= 299;
  const finishFlush = isGood ? constants.Z_FINISH : constants.Z_SYNC_FLUSH;
  try {
    return [await gunzipBounded(Buffer.concat(pieces), { maxOutputLength: bodyBytesMax, finishFlush })];
  } catch (error) {
    if (!isGood) return [];
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bodyBytesMax);
    throw new NoAnswerError('unreadable', 'the body says that it is gzip and is not');
  }
}

/** Nearly all bodies are ASCII, whose bytes are their characters: decoding them as UTF-8 takes ten times as long. */
function textOf(body: Buffer): string {
  return body.toString(isAscii(body) ? 'latin1' : 'utf8');
}
