/** Secrets and signatures: what fits is taken, and everything else is refused. */
import type * as Crypto from 'node:crypto';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { bearerToken, isSameSecret, isSignedByElevenLabs } from '../../web/secrets.js';

// The real one, watched: that a comparison takes the same time whatever it finds cannot be seen from its result.
vi.mock('node:crypto', async (importOriginal) => {
  const real = await importOriginal<typeof Crypto>();
  return { ...real, timingSafeEqual: vi.fn(real.timingSafeEqual) };
});

const secret = 'wsec_0123456789';
const now_secs = 1_760_000_000;
const body = Buffer.from('{"type":"post_call_transcription"}');

function signature(time: number | string, signed: Buffer = body, key = secret): string {
  return createHmac('sha256', key).update(`${time}.`).update(signed).digest('hex');
}

function isTaken(header: string | undefined, given: Buffer = body): boolean {
  return isSignedByElevenLabs(header, given, secret, now_secs * 1000);
}

describe('isSameSecret', () => {
  it('compares texts of any length, without an error for another length', () => {
    expect(isSameSecret('secret', 'secret')).toBe(true);
    for (const other of ['', 's', 'secres', 'secret ', 'secretsecret', 'Secret', 'ſecret'])
      expect(isSameSecret(other, 'secret'), other).toBe(false);
    expect(isSameSecret('x'.repeat(1_000_000), 'secret')).toBe(false);
    expect(isSameSecret('schlüssel', 'schlüssel')).toBe(true);
  });

  it('compares digests of one length in constant time, also those of signatures', () => {
    const compared = vi.mocked(timingSafeEqual);
    compared.mockClear();
    isSameSecret('s', 'secret');
    isTaken(`t=${now_secs},v0=00`);
    expect(compared.mock.calls.map((given) => given.map(({ byteLength }) => byteLength))).toEqual([
      [32, 32],
      [32, 32],
    ]);
  });
});

describe('bearerToken', () => {
  it('reads the token, whatever the case of the scheme, and nothing else', () => {
    expect(bearerToken('Bearer abc')).toBe('abc');
    expect(bearerToken('bearer  abc ')).toBe('abc');
    for (const header of [undefined, '', 'abc', 'Basic abc', 'Bearer', 'Bearer a b', 'XBearer abc'])
      expect(bearerToken(header), header).toBeNull();
  });
});

describe('isSignedByElevenLabs', () => {
  it('takes what was signed with the secret, up to 30 minutes ago or 5 minutes ahead', () => {
    for (const age of [0, 60, 30 * 60, -5 * 60]) {
      const time = now_secs - age;
      expect(isTaken(`t=${time},v0=${signature(time)}`), `age ${age}`).toBe(true);
    }
    expect(isTaken(`t=${now_secs}, v0=${signature(now_secs).toUpperCase()}`)).toBe(true);
    expect(isTaken(`t=${now_secs},v0=${'0'.repeat(64)},v0=${signature(now_secs)}`)).toBe(true);
  });

  it('refuses old and future times, although they are signed', () => {
    for (const age of [30 * 60 + 1, 86_400, -5 * 60 - 1, -86_400]) {
      const time = now_secs - age;
      expect(isTaken(`t=${time},v0=${signature(time)}`), `age ${age}`).toBe(false);
    }
  });

  it('refuses another secret, another body, another time, and what is no signature', () => {
    const good = signature(now_secs);
    const refused = [
      undefined,
      '',
      good,
      `t=${now_secs}`,
      `v0=${good}`,
      `t=${now_secs},v0=`,
      `t=${now_secs},v1=${good}`,
      `t=${now_secs},v0=${good}00`,
      `t=${now_secs},v0=${good.slice(0, -2)}`,
      `t=${now_secs - 1},v0=${good}`,
      `t=${now_secs},v0=${signature(now_secs, body, 'another')}`,
      `t=NaN,v0=${signature('NaN')}`,
      `t=1e9,v0=${signature('1e9')}`,
      `t=,v0=${signature('')}`,
    ];
    for (const header of refused) expect(isTaken(header), header).toBe(false);
    expect(isTaken(`t=${now_secs},v0=${good}`, Buffer.from('{"type":"post_call_transcriptiom"}'))).toBe(
      false,
    );
  });
});
