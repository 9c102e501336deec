/** The addresses that a cron calls, and the server around them, on all the real parts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoMapping } from '../../simulator/demo-data.js';
import { World } from '../../simulator/world.js';
import { call, conversation } from '../simulator/records.js';
import { startSystem, type System, type WorkerProcess } from '../support/system.js';
import { ask, elevenLabsWebhook, startServe, type ServeProcess } from './support.js';

const secret = 'cron-secret-of-the-test';
const authorized = { headers: { authorization: `Bearer ${secret}` } };
const paths = ['twilio', 'elevenlabs'].flatMap((source) => [
  `/api/sync-${source}-hourly`,
  `/api/generate-${source}-snapshots`,
]);

let system: System;
let serve: ServeProcess;
let bare: ServeProcess;
let worker: WorkerProcess;

beforeAll(async () => {
  const world = new World();
  const hourAgo = new Date(Date.now() - 3_600_000).toISOString().slice(0, 19) + 'Z';
  world.addCall(call('CA1', hourAgo, { price: '-0.0075' }));
  world.addConversation(conversation('conv_1', hourAgo));
  system = await startSystem({ world, mapping: demoMapping });
  [serve, bare] = await Promise.all([
    startServe({ ...system.env, CRON_SECRET: secret }),
    startServe(system.env),
  ]);
});

afterAll(async () => {
  await Promise.all([serve.kill('SIGKILL'), bare.kill('SIGKILL')]);
  await system.close();
});

async function runsOf(workflowId: string): Promise<number> {
  let runs = 0;
  const found = system.client.workflow.list({ query: `WorkflowId = "${workflowId}"` });
  for await (const run of found) if (run.workflowId === workflowId) runs += 1;
  return runs;
}

describe('without the secret', () => {
  it.each(paths)('%s answers 401 and starts nothing', async (path) => {
    const headers = [
      {},
      { authorization: '' },
      { authorization: secret },
      { authorization: `Basic ${secret}` },
    ];
    const wrong = ['x', `${secret}x`, secret.slice(1)].map((token) => ({ authorization: `Bearer ${token}` }));
    for (const each of [...headers, ...wrong]) {
      const answer = await ask(serve.url + path, { headers: each });
      expect(answer.status).toBe(401);
      expect(answer.body['error']).toContain('Authorization');
      expect(answer.text).not.toContain(secret);
    }
    await expect(system.client.workflow.getHandle(path.slice(5)).describe()).rejects.toThrow();
  });

  it.each(paths)('%s answers 503 where CRON_SECRET is not set', async (path) => {
    const answer = await ask(bare.url + path, { ...authorized, method: 'POST' });
    expect(answer.status).toBe(503);
    expect(answer.body['error']).toContain('CRON_SECRET');
  });
});

describe('with the secret', () => {
  it('two calls at once start one workflow, and answer with its id before it ends', async () => {
    const url = `${serve.url}/api/sync-twilio-hourly`;
    const answers = await Promise.all([ask(url, authorized), ask(url, { ...authorized, method: 'POST' })]);
    for (const { status, body } of answers) {
      expect(status).toBe(202);
      expect(body['workflowId']).toBe('sync-twilio-hourly');
    }
    expect(answers.map(({ body }) => body['attached']).sort()).toEqual([false, true]);
    const described = await system.client.workflow.getHandle('sync-twilio-hourly').describe();
    expect(described).toMatchObject({ type: 'dailySync', status: { name: 'RUNNING' } });
  });

  it('a HEAD starts nothing', async () => {
    const url = `${serve.url}/api/generate-twilio-snapshots`;
    expect((await ask(url, { ...authorized, method: 'HEAD' })).status).toBe(405);
    expect(await runsOf('generate-twilio-snapshots')).toBe(0);
  });

  it('says on one line why a workflow failed', async () => {
    const withoutElevenLabs = await system.startWorker({ ELEVENLABS_API_KEY: '' });
    const answer = await ask(`${serve.url}/api/sync-elevenlabs-hourly?wait=true`, authorized);
    expect(answer.status).toBe(500);
    expect(answer.body['error']).toMatch(/^sync-elevenlabs-hourly failed: .*ELEVENLABS_API_KEY/);
    expect(answer.body['workflowId']).toBe('sync-elevenlabs-hourly');
    expect(answer.text).not.toMatch(/\n|\bat \S+ \(|\.[jt]s\b|node_modules/);
    await withoutElevenLabs.kill('SIGTERM');
  });

  it('answers with the result when it is asked to wait', async () => {
    worker = await system.startWorker();
    for (const source of ['twilio', 'elevenlabs']) {
      const url = `${serve.url}/api/sync-${source}-hourly?wait=true`;
      const answer = await ask(url, { ...authorized, method: 'POST', body: '{}' });
      expect(answer.status).toBe(200);
      expect(answer.body['result']).toMatchObject({ sources: { [source]: { failure: null } } });
      expect(Object.keys((answer.body['result'] as { sources: object }).sources)).toEqual([source]);
    }
    expect(await system.db.query('select total_cost::text as cost from twilio_snapshots')).toEqual([
      { cost: '0.0075' },
    ]);
    expect(await system.db.query('select from elevenlabs_snapshots')).toHaveLength(1);
  });

  it('computes the snapshots of a source anew', async () => {
    await system.db.query('delete from twilio_snapshots');
    for (const source of ['twilio', 'elevenlabs']) {
      const answer = await ask(`${serve.url}/api/generate-${source}-snapshots?wait=true`, authorized);
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({
        workflowId: `generate-${source}-snapshots`,
        result: { source, days: 1, snapshots: 1 },
      });
    }
    expect(await system.db.query('select from twilio_snapshots')).toHaveLength(1);
  });

  it('starts another run when the one before has ended', async () => {
    const before = await system.client.workflow.getHandle('generate-twilio-snapshots').describe();
    const answer = await ask(`${serve.url}/api/generate-twilio-snapshots?wait=true`, authorized);
    expect(answer.body['attached']).toBe(false);
    expect(answer.body['runId']).not.toBe(before.runId);
    expect(await runsOf('sync-twilio-hourly')).toBeLessThanOrEqual(2);
  });

  it('refuses a "wait" that is neither true nor false, and a body that is too large', async () => {
    const url = `${serve.url}/api/generate-twilio-snapshots`;
    expect((await ask(`${url}?wait=yes`, authorized)).status).toBe(400);
    const large = await ask(url, { ...authorized, method: 'POST', body: 'x'.repeat(64 * 1024 + 1) });
    expect(large.status).toBe(413);
    expect(large.body['error']).toContain('65536');
  });
});

describe('the server', () => {
  it('answers 404 and 405 with one JSON error, and with nothing of what is inside', async () => {
    for (const path of ['/', '/api', '/api/sync-vonage-hourly', '/.env', '/webhooks', '/%00', '//api/../x']) {
      const answer = await ask(serve.url + path);
      expect(answer.status, path).toBe(404);
      expect(Object.keys(answer.body)).toEqual(['error']);
    }
    for (const path of [...paths, '/webhooks/twilio', '/webhooks/elevenlabs', '/healthz', '/readyz']) {
      const answer = await ask(serve.url + path, { method: 'DELETE' });
      expect(answer.status, path).toBe(405);
      expect(answer.headers.get('allow')).toMatch(/GET|POST/);
      expect(Object.keys(answer.body)).toEqual(['error']);
    }
  });

  it('is alive and ready, and no longer ready when the database is out of reach', async () => {
    for (const path of ['/healthz', '/readyz']) expect((await ask(serve.url + path)).status).toBe(200);
    const lost = await startServe({
      ...system.env,
      SUPABASE_URL: 'http://127.0.0.1:9',
      ELEVENLABS_WEBHOOK_SECRET: secret,
    });
    try {
      expect((await ask(`${lost.url}/healthz`)).status).toBe(200);
      const answer = await ask(`${lost.url}/readyz`);
      expect(answer.status).toBe(503);
      expect(answer.body).toMatchObject({ database: 'no answer', temporal: 'ok' });
      const event = JSON.stringify({
        type: 'post_call_transcription',
        data: { conversation_id: 'conv_1' },
      });
      const failed = await ask(`${lost.url}/webhooks/elevenlabs`, elevenLabsWebhook(event, { secret }));
      expect(failed.status).toBe(500);
      expect(failed.text).toMatch(/^\{"error":"Something failed inside[^"]*"\}$/);
    } finally {
      await lost.kill('SIGKILL');
    }
  });

  it('ends on SIGTERM although somebody waits, who is told so; its log holds no secret', async () => {
    await worker.kill('SIGKILL');
    const waiting = ask(`${serve.url}/api/generate-elevenlabs-snapshots?wait=true`, authorized);
    const { workflow } = system.client;
    await expect
      .poll(async () => (await workflow.getHandle('generate-elevenlabs-snapshots').describe()).status.name, {
        timeout: 10_000,
      })
      .toBe('RUNNING');
    const exit = serve.kill('SIGTERM');
    const answer = await waiting;
    expect(answer.status).toBe(503);
    expect(answer.body['workflowId']).toBe('generate-elevenlabs-snapshots');
    expect(await exit, serve.log()).toBe(0);
    const secrets = [secret, system.env['SUPABASE_SERVICE_ROLE_KEY']!, system.env['TWILIO_AUTH_TOKEN']!];
    for (const each of [...secrets, 'wait=']) expect(serve.log()).not.toContain(each);
  });
});
