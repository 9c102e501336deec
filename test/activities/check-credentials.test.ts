/** What is asked before the first day: whether the key is taken, and about how many calls a day the provider counts. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCheckCredentials } from '../../activities/check-credentials.js';
import type { Dependencies } from '../../activities/dependencies.js';
import type { CheckInput } from '../../activities/types.js';
import { createTwilioProvider } from '../../providers/twilio/client.js';
import { demoCredentials } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { startSimulator, type Simulator } from '../../simulator/server.js';

const range = { from: '2025-01-01', to: '2025-01-04' } as const;
let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({
    world: generateWorld({ calls: 90, days: 3, from: range.from }),
    credentials: demoCredentials,
  });
});

afterEach(() => simulator.stop());

async function check(
  input: CheckInput,
  authToken: string = demoCredentials.twilio.authToken,
  timeout_ms?: number,
) {
  const { accountSid } = demoCredentials.twilio;
  const baseUrl = simulator.twilioUrl;
  const twilio = await createTwilioProvider({ accountSid, authToken, baseUrl, requestTimeoutMs: 5_000 });
  // It asks providers alone: neither the ledger nor a lease.
  const activity = createCheckCredentials({ providers: { twilio } } as unknown as Dependencies, timeout_ms);
  try {
    return await new MockActivityEnvironment().run(activity, input);
  } finally {
    twilio.close();
  }
}

it('counts calls over all days of the range, also those without any', async () => {
  expect(await check({ source: 'twilio', range })).toEqual({ recordsPerDay: 22.5 });
});

it('counts trunks and SIP as well', async () => {
  const usage_records = ['40', '0', '0', '10'].map((count) => ({ count }));
  const body = JSON.stringify({ usage_records, next_page_uri: null });
  for (const path of ['Category=trunking-termination', 'Category=calls-sip-outbound'])
    simulator.faults.add({ kind: 'status', status: 200, request: 'usage', path, body });
  expect(await check({ source: 'twilio', range })).toEqual({ recordsPerDay: 22.5 + 25 });
});

it('asks for no usage where nobody wants to know', async () => {
  expect(await check({ source: 'twilio' })).toEqual({ recordsPerDay: null });
  expect(simulator.stats.requests.usage.total).toBe(0);
});

it('says nothing of days without calls', async () => {
  const empty = { from: '2024-01-01', to: '2024-01-04' };
  expect(await check({ source: 'twilio', range: empty })).toEqual({ recordsPerDay: null });
});

it.each([401, 403, 429, 500])('goes on without the count where usage is answered with %i', async (status) => {
  simulator.faults.add({ kind: 'status', request: 'usage', status });
  expect(await check({ source: 'twilio', range })).toEqual({ recordsPerDay: null });
});

it('does not wait for a count that does not come', async () => {
  simulator.faults.add({ kind: 'stall', request: 'usage' });
  const counted = check({ source: 'twilio', range }, demoCredentials.twilio.authToken, 50);
  expect(await counted).toEqual({ recordsPerDay: null });
});

it('refuses a wrong key, whether or not somebody wants to know', async () => {
  const refused = { type: 'ProviderCredentialsRefused', nonRetryable: true };
  await expect(check({ source: 'twilio' }, 'wrong')).rejects.toMatchObject(refused);
  await expect(check({ source: 'twilio', range }, 'wrong')).rejects.toMatchObject(refused);
});
