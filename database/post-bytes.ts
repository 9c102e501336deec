/** One POST whose body is sent as the bytes it is. `fetch` wraps a body in a stream and copies it twice, megabytes a page. */
import type { IncomingMessage } from 'node:http';
import { keepConnections, wholeAnswer } from '../http/whole-answer.js';

/** More than there are activities that stage at once, so that none waits for a socket. */
const socketsMax = 64;
const agents = keepConnections(socketsMax);
/** The statement itself has 8 s; the rest is for a large page on a slow line. */
const timeoutDefault_ms = 120_000;
/** A `Response` of one of these must not be given a body (https://fetch.spec.whatwg.org/#null-body-status). */
const statusesWithoutBody = new Set([204, 205, 304]);

/**
 * For functions that may be called twice with the same bytes: staging a page has its effect once.
 * @param body sent one part after the other
 * @param timeout_ms from the call to the last byte of the answer
 * @returns the answer, its body as text
 * @throws NoAnswerError; the signal's reason when it is aborted
 */
export async function postBytes(
  url: string,
  headers: Headers,
  body: readonly Uint8Array[],
  signal: AbortSignal | null | undefined,
  timeout_ms = timeoutDefault_ms,
): Promise<Response> {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const { message, pieces } = await wholeAnswer({
    url,
    method: 'POST',
    headers: { ...Object.fromEntries(headers), 'content-length': length },
    body,
    agents,
    timeout_ms,
    signal,
  });
  const status = message.statusCode ?? 502;
  return new Response(statusesWithoutBody.has(status) ? null : Buffer.concat(pieces), {
    status,
    headers: headersOf(message),
  });
}

function headersOf(message: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
