// The fake ElevenLabs as the real SDK sees it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { num } from '../../simulator/json-text.js';
import type { Simulator } from '../../simulator/server.js';
import { World } from '../../simulator/world.js';
import { ask, conversation, elevenLabsClient, recordText, startWith } from './support.js';

let simulator: Simulator;
const listPath = '/v1/convai/conversations';
const unix = (instant: string): number => Date.parse(instant) / 1000;

beforeAll(async () => {
  const world = new World();
  for (let minute = 0; minute < 25; minute += 1) {
    const start = `2025-10-04T15:${String(minute).padStart(2, '0')}:00Z`;
    world.addConversation(conversation(`conv_${String(minute).padStart(3, '0')}`, start));
  }
  world.addConversation(recordText('conversation-phone'));
  world.addConversation({ ...conversation('conv_other', '2025-10-06T00:00:00Z'), agent_id: 'agent_other' });
  simulator = await startWith(world);
});

afterAll(() => simulator.stop());

test('the SDK lists conversations newest first, without a cost, over all pages', async () => {
  const client = elevenLabsClient(simulator);
  const window = {
    callStartAfterUnix: unix('2025-10-04T00:00:00Z') - 1,
    callStartBeforeUnix: unix('2025-10-05T00:00:00Z'),
    pageSize: 10,
  };
  const ids: string[] = [];
  let cursor: string | null | undefined;
  for (let more = true; more;) {
    const page = await client.conversationalAi.conversations.list(
      cursor == null ? window : { ...window, cursor },
    );
    ids.push(...page.conversations.map(({ conversationId }) => conversationId));
    expect(page.conversations[0]).not.toHaveProperty('cost');
    ({ hasMore: more, nextCursor: cursor } = page);
  }
  expect(ids).toEqual(Array.from({ length: 25 }, (_, i) => `conv_${String(24 - i).padStart(3, '0')}`));
});

test('both bounds are exclusive, so that who does not ask wider loses records', async () => {
  const after = unix('2025-10-04T15:00:00Z');
  const before = unix('2025-10-04T15:02:00Z');
  const answer = await ask(
    simulator,
    `${listPath}?call_start_after_unix=${after}&call_start_before_unix=${before}`,
  );
  const page = (await answer.json()) as { conversations: { conversation_id: string }[] };
  expect(page.conversations.map((one) => one.conversation_id)).toEqual(['conv_001']);
});

test('an agent has its own list', async () => {
  const page = await elevenLabsClient(simulator).conversationalAi.conversations.list({
    agentId: 'agent_other',
  });
  expect(page.conversations.map(({ conversationId }) => conversationId)).toEqual(['conv_other']);
  expect(page).toMatchObject({ hasMore: false });
});

test('the SDK reads a detail, and client.fetch gives its text digit for digit', async () => {
  const text = recordText('conversation-phone');
  const { conversation_id: id } = JSON.parse(text) as { conversation_id: string };
  const client = elevenLabsClient(simulator);
  const detail = await client.conversationalAi.conversations.get(id);
  expect(detail.metadata.phoneCall).toMatchObject({ type: 'twilio' });
  expect(await (await client.fetch(`v1/convai/conversations/${id}`)).text()).toBe(text);
});

test('numbers keep every digit', async () => {
  const charging = {
    llm_price: num('0.00012345678901234567'),
    llm_charge: num('70.0'),
    call_charge: num('6.8e-05'),
  };
  simulator.world.addConversation(conversation('conv_digits', '2025-10-07T00:00:00Z', { charging }));
  const text = await (await ask(simulator, `${listPath}/conv_digits`)).text();
  expect(text).toContain('"llm_price":0.00012345678901234567,"llm_charge":70.0,"call_charge":6.8e-05');
});

test('the key is checked, an unknown id is a 404, a page size above 100 a 422 with an array', async () => {
  await expect(
    elevenLabsClient(simulator, 'wrong').conversationalAi.conversations.list(),
  ).rejects.toMatchObject({
    statusCode: 401,
    body: JSON.parse(recordText('error-elevenlabs-401')) as object,
  });
  await expect(
    elevenLabsClient(simulator).conversationalAi.conversations.get('conv_none'),
  ).rejects.toMatchObject({
    statusCode: 404,
    body: { detail: { status: 'conversation_not_found' } },
  });
  const tooLarge = await ask(simulator, `${listPath}?page_size=101`);
  expect(tooLarge.status).toBe(422);
  expect(await tooLarge.text()).toBe(recordText('error-elevenlabs-422'));
});

test('each detail asked for is counted by its id', async () => {
  simulator.stats.reset();
  await ask(simulator, `${listPath}/conv_001`);
  await ask(simulator, `${listPath}/conv_001`);
  expect(simulator.stats.requests.conversation.total).toBe(2);
  expect(simulator.stats.asked.conversation.get('conv_001')).toBe(2);
});
