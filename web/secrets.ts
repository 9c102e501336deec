/** Comparing what a request shows with what it must show, in a time that tells nothing about either. */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** ElevenLabs' own SDK refuses a signature of more than half an hour ago. */
const age_secs_max = 30 * 60;
/** A clock may be ahead; a signature for later than this would stay valid for longer than it should. */
const ahead_secs_max = 5 * 60;
/** More than one while a secret is being replaced. */
const signatures_max = 5;

/**
 * Whether two texts are the same. Digests of one length are compared, so that neither the place of a difference nor
 * the length of the secret can be measured.
 */
export function isSameSecret(given: string, secret: string): boolean {
  return timingSafeEqual(digest(given), digest(secret));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The token of `Authorization: Bearer TOKEN`; null where there is none. */
export function bearerToken(header: string | undefined): string | null {
  return /^Bearer +([\x21-\x7e]+) *$/i.exec(header ?? '')?.[1] ?? null;
}

/**
 * Whether ElevenLabs has signed a webhook, not longer ago than 30 minutes and not for more than 5 minutes from now.
 * Source: https://elevenlabs.io/docs/agents-platform/workflows/post-call-webhooks#authentication
 * @param header `t=<unix seconds>,v0=<hex>`: the HMAC-SHA256 of `<unix seconds>.<body>`
 * @param body as it came: a body that was parsed and written again has another signature
 */
export function isSignedByElevenLabs(
  header: string | undefined,
  body: Uint8Array,
  secret: string,
  now_ms: number,
): boolean {
  const parts = (header ?? '').split(',').map((part) => part.trim());
  const time = parts.find((part) => part.startsWith('t='))?.slice(2) ?? '';
  if (!/^[0-9]{1,12}$/.test(time)) return false;
  const age_secs = Math.floor(now_ms / 1000) - Number(time);
  if (age_secs > age_secs_max || age_secs < -ahead_secs_max) return false;
  const expected = createHmac('sha256', secret).update(`${time}.`).update(body).digest('hex');
  const given = parts.filter((part) => part.startsWith('v0=')).map((part) => part.slice(3));
  return given.slice(0, signatures_max).some((signature) => isSameSecret(signature.toLowerCase(), expected));
}
