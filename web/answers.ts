/** How the server says no: one JSON object with one line, and never what went on inside. */
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** `{"error": message}`. */
export function refuse(
  c: Context,
  status: ContentfulStatusCode,
  error: string,
  more: Record<string, unknown> = {},
): Response {
  return c.json({ error, ...more }, status);
}

/** The answer of a route whose setting is not set. */
export function lacking(c: Context, name: string): Response {
  return refuse(
    c,
    503,
    `${name} is not set, so this address is off. Set it for hourledger serve, and restart it.`,
  );
}

/** Refuses a body of more than so many bytes, before all of it has been read. */
export function limitBody(bytes_max: number) {
  return bodyLimit({
    maxSize: bytes_max,
    onError: (c) => {
      // What is still being sent is not waited for.
      c.header('Connection', 'close');
      return refuse(c, 413, `The body is too large: at most ${bytes_max} bytes are read.`);
    },
  });
}

/** The answer for every method that a route does not have. */
export function onlyMethods(...methods: string[]) {
  return (c: Context) => {
    c.header('Allow', methods.join(', '));
    return refuse(c, 405, `${c.req.method} is no method of ${c.req.path}. Use ${methods.join(' or ')}.`);
  };
}

/** Whether the body is said to be of this media type. */
export function hasMediaType(c: Context, mediaType: string): boolean {
  const [given = ''] = (c.req.header('content-type') ?? '').split(';');
  return given.trim().toLowerCase() === mediaType;
}
