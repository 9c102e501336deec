// The world changes its mind between requests, and its records go out as they were put in.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { generateWorld } from '../../simulator/generate.js';
import { num, parseJson, stringifyJson } from '../../simulator/json-text.js';
import type { Simulator } from '../../simulator/server.js';
import { World } from '../../simulator/world.js';
import { ask, call, callsPath, conversation, startWith } from './support.js';

let simulator: Simulator;
let world: World;

beforeEach(async () => {
  world = new World();
  world.addCall(call('CA1', '2025-10-04T15:00:00Z'));
  simulator = await startWith(world);
});

afterEach(() => simulator.stop());

async function priceOf(sid: string): Promise<string | null> {
  const answer = await ask(simulator, callsPath.replace('.json', `/${sid}.json`));
  return ((await answer.json()) as { price: string | null }).price;
}

async function listed(): Promise<string[]> {
  const answer = await ask(simulator, callsPath);
  return ((await answer.json()) as { calls: { sid: string }[] }).calls.map(({ sid }) => sid);
}

test('JSON text survives reading and writing with every digit', () => {
  const text =
    '{"a":[70.0,6.800000000000001e-05,-0.0,12345678901234567890,1E+2],"b":"x\\"\\\\","c":{},"d":[],"e":null}';
  expect(stringifyJson(parseJson(text))).toBe(text);
  expect(stringifyJson(parseJson(' { "a" : [ 1 , true ] } '))).toBe('{"a":[1,true]}');
  for (const broken of ['', '{', '{"a"}', '[1,]', '[1 2]', '01', '"a', '{"a":1,}', 'nul', '1 2']) {
    expect(() => parseJson(broken), broken).toThrow(SyntaxError);
  }
});

test('a price of 22 decimals goes out as it is', async () => {
  world.addCall(call('CA2', '2025-10-04T16:00:00Z', { price: '-0.00750000000000000001' }));
  expect(await priceOf('CA2')).toBe('-0.00750000000000000001');
  world.addCall(
    `{"sid":"CA3","start_time":"Sat, 04 Oct 2025 16:00:00 +0000","price":-0.00750000000000000001,"n":"\\u0000"}`,
  );
  const text = await (await ask(simulator, callsPath.replace('.json', '/CA3.json'))).text();
  expect(text).toContain('"price":-0.00750000000000000001,"n":"\\u0000"');
});

test('a price comes after so many requests, or when it is time', async () => {
  world.settleLate('call', 'CA1', { serves: 2 });
  expect([await priceOf('CA1'), await priceOf('CA1'), await priceOf('CA1')]).toEqual([
    null,
    null,
    '-0.01400',
  ]);
  world.addCall(call('CA2', '2025-10-04T16:00:00Z'), { settledAt: '2025-10-06T00:00:00Z' });
  world.setNow('2025-10-05T00:00:00Z');
  expect(await priceOf('CA2')).toBeNull();
  world.setNow('2025-10-06T00:00:00Z');
  expect(await priceOf('CA2')).toBe('-0.01400');
});

test('what has not happened yet is not there', async () => {
  world.addCall(call('CA2', '2025-10-04T16:00:00Z'));
  world.setNow('2025-10-04T15:30:00Z');
  expect(await listed()).toEqual(['CA1']);
  expect((await ask(simulator, callsPath.replace('.json', '/CA2.json'))).status).toBe(404);
  expect(world.callTexts()).toHaveLength(1);
  world.setNow(null);
  expect(await listed()).toEqual(['CA2', 'CA1']);
});

test('calls change, arrive, vanish, and move to another instant', async () => {
  world.upsertCall('CA1', { price: '-0.99', start_time: 'Sun, 05 Oct 2025 10:00:00 +0000' });
  world.upsertCall('CA0', { start_time: 'Sat, 04 Oct 2025 09:00:00 +0000', price: null });
  expect(await listed()).toEqual(['CA1', 'CA0']);
  expect(await priceOf('CA1')).toBe('-0.99');
  world.setGone('call', 'CA0');
  expect((await ask(simulator, callsPath.replace('.json', '/CA0.json'))).status).toBe(404);
  expect(await listed()).toEqual(['CA1', 'CA0']);
  world.removeCall('CA0');
  expect(await listed()).toEqual(['CA1']);
});

test('a record without a date or an id is listed where it is told to be', async () => {
  expect(() => world.addCall({ sid: 'CA2', start_time: 'Sun, 30 Feb 2025 10:00:00 +0000' })).toThrow(
    'listedAt',
  );
  world.addCall(
    { sid: 'CA2', start_time: 'Sun, 30 Feb 2025 10:00:00 +0000' },
    { listedAt: '2025-10-04T17:00:00Z' },
  );
  world.addCall({ status: 'completed' }, { listedAt: '2025-10-04T18:00:00Z' });
  world.addCall({ status: 'busy' }, { listedAt: '2025-10-04T19:00:00Z' });
  expect(await listed()).toEqual([undefined, undefined, 'CA2', 'CA1']);
});

test('conversations change too, and have no cost before they are settled', async () => {
  const path = '/v1/convai/conversations/conv_1';
  const detail = async (): Promise<unknown> => (await ask(simulator, path)).json();
  world.addConversation(conversation('conv_1', '2025-10-04T15:00:00Z'));
  world.settleLate('conversation', 'conv_1', { serves: 1 });
  expect(await detail()).toMatchObject({ status: 'processing', metadata: { cost: null } });
  expect(await detail()).toMatchObject({ status: 'done', metadata: { cost: 70 } });
  world.upsertConversation('conv_1', { metadata: { cost: num('71') } });
  expect(await detail()).toMatchObject({ metadata: { cost: 71, call_duration_secs: 30 } });
  world.setGone('conversation', 'conv_1');
  expect((await ask(simulator, path)).status).toBe(404);
});

test('a generated world has its calls on its days, the same for the same seed', () => {
  const options = { calls: 100, conversations: 10, days: 3, from: '2025-01-30', seed: 5 };
  const generated = generateWorld(options);
  expect([generated.calls.size, generated.conversations.size]).toEqual([100, 10]);
  expect(generated.calls.between(Date.parse('2025-01-30'), Date.parse('2025-02-02'))).toHaveLength(100);
  expect(generateWorld(options).callTexts()).toEqual(generated.callTexts());
  expect(generateWorld({ ...options, seed: 6 }).callTexts()).not.toEqual(generated.callTexts());
});
