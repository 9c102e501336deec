/**
 * Webhooks: hints that a record is worth asking for. Nothing of what they say is stored but the id, and the record
 * comes from the provider; so one that is forged changes nothing, and one that is sent again changes nothing either.
 */
import { Hono, type Context } from 'hono';
// The check alone: the whole SDK takes a second to load.
import { validateRequest } from 'twilio/lib/webhooks/webhooks.js';
import type { Source } from '../activities/types.js';
import { taskQueue } from '../client/temporal.js';
import { hasMediaType, lacking, limitBody, onlyMethods, refuse } from './answers.js';
import { isSignedByElevenLabs } from './secrets.js';
import type { WebDependencies } from './types.js';

/** A transcript of hours stays below it. */
const body_bytes_max = 1024 * 1024;
/** Ids are opaque, but never longer than this and never without a visible character. */
const idPattern = /^[\x21-\x7e]{1,200}$/;
const elevenLabsEvent = 'post_call_transcription';

export function webhookRoutes(deps: WebDependencies): Hono {
  const routes = new Hono();
  const limit = limitBody(body_bytes_max);
  routes.post('/webhooks/elevenlabs', limit, (c) => takeElevenLabs(c, deps));
  routes.post('/webhooks/twilio', limit, (c) => takeTwilio(c, deps));
  for (const path of ['/webhooks/elevenlabs', '/webhooks/twilio']) routes.all(path, onlyMethods('POST'));
  return routes;
}

async function takeElevenLabs(c: Context, deps: WebDependencies): Promise<Response> {
  const secret = deps.settings.ELEVENLABS_WEBHOOK_SECRET;
  if (secret === undefined) return lacking(c, 'ELEVENLABS_WEBHOOK_SECRET');
  if (!hasMediaType(c, 'application/json')) return refuse(c, 415, 'Send application/json.');
  const body = new Uint8Array(await c.req.arrayBuffer());
  if (!isSignedByElevenLabs(c.req.header('elevenlabs-signature'), body, secret, Date.now())) {
    return refuse(c, 401, 'ElevenLabs-Signature does not fit, or is not of the last 30 minutes.');
  }
  const event = readEvent(body);
  if (event === null) return refuse(c, 400, 'The body is no JSON object with a "type".');
  if (event.type !== elevenLabsEvent) return c.json({ status: 'ignored' });
  if (!isId(event.conversationId)) return refuse(c, 400, 'The body names no conversation.');
  await hint(deps, 'elevenlabs', event.conversationId);
  return c.json({ status: 'accepted' });
}

/** The two fields that count; no figure of the body is looked at. */
function readEvent(body: Uint8Array): { type: string; conversationId: unknown } | null {
  try {
    const event = JSON.parse(new TextDecoder().decode(body)) as {
      type?: unknown;
      data?: { conversation_id?: unknown } | null;
    } | null;
    if (typeof event?.type !== 'string') return null;
    return { type: event.type, conversationId: event.data?.conversation_id };
  } catch {
    return null;
  }
}

/**
 * Twilio signs the address that it was told to call, and the fields of the form.
 * Source: https://www.twilio.com/docs/usage/security#validating-requests
 */
async function takeTwilio(c: Context, deps: WebDependencies): Promise<Response> {
  const { TWILIO_AUTH_TOKEN: token, PUBLIC_URL: publicUrl } = deps.settings;
  if (token === undefined) return lacking(c, 'TWILIO_AUTH_TOKEN');
  if (publicUrl === undefined) return lacking(c, 'PUBLIC_URL');
  if (!hasMediaType(c, 'application/x-www-form-urlencoded')) {
    return refuse(c, 415, 'Send application/x-www-form-urlencoded.');
  }
  const form = fieldsOf(await c.req.text());
  const { pathname, search } = new URL(c.req.url);
  const signature = c.req.header('x-twilio-signature') ?? '';
  if (!validateRequest(token, signature, publicUrl + pathname + search, form)) {
    return refuse(c, 401, 'X-Twilio-Signature does not fit. Is PUBLIC_URL the address that Twilio calls?');
  }
  const sid = form['CallSid'];
  if (!isId(sid)) return refuse(c, 400, 'The form names no CallSid.');
  await hint(deps, 'twilio', sid);
  return c.json({ status: 'accepted' });
}

/** A field that comes several times is a list, as the SDK wants it. */
function fieldsOf(body: string): Record<string, string | string[]> {
  const params = new URLSearchParams(body);
  // Without a prototype, no field's name can mean anything.
  const fields = Object.create(null) as Record<string, string | string[]>;
  for (const name of new Set(params.keys())) {
    const values = params.getAll(name);
    fields[name] = values.length === 1 ? (values[0] ?? '') : values;
  }
  return fields;
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && idPattern.test(value);
}

/**
 * Notes the id, then makes sure that somebody asks: whichever of the two fails, the provider is told to send the
 * webhook again, and once more is as good as once.
 */
async function hint({ ledger, session }: WebDependencies, source: Source, id: string): Promise<void> {
  await ledger.call('note_hint', { p_source: source, p_id: id });
  await session.client.workflow.signalWithStart('askHinted', {
    workflowId: `ask-hinted-${source}`,
    taskQueue,
    args: [{ source }],
    signal: 'hinted',
    staticSummary: `${source}, named by webhooks`,
  });
}
