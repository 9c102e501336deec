/** Cursors that lead in a circle are noticed wherever it begins and however long it is; others never are. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { follow, walkBegun } from '../../activities/cursor-walk.js';
import { ProviderError } from '../../providers/index.js';

/** Follows a tail of cursors into a circle; returns after how many steps it was noticed. */
function stepsUntilNoticed(tail: number, circle: number, steps_max: number): number | null {
  let walk = walkBegun;
  for (let step = 1; step <= steps_max; step += 1) {
    const place = step <= tail ? step : tail + ((step - tail - 1) % circle) + 1;
    try {
      walk = follow('twilio', 'the calls of 2025-10-04', walk, `cursor ${place}`);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      return step;
    }
  }
  return null;
}

test('a circle is noticed after at most three times as many steps as there are cursors', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.integer({ min: 1, max: 300 }), (tail, circle) => {
      const steps = stepsUntilNoticed(tail, circle, 4 * (tail + circle));
      expect(steps).not.toBeNull();
      expect(steps).toBeGreaterThan(circle);
      expect(steps).toBeLessThanOrEqual(3 * (tail + circle));
    }),
  );
});

test('a cursor that names itself is noticed at once', () => {
  expect(stepsUntilNoticed(0, 1, 10)).toBe(2);
});

test('a list without a circle is read to its end', () => {
  expect(stepsUntilNoticed(100_000, 1, 100_000)).toBeNull();
});

test('the error names what was read and the cursor, and is not retried', () => {
  const walk = follow('elevenlabs', 'the conversations of 2025-10-04', walkBegun, 'abc');
  const again = () => follow('elevenlabs', 'the conversations of 2025-10-04', walk, 'abc');
  expect(again).toThrow(
    /^ElevenLabs's pages of the conversations of 2025-10-04 lead in a circle: .* "abc" came again\./,
  );
  expect(again).toThrow(expect.objectContaining({ kind: 'malformed', retryable: false }) as Error);
});
