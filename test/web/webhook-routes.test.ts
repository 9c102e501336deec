/** Webhooks on all the real parts: a good one brings the record in, and any other changes nothing. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { demoMapping } from '../../simulator/demo-data.js';
import { num } from '../../simulator/json-text.js';
import { World } from '../../simulator/world.js';
import { call, conversation } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';
import { waitFor } from '../support/wait-for.js';
import { ask, elevenLabsWebhook, startServe, twilioWebhook, type ServeProcess } from './support.js';

const secret = 'wsec_of_the_test';
/** What Twilio was told: a proxy in front of the server, below a path of its own. */
const publicUrl = 'https://ledger.example.com/hooks';
const world = new World();
let system: System;
let serve: ServeProcess;
let bare: ServeProcess;
let token: string;

beforeAll(async () => {
  for (const sid of ['CA1', 'CA2', 'CA3'])
    world.addCall(call(sid, '2025-03-01T10:00:00Z', { price: '-0.00750000000000000001' }));
  for (const id of ['conv_1', 'conv_2', 'conv_3', 'conv_4'])
    world.addConversation(conversation(id, '2025-03-01T10:10:00Z'));
  system = await startSystem({ world, mapping: demoMapping });
  token = system.env['TWILIO_AUTH_TOKEN']!;
  const withoutToken = { ...system.env, TWILIO_ACCOUNT_SID: '', TWILIO_AUTH_TOKEN: '' };
  [serve, bare] = await Promise.all([
    startServe({ ...system.env, ELEVENLABS_WEBHOOK_SECRET: secret, PUBLIC_URL: `${publicUrl}/` }),
    startServe(withoutToken),
    system.startWorker(),
  ]);
});

afterAll(async () => {
  await Promise.all([serve.kill('SIGKILL'), bare.kill('SIGKILL')]);
  await system.close();
});

beforeEach(() => system.simulator.stats.reset());

const about = (id: string, more: object = {}) =>
  JSON.stringify({ type: 'post_call_transcription', data: { conversation_id: id, ...more } });
const sendElevenLabs = (body: string, how: Partial<Parameters<typeof elevenLabsWebhook>[1]> = {}) =>
  ask(`${serve.url}/webhooks/elevenlabs`, elevenLabsWebhook(body, { secret, ...how }));
const sendTwilio = (
  fields: Record<string, string>,
  how: Partial<Parameters<typeof twilioWebhook>[1]> = {},
  query = '',
) =>
  ask(
    `${serve.url}/webhooks/twilio${query}`,
    twilioWebhook(fields, { token, signedUrl: `${publicUrl}/webhooks/twilio${query}`, ...how }),
  );

const hints = () => system.db.query('select source, id from hourledger.hints');

/** Every hint was asked, and the workflows that ask have ended. */
async function settled(): Promise<void> {
  await waitFor(async () => (await hints()).length === 0, { what: 'every hint to be asked' });
  for (const source of ['twilio', 'elevenlabs']) {
    const handle = system.client.workflow.getHandle(`ask-hinted-${source}`);
    await handle.result().catch((error: unknown) => {
      if (!String(error).includes('not found')) throw error;
    });
  }
}

/** Everything of the ledger that a webhook could have changed. */
const tables = () =>
  system.db.query(
    `select (select jsonb_agg(to_jsonb(c) - 'asked_at' - 'asked_ticket' - 'answered_ticket' - 'fetched_at' order by id) from calls c) as calls,
       (select jsonb_agg(to_jsonb(c) - 'asked_at' - 'asked_ticket' - 'answered_ticket' - 'fetched_at' order by conversation_id)
          from elevenlabs_conversations c) as conversations,
       (select jsonb_agg(s order by workspace_id, snapshot_date) from twilio_snapshots s) as twilio,
       (select jsonb_agg(s order by workspace_id, snapshot_date) from elevenlabs_snapshots s) as elevenlabs`,
  );

const requests = () => {
  const { call: calls, conversation: conversations } = system.simulator.stats.requests;
  return calls.total + conversations.total;
};

describe('a webhook that fits', () => {
  it('of ElevenLabs brings in what the provider says, and not what the webhook says', async () => {
    const { status, body } = await sendElevenLabs(about('conv_1', { metadata: { cost: 999_999 } }));
    expect([status, body]).toEqual([200, { status: 'accepted' }]);
    await settled();
    expect(
      await system.db.query('select conversation_id, cost::text as cost from elevenlabs_conversations'),
    ).toEqual([{ conversation_id: 'conv_1', cost: '70' }]);
    expect(await system.db.query('select total_cost::text as cost from elevenlabs_snapshots')).toEqual([
      { cost: '70' },
    ]);
  });

  it('of Twilio brings the call in, with its price to the last digit', async () => {
    const { status } = await sendTwilio(
      { CallSid: 'CA1', CallStatus: 'completed', 'To[]': 'ñ & +' },
      {},
      '?a=1',
    );
    expect(status).toBe(200);
    await settled();
    const costs = await system.db.query('select id, cost::text as cost from calls');
    expect(costs).toEqual([{ id: 'CA1', cost: '0.00750000000000000001' }]);
    expect(await system.db.query('select total_cost::text as cost from twilio_snapshots')).toEqual([
      { cost: '0.00750000000000000001' },
    ]);
  });

  it('brings a settled record up to date', async () => {
    world.upsertConversation('conv_1', { metadata: { call_duration_secs: num('31') } });
    await sendElevenLabs(about('conv_1'));
    await settled();
    const rows = await system.db.query('select call_duration_secs as secs from elevenlabs_conversations');
    expect(rows).toEqual([{ secs: 31 }]);
  });

  it('and that is sent again changes nothing', async () => {
    const before = await tables();
    const again = elevenLabsWebhook(about('conv_1'), { secret });
    for (let times = 0; times < 3; times++) {
      expect((await ask(`${serve.url}/webhooks/elevenlabs`, again)).status).toBe(200);
      await sendTwilio({ CallSid: 'CA1', CallStatus: 'completed' });
    }
    await settled();
    expect(await tables()).toEqual(before);
  });

  it('of a record that the provider does not know just ends', async () => {
    const before = await tables();
    await sendElevenLabs(about('conv_unknown'));
    await sendTwilio({ CallSid: 'CA-unknown' });
    await settled();
    expect(await tables()).toEqual(before);
    expect(await system.db.query('select from rejected_records')).toEqual([]);
  });

  it('many at once are asked by one workflow, and none is lost', async () => {
    const ids = ['conv_1', 'conv_2', 'conv_3', 'conv_4'];
    const answers = await Promise.all([
      ...[...ids, ...ids, ...ids].map((id) => sendElevenLabs(about(id))),
      ...['CA1', 'CA2', 'CA3'].map((CallSid) => sendTwilio({ CallSid })),
    ]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await settled();
    expect(await system.db.query('select from elevenlabs_conversations')).toHaveLength(4);
    expect(await system.db.query('select from calls')).toHaveLength(3);
    expect(await system.db.query('select total_calls from twilio_snapshots')).toEqual([{ total_calls: '3' }]);
  });
});

describe('a webhook that does not fit changes nothing, and nobody is asked:', () => {
  const body = about('conv_2');
  const form = { CallSid: 'CA2', CallStatus: 'completed' };
  const unsigned = (path: string, type: string, text: string, headers: Record<string, string> = {}) =>
    ask(serve.url + path, { method: 'POST', headers: { 'content-type': type, ...headers }, body: text });
  const large = 'x'.repeat(1024 * 1024);

  it.each<[string, number, () => ReturnType<typeof ask>]>([
    ['without a signature', 401, () => unsigned('/webhooks/elevenlabs', 'application/json', body)],
    ['signed with another secret', 401, () => sendElevenLabs(body, { secret: 'another' })],
    ['signed for another body', 401, () => sendElevenLabs(about('conv_3'), { sent: body })],
    ['of an hour ago', 401, () => sendElevenLabs(body, { shift_secs: -3600 })],
    ['of the future', 401, () => sendElevenLabs(body, { shift_secs: 3600 })],
    ['too large', 413, () => sendElevenLabs(about('conv_2', { large }))],
    [
      'of another event',
      200,
      () => sendElevenLabs(JSON.stringify({ type: 'voice_removal_notice', data: {} })),
    ],
    ['that is no JSON', 400, () => sendElevenLabs('{')],
    ['that is null', 400, () => sendElevenLabs('null')],
    ['without a conversation', 400, () => sendElevenLabs('{"type":"post_call_transcription","data":null}')],
    ['with an id that is none', 400, () => sendElevenLabs(about('conv 2\n'))],
    ['of another media type', 415, () => unsigned('/webhooks/elevenlabs', 'text/plain', body)],
    [
      'of Twilio without a signature',
      401,
      () => unsigned('/webhooks/twilio', 'application/x-www-form-urlencoded', 'CallSid=CA2'),
    ],
    ['of Twilio with another token', 401, () => sendTwilio(form, { token: 'another' })],
    ['of Twilio for another form', 401, () => sendTwilio(form, { sent: { ...form, CallSid: 'CA3' } })],
    [
      'of Twilio for another address',
      401,
      () => sendTwilio(form, { signedUrl: 'https://example.com/webhooks/twilio' }),
    ],
    ['of Twilio without a call', 400, () => sendTwilio({ MessageSid: 'SM1' })],
    ['of Twilio that is too large', 413, () => sendTwilio({ ...form, large })],
    ['of Twilio as JSON', 415, () => unsigned('/webhooks/twilio', 'application/json', '{"CallSid":"CA2"}')],
  ])('%s', async (_, status, send) => {
    const before = await tables();
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/\n|\bat \S+ \(|\.[jt]s\b|node_modules/);
    if (status !== 200) expect(Object.keys(answer.body)).toEqual(['error']);
    expect(await hints()).toEqual([]);
    expect(await tables()).toEqual(before);
    expect(requests()).toBe(0);
  });

  it('too large, and not saying so beforehand', async () => {
    const chunk = new Uint8Array(64 * 1024).fill(120);
    let chunks = 0;
    const stream = new ReadableStream({
      pull: (controller) => (++chunks > 2048 ? controller.close() : controller.enqueue(chunk)),
    });
    const init = { ...elevenLabsWebhook(body, { secret }), body: stream, duplex: 'half' as const };
    // A server that reads no further may close before all was sent.
    const status = await ask(`${serve.url}/webhooks/elevenlabs`, init).then(
      (answer) => answer.status,
      () => 413,
    );
    expect(status).toBe(413);
    expect(chunks).toBeLessThan(2048);
    expect((await ask(`${serve.url}/healthz`)).status).toBe(200);
  });

  it('to a server without the settings, which names them', async () => {
    const twilio = await ask(`${bare.url}/webhooks/twilio`, { method: 'POST' });
    expect([twilio.status, twilio.body['error']]).toEqual([
      503,
      expect.stringContaining('TWILIO_AUTH_TOKEN'),
    ]);
    const elevenLabs = await ask(`${bare.url}/webhooks/elevenlabs`, { method: 'POST' });
    expect(elevenLabs.status).toBe(503);
    expect(elevenLabs.body['error']).toContain('ELEVENLABS_WEBHOOK_SECRET');
    const withoutUrl = await startServe(system.env);
    try {
      const answer = await ask(`${withoutUrl.url}/webhooks/twilio`, { method: 'POST' });
      expect([answer.status, answer.body['error']]).toEqual([503, expect.stringContaining('PUBLIC_URL')]);
    } finally {
      await withoutUrl.kill('SIGKILL');
    }
  });

  it('its id and body are in no log, nor is a secret', () => {
    for (const each of [secret, token, 'conv_2', 'CA2']) expect(serve.log()).not.toContain(each);
  });
});
