// The simulator misbehaves exactly as it is told to.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FaultRule } from '../../simulator/faults.js';
import type { Simulator } from '../../simulator/server.js';
import { World } from '../../simulator/world.js';
import { ask, call, callsPath, conversation, startWith } from './support.js';

let simulator: Simulator;
const dayPath = `${callsPath}?StartTime%3E=2025-10-04&StartTime%3C=2025-10-05&PageSize=10`;

beforeEach(async () => {
  const world = new World();
  for (let minute = 10; minute < 35; minute += 1)
    world.addCall(call(`CA${minute}`, `2025-10-04T15:${minute}:00Z`));
  world.addConversation(conversation('conv_1', '2025-10-04T15:00:00Z'));
  simulator = await startWith(world);
});

afterEach(() => simulator.stop());

interface Page {
  next_page_uri: string | null;
  calls: { sid: string }[];
}

async function page(path: string): Promise<Page> {
  return (await (await ask(simulator, path)).json()) as Page;
}

async function allSids(): Promise<string[]> {
  const sids: string[] = [];
  for (let next: string | null = dayPath; next !== null;) {
    const answer: Page = await page(next);
    sids.push(...answer.calls.map(({ sid }) => sid));
    next = answer.next_page_uri;
  }
  return sids;
}

test('N times, then well: 429 with Retry-After in the provider’s own form', async () => {
  const rule = simulator.faults.add({ kind: 'status', status: 429, retryAfterSeconds: 7, times: 2 });
  const refused = await ask(simulator, dayPath);
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '7']);
  expect(await refused.json()).toMatchObject({ code: 20429 });
  const conversationAnswer = await ask(simulator, '/v1/convai/conversations/conv_1');
  expect(await conversationAnswer.json()).toMatchObject({
    detail: { status: 'too_many_concurrent_requests' },
  });
  expect((await ask(simulator, dayPath)).status).toBe(200);
  expect(simulator.faults.hits(rule)).toBe(2);
  expect(simulator.stats.outcomes(429)).toBe(2);
});

test('a rule matches by day, kind, path, id and turn', async () => {
  const statuses = async (rule: FaultRule, paths: string[]): Promise<number[]> => {
    simulator.faults.clear();
    simulator.faults.add({ ...rule, status: 503 });
    const result: number[] = [];
    for (const path of paths) result.push((await ask(simulator, path)).status);
    return result;
  };
  const one = '/v1/convai/conversations/conv_1';
  const other = `${callsPath}?StartTime%3E=2025-10-03`;
  expect(await statuses({ kind: 'status', day: '2025-10-04' }, [dayPath, other, one])).toEqual([
    503, 200, 503,
  ]);
  expect(await statuses({ kind: 'status', request: 'conversation' }, [dayPath, one])).toEqual([200, 503]);
  expect(await statuses({ kind: 'status', source: 'twilio' }, [dayPath, one])).toEqual([503, 200]);
  expect(await statuses({ kind: 'status', id: 'conv_1' }, [dayPath, one])).toEqual([200, 503]);
  expect(await statuses({ kind: 'status', path: 'PageSize=10' }, [dayPath, other])).toEqual([503, 200]);
  expect(await statuses({ kind: 'status', skip: 1, every: 2 }, [one, one, one, one, one])).toEqual([
    200, 200, 503, 200, 503,
  ]);
});

test('a reset and a cut end the connection, a stall leaves it open without an end', async () => {
  simulator.faults.add({ kind: 'reset', times: 1 });
  await expect(ask(simulator, dayPath)).rejects.toThrow();
  simulator.faults.add({ kind: 'cut', times: 1 });
  const cut = await ask(simulator, dayPath);
  await expect(cut.text()).rejects.toThrow();
  simulator.faults.add({ kind: 'stall', times: 1 });
  const stalled = await ask(simulator, dayPath);
  expect(stalled.status).toBe(200);
  const reader = stalled.body!.getReader();
  expect((await reader.read()).done).toBe(false);
  expect(simulator.stats.requests.calls.byOutcome).toEqual({ reset: 1, cut: 1, stall: 1 });
  expect(simulator.stats.underWay.twilio).toBe(1);
  await reader.cancel();
});

test('truncated JSON and HTML come with an innocent face', async () => {
  simulator.faults.add({ kind: 'truncate', times: 1 });
  const truncated = await (await ask(simulator, dayPath)).text();
  expect(truncated).toMatch(/^\{"first_page_uri"/);
  expect(() => JSON.parse(truncated) as unknown).toThrow(SyntaxError);
  simulator.faults.add({ kind: 'html', status: 502, times: 1 });
  const html = await ask(simulator, dayPath);
  expect([html.status, html.headers.get('content-type')]).toEqual([502, 'text/html']);
});

test('a page repeats records of the one before, and paging still ends', async () => {
  simulator.faults.add({ kind: 'repeat', count: 3 });
  const sids = await allSids();
  expect(sids.slice(7, 13)).toEqual(['CA27', 'CA26', 'CA25', 'CA27', 'CA26', 'CA25']);
  expect(new Set(sids).size).toBe(25);
});

test('pages that count records shift when calls arrive in between; pages that name the last one do not', async () => {
  simulator.faults.paging = 'offset';
  simulator.faults.add({ kind: 'arrive', count: 2, request: 'calls', skip: 1, times: 1 });
  const shifted = await allSids();
  expect([shifted.length, new Set(shifted).size]).toEqual([27, 25]);
  expect(simulator.world.calls.size).toBe(27);
  simulator.faults.clear();
  simulator.faults.add({ kind: 'arrive', count: 2, request: 'calls', skip: 1, times: 1 });
  const steady = await allSids();
  expect([steady.length, new Set(steady).size]).toEqual([27, 27]);
  expect(simulator.world.calls.size).toBe(29);
});

test('more requests at once than the limit are refused, and the most at once is counted', async () => {
  simulator.setLatencyMs(30);
  simulator.faults.limits.twilio = { maxConcurrent: 3, retryAfterSeconds: 1 };
  const answers = await Promise.all(Array.from({ length: 8 }, () => ask(simulator, dayPath)));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.every(({ headers }) => headers.get('retry-after') === '1')).toBe(true);
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(3);
  expect(simulator.stats.maxConcurrent.twilio).toBeGreaterThan(3);
});

test('more requests in a second than the limit are refused', async () => {
  simulator.faults.limits.elevenlabs = { requestsPerSecond: 2 };
  const path = '/v1/convai/conversations/conv_1';
  const statuses = [];
  for (let request = 0; request < 3; request += 1) statuses.push((await ask(simulator, path)).status);
  expect(statuses).toEqual([200, 200, 429]);
});

test('another process gives its orders over HTTP', async () => {
  const post = (path: string, orders: object): Promise<Response> =>
    fetch(`${simulator.twilioUrl}/_simulator/${path}`, { method: 'POST', body: JSON.stringify(orders) });
  await post('faults', {
    add: [{ kind: 'status', status: 500, times: 1 }],
    limits: { twilio: { maxConcurrent: 9 } },
  });
  expect(simulator.faults.limits.twilio.maxConcurrent).toBe(9);
  expect((await ask(simulator, dayPath)).status).toBe(500);
  await post('world', { calls: { CA10: { price: '-0.5' } }, removeCalls: ['CA11'] });
  expect((await ask(simulator, callsPath.replace('.json', '/CA11.json'))).status).toBe(404);
  expect(await (await ask(simulator, callsPath.replace('.json', '/CA10.json'))).json()).toMatchObject({
    price: '-0.5',
  });
  const stats = await fetch(`${simulator.twilioUrl}/_simulator/stats`);
  expect(await stats.json()).toMatchObject({ requests: { calls: { total: 1, byOutcome: { 500: 1 } } } });
  expect((await post('faults', { clear: true })).status).toBe(200);
  expect(simulator.faults.list()).toEqual([]);
});

test('it listens on loopback only', async () => {
  const { startSimulator } = await import('../../simulator/server.js');
  const { demoCredentials } = await import('../../simulator/demo-data.js');
  const elsewhere = { world: new World(), credentials: demoCredentials, host: '0.0.0.0' };
  await expect(startSimulator(elsewhere)).rejects.toThrow('loopback');
});
