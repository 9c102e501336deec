/** One POST whose body is sent as the bytes it is. `fetch` wraps a body in a stream and copies it twice, megabytes a page. */
import http from 'node:http';
import https from 'node:https';

/** More than there are activities that stage at once, so that none waits for a socket. */
const socketsMax = 64;
const agents = {
  http: new http.Agent({ keepAlive: true, maxSockets: socketsMax }),
  https: new https.Agent({ keepAlive: true, maxSockets: socketsMax }),
};
/** The statement itself has 8 s; the rest is for a large page on a slow line. */
const timeoutDefault_ms = 120_000;
/** A `Response` of one of these must not be given a body (https://fetch.spec.whatwg.org/#null-body-status). */
const statusesWithoutBody = new Set([204, 205, 304]);

interface Received {
  message: http.IncomingMessage;
  body: Buffer;
}

/**
 * @param body sent one part after the other
 * @param timeout_ms from the connection to the last byte of the answer
 * @returns the answer, its body as text
 * @throws Error of the connection, or that there was no whole answer in time; the signal's reason when it is aborted
 */
export async function postBytes(
  url: string,
  headers: Headers,
  body: readonly Uint8Array[],
  signal: AbortSignal | null | undefined,
  timeout_ms = timeoutDefault_ms,
): Promise<Response> {
  signal?.throwIfAborted();
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const isSecure = url.startsWith('https:');
  const request = (isSecure ? https : http).request(url, {
    method: 'POST',
    headers: { ...Object.fromEntries(headers), 'content-length': length },
    agent: isSecure ? agents.https : agents.http,
  });
  const received = receive(request, signal, timeout_ms);
  // Corked, the parts leave in one call of the system.
  request.cork();
  for (const part of body) request.write(part);
  request.end();
  request.uncork();
  const answer = await received;
  const status = answer.message.statusCode ?? 502;
  return new Response(statusesWithoutBody.has(status) ? null : answer.body, {
    status,
    headers: headersOf(answer.message),
  });
}

/** Waits for the whole answer; whatever comes between ends the request. */
function receive(
  request: http.ClientRequest,
  signal: AbortSignal | null | undefined,
  timeout_ms: number,
): Promise<Received> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      settle();
    };
    const fail = (error: unknown) =>
      finish(() => {
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a signal's reason can be anything
        reject(error);
        request.destroy();
      });
    const stop = () => fail(signal?.reason);
    const timer = setTimeout(
      () => fail(new Error(`no whole answer within ${timeout_ms} ms (ETIMEDOUT)`)),
      timeout_ms,
    );
    signal?.addEventListener('abort', stop, { once: true });
    request.on('error', fail);
    request.on('response', (message) => {
      const parts: Buffer[] = [];
      message.on('data', (part: Buffer) => parts.push(part));
      message.on('error', fail);
      message.on('end', () => finish(() => resolve({ message, body: Buffer.concat(parts) })));
    });
  });
}

function headersOf(message: http.IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values] of Object.entries(message.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return headers;
}
