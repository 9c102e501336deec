/** Which providers the environment makes, and what becomes of their errors in Temporal. */
import { describe, expect, test } from 'vitest';
import { readRetryAfter } from '../../providers/answers.js';
import { configuredSources, createProviders, ProviderError } from '../../providers/index.js';
import { toApplicationFailure } from '../../providers/request-failure.js';
import type { ProviderErrorKind } from '../../providers/types.js';

const accountSid = `AC${'0'.repeat(32)}`;

describe('createProviders', () => {
  test('a source without credentials is off', async () => {
    expect(await createProviders({ TWILIO_ACCOUNT_SID: '', ELEVENLABS_API_KEY: undefined })).toEqual({});
    const env = { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: 'token' };
    expect(configuredSources(env)).toEqual(['twilio']);
    expect(Object.keys(await createProviders(env))).toEqual(['twilio']);
  });

  test.each([
    [{ TWILIO_ACCOUNT_SID: accountSid }, 'TWILIO_AUTH_TOKEN'],
    [
      { TWILIO_ACCOUNT_SID: accountSid, TWILIO_AUTH_TOKEN: 't', TWILIO_BASE_URL: 'nowhere' },
      'TWILIO_BASE_URL',
    ],
    [{ ELEVENLABS_API_KEY: 'k', ELEVENLABS_BASE_URL: 'ftp://x' }, 'ELEVENLABS_BASE_URL'],
    [{ ELEVENLABS_API_KEY: 'secret\n' }, 'ELEVENLABS_API_KEY'],
  ])('what is missing or malformed is named in one line: %j', async (env, variable) => {
    const error: unknown = await createProviders(env).catch((reason: unknown) => reason);
    expect(String(error)).toContain(variable);
    expect(String(error)).not.toContain('secret');
    expect(String(error)).not.toContain('\n');
  });
});

describe('toApplicationFailure', () => {
  test.each<[ProviderErrorKind, string, boolean]>([
    ['refused-credentials', 'ProviderCredentialsRefused', true],
    ['rate-limited', 'ProviderRateLimited', false],
    ['unavailable', 'ProviderUnavailable', false],
    ['malformed', 'ProviderAnswerMalformed', false],
    ['permanent', 'ProviderRefusedRequest', true],
    ['not-found', 'ProviderRefusedRequest', true],
  ])('%s becomes %s', (kind, type, nonRetryable) => {
    const error = new ProviderError({ kind, source: 'twilio', message: 'the calls of 2025-10-04' });
    const failure = toApplicationFailure(error);
    expect(failure).toMatchObject({ type, nonRetryable, message: 'the calls of 2025-10-04', cause: error });
    expect(failure.nextRetryDelay).toBeUndefined();
  });

  test('Temporal waits as long as the provider asks', () => {
    const error = new ProviderError({
      kind: 'rate-limited',
      source: 'twilio',
      message: 'x',
      retryAfterMs: 2500,
    });
    expect(toApplicationFailure(error).nextRetryDelay).toBe(2500);
  });
});

test.each([
  ['2', 2000],
  ['0.5', 500],
  ['0', 0],
  ['Wed, 21 Oct 2015 07:28:10 GMT', 10_000],
  ['Wed, 21 Oct 2015 07:27:00 GMT', 0],
  ['999999999', 3_600_000],
  ['soon', undefined],
  ['', undefined],
  [undefined, undefined],
])('Retry-After %s is %s ms', (header, expected) => {
  expect(readRetryAfter(header, Date.UTC(2015, 9, 21, 7, 28))).toBe(expected);
});
