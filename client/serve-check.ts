/** What `doctor` says of the settings of `hourledger serve`: what is off without them. */
import type { Environment } from '../settings/environment.js';
import { ok, warning, type Check } from './check.js';

/** The server may run elsewhere, with other settings; these are those of this environment. */
export function checkServeSettings(env: Environment): Check[] {
  return [
    env.CRON_SECRET === undefined
      ? off('crons', 'CRON_SECRET', '/api/…', 'if crons call it')
      : ok('crons', 'on: CRON_SECRET is set'),
    ...(env.TWILIO_ACCOUNT_SID === undefined ? [] : [checkTwilio(env)]),
    ...(env.ELEVENLABS_API_KEY === undefined ? [] : [checkElevenLabs(env)]),
  ];
}

function checkTwilio({ TWILIO_AUTH_TOKEN: token, PUBLIC_URL: publicUrl }: Environment): Check {
  const [name, address] = ['twilio webhook', '/webhooks/twilio'];
  // Twilio signs with the token, whatever key asks.
  if (token === undefined) return off(name, 'TWILIO_AUTH_TOKEN', address, 'if Twilio is to call it');
  if (publicUrl === undefined) return off(name, 'PUBLIC_URL', address, 'if Twilio is to call it');
  return ok(name, `on: Twilio calls ${publicUrl}${address}`);
}

function checkElevenLabs({ ELEVENLABS_WEBHOOK_SECRET: secret }: Environment): Check {
  const [name, address] = ['elevenlabs webhook', '/webhooks/elevenlabs'];
  if (secret === undefined)
    return off(name, 'ELEVENLABS_WEBHOOK_SECRET', address, 'if ElevenLabs is to call it');
  return ok(name, 'on: ELEVENLABS_WEBHOOK_SECRET is set');
}

/** Nothing is missing without it: the daily sync finds the same records later. */
function off(name: string, variable: string, address: string, when: string): Check {
  const fact = `off: ${variable} is not set, so hourledger serve answers 503 to ${address}`;
  return warning(name, fact, `set it for hourledger serve, ${when}`);
}
