/** `ingestDays` on a real Temporal server, with fakes behind its activities: one run of days from start to end. */
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ingestDays } from '../../workflows/index.js';
import { connectForTests } from './support/connect.js';
import { FakeLedger } from './support/fake-ledger.js';
import type { WorkflowEnvironment } from './support/workflow-environment.js';

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await connectForTests();
});
afterAll(() => environment.close());

const days = ['2025-08-03', '2025-08-02', '2025-08-01'];
const run = { workflowId: 'a-backfill', runId: 'its-first-run' };

function start(ledger: FakeLedger, input: object = {}) {
  return environment.client.workflow.start<typeof ingestDays>('ingestDays', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [{ source: 'elevenlabs', days, run, ...input }],
  });
}

test('thin days take one fetch, one merge, one drain and one end, together', async () => {
  const ledger = new FakeLedger();
  const summary = await (await start(ledger)).result();
  expect(summary).toMatchObject({ completed: 3, open: 0, failed: [], notDone: [], counts: { fetched: 30 } });
  expect(ledger.calls).toEqual([
    'fetchProviderPage',
    'upsertRawRows',
    'classifyWorkspace',
    'rollupHours',
    'completeDays',
  ]);
  expect(ledger.completions).toEqual([{ source: 'elevenlabs', run, days, failed: [] }]);
});

test('the next pages are fetched while the last ones are merged, in order', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-02', { pages: 3 });
  await (await start(ledger)).result();
  expect(ledger.fetches.map((fetch) => fetch.days)).toEqual([
    days.map((day) => ({ day, cursor: null, restarts: 0 })),
    [{ day: '2025-08-02', cursor: '1', restarts: 0 }],
    [{ day: '2025-08-02', cursor: '2', restarts: 0 }],
  ]);
  expect(ledger.merges).toEqual([
    ['2025-08-03#0#1', '2025-08-02#0#1', '2025-08-01#0#1'],
    ['2025-08-02#0#2'],
    ['2025-08-02#0#3'],
  ]);
});

test('a day with a vanished page begins anew, and no other does', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-02', { vanishes: 2 });
  expect(await (await start(ledger)).result()).toMatchObject({ completed: 3, failed: [] });
  const begun = ledger.fetches.flatMap((fetch) => fetch.days).filter(({ cursor }) => cursor === null);
  expect(begun.filter(({ day }) => day === '2025-08-02').map(({ restarts }) => restarts)).toEqual([0, 1, 2]);
  expect(begun.filter(({ day }) => day === '2025-08-01')).toHaveLength(1);
});

test('a day whose pages vanish again and again fails, and no other does', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-02', { vanishes: 1000 });
  const summary = await (await start(ledger)).result();
  const message = 'It began anew 5 times, because staged pages of it had vanished.';
  expect(summary).toMatchObject({ completed: 2, failed: [{ day: '2025-08-02', message }] });
  expect(ledger.fetches).toHaveLength(6);
});

test('so does one whose pages turn out to be no JSON, with the reason', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-02', { vanishes: 1000, malformed: 'A page is not whole JSON: bad.' });
  ledger.behaviours.set('2025-08-01', { vanishes: 2, malformed: 'A page is not whole JSON: bad.' });
  const summary = await (await start(ledger)).result();
  const message = 'It began anew 5 times. A page is not whole JSON: bad.';
  expect(summary).toMatchObject({ completed: 2, failed: [{ day: '2025-08-02', message }] });
});

test('records in doubt are asked again until none is left, before anything is drained', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-02', { unordered: 2 });
  await (await start(ledger)).result();
  const scope = { kind: 'unordered', days };
  expect(ledger.asked.map((ask) => [ask.batch, ask.scope])).toEqual([
    [0, scope],
    [1, scope],
  ]);
  expect(ledger.merges.slice(1)).toEqual([['again#unordered#0'], ['again#unordered#1']]);
  expect(ledger.calls.indexOf('classifyWorkspace')).toBeGreaterThan(
    ledger.calls.lastIndexOf('fetchRecordsAgain'),
  );
});

test('a fetch that breaks for good is tried for each day alone', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-02', { breaks: 'HTTP 410.' });
  ledger.behaviours.set('2025-08-01', { pages: 2 });
  const summary = await (await start(ledger)).result();
  expect(summary).toMatchObject({ completed: 2, failed: [{ day: '2025-08-02', message: 'HTTP 410.' }] });
  expect(ledger.completions).toMatchObject([{ days: ['2025-08-03', '2025-08-01'] }]);
});

test('a provider that brings nothing new without end fails its days', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-02', { stalls: true });
  const summary = await (await start(ledger)).result();
  const message = '5 fetches in a row brought nothing new.';
  expect(summary).toMatchObject({ completed: 2, failed: [{ day: '2025-08-02', message }] });
});

test('days that could not be drained are failed days', async () => {
  const ledger = new FakeLedger();
  ledger.drainFailure = 'The hours cannot be locked.';
  const summary = await (await start(ledger)).result();
  expect(summary.failed).toEqual(days.map((day) => ({ day, message: 'The hours cannot be locked.' })));
  expect(ledger.completions[0]?.failed).toHaveLength(3);
});

test('refused credentials are written down for every day, and thrown', async () => {
  const ledger = new FakeLedger();
  ledger.credentialsRefused = 'elevenlabs';
  const failure: unknown = await (await start(ledger)).result().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  expect((failure as WorkflowFailedError).cause).toMatchObject({ type: 'ProviderCredentialsRefused' });
  expect(ledger.failedDays.map(({ day }) => day)).toEqual(days);
});

test('a dry run only fetches', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-02', { pages: 3 });
  const summary = await (await start(ledger, { dryRun: true })).result();
  expect(summary).toMatchObject({ completed: 3, counts: { fetched: 50, inserted: 0 } });
  expect(new Set(ledger.calls)).toEqual(new Set(['fetchProviderPage']));
});

test('cancel lets the days under way end', async () => {
  const ledger = new FakeLedger();
  ledger.hold(...days);
  const handle = await start(ledger);
  await ledger.when(() => ledger.begun.length === 3);
  await handle.cancel();
  ledger.releaseAll();
  expect(await handle.result()).toMatchObject({ completed: 3 });
});

test('a misspelt field is refused', async () => {
  const ledger = new FakeLedger();
  const failure: unknown = await (
    await start(ledger, { dry: true })
  )
    .result()
    .catch((error: unknown) => error);
  expect((failure as WorkflowFailedError).cause?.message).toMatch(/^ingestDays: there is no field "dry"\./);
});
