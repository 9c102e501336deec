// What the simulator's tests share: a running simulator for each test file, and the real SDKs pointed at it.
import { ElevenLabsClient } from '@elevenlabs/elevenlabs-js';
import twilio from 'twilio';
import { demoCredentials } from '../../simulator/demo-data.js';
import { startSimulator, type Simulator } from '../../simulator/server.js';
import { World } from '../../simulator/world.js';
import { accountSid } from './records.js';

export { accountSid, call, conversation, recordText } from './records.js';

export async function startWith(world: World = new World()): Promise<Simulator> {
  return startSimulator({ world, credentials: demoCredentials });
}

export function twilioClient(
  simulator: Simulator,
  secret: string = demoCredentials.twilio.authToken,
): twilio.Twilio {
  const client = twilio(accountSid, secret, { maxRetries: 0 });
  client.api.baseUrl = simulator.twilioUrl;
  return client;
}

export function elevenLabsClient(
  simulator: Simulator,
  apiKey: string = demoCredentials.elevenlabs.apiKey,
): ElevenLabsClient {
  return new ElevenLabsClient({ apiKey, baseUrl: simulator.elevenLabsUrl, maxRetries: 0 });
}

/** A raw answer, with the right credentials. */
export async function ask(simulator: Simulator, path: string): Promise<Response> {
  const { accountSid: name, authToken } = demoCredentials.twilio;
  return fetch(`${simulator.twilioUrl}${path}`, {
    headers: {
      authorization: `Basic ${Buffer.from(`${name}:${authToken}`).toString('base64')}`,
      'xi-api-key': demoCredentials.elevenlabs.apiKey,
    },
  });
}

export const callsPath = `/2010-04-01/Accounts/${accountSid}/Calls.json`;
