// The fake Twilio as the real SDK sees it.
import twilio from 'twilio';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoCredentials } from '../../simulator/demo-data.js';
import type { Simulator } from '../../simulator/server.js';
import { World } from '../../simulator/world.js';
import { accountSid, ask, call, callsPath, recordText, startWith, twilioClient } from './support.js';

let simulator: Simulator;

beforeAll(async () => {
  const world = new World();
  for (let minute = 0; minute < 25; minute += 1) {
    const start = `2025-10-04T15:${String(minute).padStart(2, '0')}:00Z`;
    world.addCall(call(`CA${String(minute).padStart(32, '0')}`, start));
  }
  world.addCall(
    call(`CA${'e'.repeat(32)}`, '2025-10-05T00:00:00Z', { from: 'sip:+34911000000@host', duration: '61' }),
  );
  world.addCall(call(`CA${'d'.repeat(32)}`, '2025-10-03T23:59:59Z', { to: 'client:anna', price: null }));
  simulator = await startWith(world);
});

afterAll(() => simulator.stop());

const day = { startTimeAfter: new Date('2025-10-04'), startTimeBefore: new Date('2025-10-05') };

test('the SDK lists a UTC day newest first, over all its pages', async () => {
  simulator.stats.reset();
  const calls = await twilioClient(simulator).calls.list({ ...day, pageSize: 10 });
  const sids = calls.map(({ sid }) => sid);
  expect(sids).toEqual(Array.from({ length: 25 }, (_, i) => `CA${String(24 - i).padStart(32, '0')}`));
  expect(calls[0]).toMatchObject({ price: '-0.01400', duration: '60', direction: 'outbound-api' });
  expect(calls[0]?.startTime.toISOString()).toBe('2025-10-04T15:24:00.000Z');
  expect(simulator.stats.requests.calls).toEqual({ total: 3, byOutcome: { 200: 3 } });
});

test('pages name the next one relatively, and null at the end', async () => {
  const first = (await (
    await ask(simulator, `${callsPath}?StartTime%3E=2025-10-04&StartTime%3C=2025-10-05&PageSize=20`)
  ).json()) as {
    next_page_uri: string;
    page: number;
    page_size: number;
    calls: object[];
  };
  expect(first).toMatchObject({ page: 0, page_size: 20, start: 0, end: 19, previous_page_uri: null });
  expect(first.next_page_uri).toMatch(/^\/2010-04-01\/Accounts\/AC.*Page=1.*PageToken=PA/);
  const second: unknown = await (await ask(simulator, first.next_page_uri)).json();
  expect(second).toMatchObject({ page: 1, next_page_uri: null });
  expect((second as { calls: object[] }).calls).toHaveLength(5);
});

test('the older form of next_page_uri can be asked for and followed', async () => {
  simulator.faults.nextPageUri = 'after-sid';
  const first = (await (await ask(simulator, `${callsPath}?PageSize=26`)).json()) as {
    next_page_uri: string;
  };
  expect(first.next_page_uri).toContain('AfterSid=CA');
  const second = (await (await ask(simulator, first.next_page_uri)).json()) as { calls: object[] };
  expect(second.calls).toHaveLength(1);
  simulator.faults.clear();
});

test('a time of day in the window is cut off: Twilio documents dates only', async () => {
  const answer = await ask(
    simulator,
    `${callsPath}?StartTime%3E=2025-10-04T15:20:00Z&StartTime%3C=2025-10-05T12:00:00Z`,
  );
  expect(((await answer.json()) as { calls: object[] }).calls).toHaveLength(25);
});

test('a call is found by its sid; another is a 404 with code 20404', async () => {
  const client = twilioClient(simulator);
  const sid = `CA${'d'.repeat(32)}`;
  expect(await client.calls(sid).fetch()).toMatchObject({ sid, to: 'client:anna', price: null });
  await expect(client.calls(`CA${'f'.repeat(32)}`).fetch()).rejects.toMatchObject({
    status: 404,
    code: 20404,
  });
});

test('credentials are checked: account and token, or API key and secret', async () => {
  await expect(twilioClient(simulator, 'wrong').calls.list()).rejects.toMatchObject({
    status: 401,
    code: 20003,
  });
  const { apiKey, apiSecret } = demoCredentials.twilio;
  const byKey = twilio(apiKey, apiSecret, { accountSid });
  byKey.api.baseUrl = simulator.twilioUrl;
  expect(await byKey.calls.list({ limit: 1, pageSize: 1 })).toHaveLength(1);
  const wrongAccount = twilio(`AC${'9'.repeat(32)}`, demoCredentials.twilio.authToken);
  wrongAccount.api.baseUrl = simulator.twilioUrl;
  await expect(wrongAccount.calls.list()).rejects.toMatchObject({ status: 401 });
});

test.each([
  'PageSize=1001',
  'PageSize=0',
  'StartTime%3E=2025-02-30',
  'StartTimes=2025-10-04',
  'PageToken=PAnothing',
])('%s is refused with 400', async (query) => {
  const answer = await ask(simulator, `${callsPath}?${query}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ status: 400, code: 20001 });
});

test('daily usage adds up by category, the last day included', async () => {
  const list = (category: 'calls' | 'calls-sip-outbound' | 'calls-client') =>
    twilioClient(simulator).usage.records.daily.list({
      category,
      startDate: new Date('2025-10-03'),
      endDate: new Date('2025-10-05'),
    });
  const figures = (records: Awaited<ReturnType<typeof list>>) =>
    records.map(({ startDate, count, usage, price }) => [
      startDate.toISOString().slice(0, 10),
      count,
      usage,
      String(price),
    ]);
  expect(figures(await list('calls'))).toEqual([
    ['2025-10-05', '1', '2', '0.014'],
    ['2025-10-04', '25', '25', '0.35'],
    ['2025-10-03', '0', '0', '0'],
  ]);
  expect(figures(await list('calls-client')).at(-1)).toEqual(['2025-10-03', '1', '1', '0']);
  expect(figures(await list('calls-sip-outbound')).every(([, count]) => count === '0')).toBe(true);
});

test('the error bodies on record are what the simulator sends', async () => {
  const refused = await fetch(`${simulator.twilioUrl}${callsPath}`);
  expect(await refused.text()).toBe(recordText('error-twilio-401'));
  simulator.faults.add({ kind: 'status', status: 429, times: 1 });
  const surplus = await ask(simulator, callsPath);
  expect(await surplus.text()).toBe(recordText('error-twilio-429'));
  simulator.faults.clear();
});
