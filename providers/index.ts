/** The providers that have credentials. Only their SDKs are imported, because both are heavy. */
import type { Source } from '../activities/types.js';
import type { Providers } from './types.js';

export type * from './types.js';
export { ProviderError } from './types.js';

/** The settings that concern providers, by the names of their environment variables. */
export interface ProviderEnvironment {
  TWILIO_ACCOUNT_SID?: string | undefined;
  TWILIO_AUTH_TOKEN?: string | undefined;
  TWILIO_API_KEY?: string | undefined;
  TWILIO_API_SECRET?: string | undefined;
  TWILIO_BASE_URL?: string | undefined;
  ELEVENLABS_API_KEY?: string | undefined;
  ELEVENLABS_BASE_URL?: string | undefined;
}

export interface ProviderSettings {
  /** For one whole answer, in milliseconds; default 60,000. */
  requestTimeoutMs?: number;
}

/** The sources that have credentials; the others are off. Imports no SDK. */
export function configuredSources(env: ProviderEnvironment): Source[] {
  return [
    ...(given(env.TWILIO_ACCOUNT_SID) === undefined ? [] : ['twilio' as const]),
    ...(given(env.ELEVENLABS_API_KEY) === undefined ? [] : ['elevenlabs' as const]),
  ];
}

/**
 * Clients for the configured sources. Makes no request.
 * @throws Error in one line that names the variable that is missing or malformed
 */
export async function createProviders(
  env: ProviderEnvironment,
  { requestTimeoutMs = 60_000 }: ProviderSettings = {},
): Promise<Providers> {
  const providers: Providers = {};
  const accountSid = given(env.TWILIO_ACCOUNT_SID);
  if (accountSid !== undefined) {
    const { createTwilioProvider } = await import('./twilio/client.js');
    providers.twilio = await createTwilioProvider({
      accountSid,
      authToken: given(env.TWILIO_AUTH_TOKEN),
      apiKey: given(env.TWILIO_API_KEY),
      apiSecret: given(env.TWILIO_API_SECRET),
      baseUrl: given(env.TWILIO_BASE_URL),
      requestTimeoutMs,
    });
  }
  const apiKey = given(env.ELEVENLABS_API_KEY);
  if (apiKey !== undefined) {
    const { createElevenLabsProvider } = await import('./elevenlabs/client.js');
    providers.elevenlabs = await createElevenLabsProvider({
      apiKey,
      baseUrl: given(env.ELEVENLABS_BASE_URL),
      requestTimeoutMs,
    });
  }
  return providers;
}

/** Compose files set variables that are meant to be absent to the empty text. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
