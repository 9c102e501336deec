/** The `temporal` CLI as people type it: starts a backfill, asks how far it is, pauses, resumes and cancels it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findTemporal } from '../../stack/temporal-executable.js';
import { demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { startSystem, type System } from '../support/system.js';
import { waitFor } from '../support/wait-for.js';
import { expectTables } from './expect-tables.js';

const run = promisify(execFile);
const world = generateWorld({ calls: 2_000, days: 40, from: '2025-02-01' });
let system: System;
let executable: string;

beforeAll(async () => {
  executable = await findTemporal(() => undefined);
  system = await startSystem({ world, mapping: demoMapping, sources: ['twilio'], latencyMs: 10 });
  await system.startWorker();
});

afterAll(() => system.close());

async function temporal(...args: string[]): Promise<string> {
  const { address, namespace } = system.temporal;
  const { stdout } = await run(executable, [...args, '--address', address, '--namespace', namespace]);
  return stdout;
}

const input = JSON.stringify({ source: 'twilio', from: '2025-02-01', to: '2025-03-12', maxParallelDays: 2 });
const id = ['--workflow-id', 'my-backfill'];
const start = ['workflow', 'start', '--task-queue', 'hourledger', '--type', 'backfill'];

async function progress(): Promise<{ state: string; maxParallelDays: number; days: { completed: number } }> {
  const out = await temporal('workflow', 'query', ...id, '--type', 'progress', '--output', 'json');
  const answer = JSON.parse(out) as { queryResult: Awaited<ReturnType<typeof progress>>[] };
  return answer.queryResult[0]!;
}

test('a backfill is started, watched, paused, resumed, sped up and finished with the temporal CLI alone', async () => {
  await temporal(...start, ...id, '--input', input);
  await temporal('workflow', 'signal', ...id, '--name', 'pause');
  await waitFor(async () => (await progress()).state === 'paused', { what: 'the backfill to pause' });
  await temporal('workflow', 'update', 'execute', ...id, '--name', 'setMaxParallelDays', '--input', '20');
  expect((await progress()).maxParallelDays).toBe(20);
  await temporal('workflow', 'signal', ...id, '--name', 'resume');
  const result = await temporal('workflow', 'result', ...id, '--output', 'json');
  expect(JSON.parse(result)).toMatchObject({ status: 'COMPLETED', result: { days: { completed: 40 } } });
  await expectTables(system.db, world);
});

test.each([
  ['a misspelt field', { source: 'twilio', from: '2025-02-01', to: '2025-02-02', order_by: 'x' }, 'order_by'],
  ['a day that does not exist', { source: 'twilio', from: '2025-02-30', to: '2025-03-01' }, '2025-02-30'],
  ['days upside down', { source: 'twilio', from: '2025-03-02', to: '2025-03-01' }, '2025-03-02'],
  ['a day to come', { source: 'twilio', from: '2025-03-02', to: '2999-01-01' }, '2999-01-01'],
  ['an unknown source', { source: 'vonage', from: '2025-03-01', to: '2025-03-01' }, 'vonage'],
  ['a list instead of an object', [1, 2], 'JSON object'],
  [
    'a source that is off',
    { source: 'elevenlabs', from: '2025-03-01', to: '2025-03-01' },
    'ELEVENLABS_API_KEY',
  ],
])('%s typed into Temporal Web fails at once, says the value, and writes nothing', async (_, bad, named) => {
  const days = () => system.db.query('select count(*) as n from sync_days');
  const before = await days();
  const handle = await system.start('backfill', bad);
  const failure: unknown = await handle.result().catch((error: unknown) => (error as Error).cause as Error);
  expect(failure).toMatchObject({ nonRetryable: true });
  expect((failure as Error).message).toContain(named);
  expect((failure as Error).message).not.toContain('\n');
  expect(await days()).toEqual(before);
});

test('a wrong key fails a backfill and a daily sync at once, names the variable, and writes nothing', async () => {
  const other = await startSystem({ world, mapping: demoMapping, sources: ['twilio'] });
  try {
    await other.startWorker({ TWILIO_AUTH_TOKEN: 'not-the-token' });
    const inputs = {
      backfill: { source: 'twilio', from: '2025-02-01', to: '2025-02-03' },
      dailySync: { nominalTime: '2025-02-04T00:00:00Z' },
    };
    for (const [type, input] of Object.entries(inputs)) {
      const handle = await other.start(type, input);
      const failure: unknown = await handle.result().catch((error: unknown) => (error as Error).cause);
      expect(JSON.stringify(failure)).toContain('TWILIO_AUTH_TOKEN');
      expect(JSON.stringify(failure)).not.toContain('not-the-token');
    }
    expect(await other.db.query('select from sync_days')).toEqual([]);
  } finally {
    await other.close();
  }
});
