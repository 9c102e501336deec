// Records for tests: the forms on record in test/records, and plain ones that are made up on the spot.
import { readFileSync } from 'node:fs';
import { rfc2822 } from '../../simulator/dates.js';
import { demoCredentials } from '../../simulator/demo-data.js';
import { num, type JsonObject } from '../../simulator/json-text.js';

/** The text of one of the forms in test/records. */
export function recordText(name: string): string {
  return readFileSync(new URL(`../records/${name}.json`, import.meta.url), 'utf8').trim();
}

export const accountSid = demoCredentials.twilio.accountSid;

/** A plain completed call that starts at an instant. */
export function call(sid: string, start: string, fields: JsonObject = {}): JsonObject {
  const startMs = Date.parse(start);
  return {
    sid,
    account_sid: accountSid,
    parent_call_sid: null,
    from: '+13125550140',
    to: '+12125550101',
    direction: 'outbound-api',
    status: 'completed',
    date_created: rfc2822(startMs),
    start_time: rfc2822(startMs),
    end_time: rfc2822(startMs + 60_000),
    duration: '60',
    price: '-0.01400',
    price_unit: 'USD',
    ...fields,
  };
}

/** A plain web conversation that starts at an instant. */
export function conversation(id: string, start: string, metadata: JsonObject = {}): JsonObject {
  return {
    conversation_id: id,
    agent_id: 'agent_01demo4solarsales0000000000',
    status: 'done',
    transcript: [],
    metadata: {
      start_time_unix_secs: num(String(Date.parse(start) / 1000)),
      call_duration_secs: num('30'),
      cost: num('70'),
      phone_call: null,
      ...metadata,
    },
    has_audio: true,
    has_user_audio: true,
    has_response_audio: true,
    has_auxiliary_audio: false,
  };
}
