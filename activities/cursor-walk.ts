/** Notices a provider whose cursors lead in a circle, with a memory of one cursor (Brent's cycle detection). */
import { createHash } from 'node:crypto';
import { ProviderError } from '../providers/index.js';
import type { CursorWalk, Source } from './types.js';

/** Before the first page. */
export const walkBegun: CursorWalk = { steps: 0, milestone: null };

const cursorShown_max = 200;
const names: Record<Source, string> = { twilio: 'Twilio', elevenlabs: 'ElevenLabs' };

/**
 * Takes a step. The milestone moves on to every cursor whose number is a power of two, so that a circle of n cursors
 * is noticed after at most three times as many steps as there are cursors. What a retry asks again is no circle: it
 * takes the same steps from where the walk that it resumes stood.
 * @param asked what is read, in words
 * @throws ProviderError naming the cursor, which is not retried: the same answers would come
 */
export function follow(
  source: Source,
  asked: string,
  walk: CursorWalk | undefined,
  cursor: string,
): CursorWalk {
  const { steps: before, milestone } = walk ?? walkBegun;
  const digest = createHash('sha256').update(cursor).digest('base64url').slice(0, 22);
  if (digest === milestone) throw circle(source, asked, before, cursor);
  const steps = before + 1;
  const isPowerOfTwo = (steps & (steps - 1)) === 0;
  return { steps, milestone: isPowerOfTwo ? digest : milestone };
}

function circle(source: Source, asked: string, steps: number, cursor: string): ProviderError {
  const shown = cursor.length > cursorShown_max ? `${cursor.slice(0, cursorShown_max - 1)}…` : cursor;
  return new ProviderError({
    kind: 'malformed',
    source,
    retryable: false,
    message:
      `${names[source]}'s pages of ${asked} lead in a circle: behind ${steps} pages the cursor ` +
      `${JSON.stringify(shown)} came again. A later run asks again; if it stays so, report it to the provider.`,
  });
}
