/** One POST whose body is sent as the bytes it is. `fetch` wraps a body in a stream and copies it twice, megabytes a page. */
import http from 'node:http';
import https from 'node:https';

/** More than there are activities that stage at once, so that none waits for a socket. */
const socketsMax = 64;
const agents = {
  http: new http.Agent({ keepAlive: true, maxSockets: socketsMax }),
  https: new https.Agent({ keepAlive: true, maxSockets: socketsMax }),
};

/**
 * @param body sent one part after the other
 * @returns the answer, its body as text
 * @throws Error of the connection; the signal's reason when it is aborted
 */
export async function postBytes(
  url: string,
  headers: Headers,
  body: readonly Uint8Array[],
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  signal?.throwIfAborted();
  const length = body.reduce((sum, part) => sum + part.length, 0);
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const isSecure = url.startsWith('https:');
    const request = (isSecure ? https : http).request(url, {
      method: 'POST',
      headers: { ...Object.fromEntries(headers), 'content-length': length },
      agent: isSecure ? agents.https : agents.http,
      ...(signal === null || signal === undefined ? {} : { signal }),
    });
    request.on('response', resolve);
    request.on('error', reject);
    for (const part of body) request.write(part);
    request.end();
  });
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return new Response(Buffer.concat(parts), { status: answer.statusCode ?? 502 });
}
