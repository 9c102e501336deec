/** `backfill` on a real Temporal server, with fakes behind its activities: what it starts, when, and how it ends. */
import {
  CancelledFailure,
  WorkflowFailedError,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { backfill } from '../../workflows/index.js';
import type { BackfillInput } from '../../workflows/input.js';
import type { Tuning } from '../../workflows/internals.js';
import type { BackfillProgress } from '../../workflows/messages.js';
import { FakeLedger, daysBetween } from './support/fake-ledger.js';
import { connectForTests } from './support/connect.js';
import { until, type WorkflowEnvironment } from './support/workflow-environment.js';

type Handle = WorkflowHandleWithFirstExecutionRunId<typeof backfill>;

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await connectForTests();
});
afterAll(() => environment.close());

const august = { source: 'twilio', from: '2025-08-01', to: '2025-08-31' } as const;

function start(ledger: FakeLedger, input: unknown, tuning: Tuning = {}): Promise<Handle> {
  return environment.client.workflow.start<typeof backfill>('backfill', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [input as BackfillInput, { kind: 'hourledger-internals', tuning, carried: null }],
  });
}

const progressOf = (handle: Handle) => handle.query<BackfillProgress>('progress');

/** The days of the children, in the order in which they were started. */
async function childrenOf(handle: Handle): Promise<string[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ startChildWorkflowExecutionInitiatedEventAttributes: child }) =>
    child?.workflowId == null ? [] : (child.workflowId.split('/')[2] ?? []),
  );
}

async function failureOf(handle: Handle): Promise<Error | undefined> {
  const error: unknown = await handle.result().then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WorkflowFailedError);
  return (error as WorkflowFailedError).cause;
}

async function applicationFailureOf(handle: Handle): Promise<ApplicationFailure> {
  const failure = await failureOf(handle);
  expect(failure).toBeInstanceOf(ApplicationFailure);
  return failure as ApplicationFailure;
}

describe('a range of days', () => {
  test('newest first, every day once, drained, and summed up', async () => {
    const ledger = new FakeLedger();
    ledger.behaviours.set('2025-08-07', { pages: 4 });
    const handle = await start(ledger, { ...august, maxParallelDays: 10 });
    const result = await handle.result();
    expect(result).toMatchObject({
      state: 'completed',
      days: { total: 31, completed: 31, open: 0, failed: 0, running: 0, remaining: 0 },
      records: { fetched: 340, inserted: 340 },
      failedDays: [],
    });
    expect(ledger.completedDays).toEqual(daysBetween('2025-08-01', '2025-08-31'));
    expect(await childrenOf(handle)).toEqual([
      '2025-08-27..2025-08-31',
      '2025-08-22..2025-08-26',
      '2025-08-17..2025-08-21',
      '2025-08-12..2025-08-16',
      '2025-08-07..2025-08-11',
      '2025-08-02..2025-08-06',
      '2025-08-01..2025-08-01',
    ]);
    expect(ledger.mostDaysUnderWay).toBeLessThanOrEqual(10);
    expect(ledger.completions[0]?.run).toEqual({
      workflowId: handle.workflowId,
      runId: handle.firstExecutionRunId,
    });
    // The last dirt is drained, and pages are swept, after the last day.
    expect(ledger.calls.slice(-3).sort()).toEqual(['classifyWorkspace', 'rollupHours', 'sweepPages']);
    const { memo } = await handle.describe();
    expect(memo).toMatchObject({ ...august, reprocess: 'failed', dryRun: false });
  });

  test('children take as many days as the provider says are worth one, and divide them evenly', async () => {
    const ledger = new FakeLedger();
    const handle = await start(ledger, { ...august, from: '2025-08-08' });
    expect((await handle.result()).days).toMatchObject({ total: 24, completed: 24 });
    expect(await childrenOf(handle)).toEqual([
      '2025-08-27..2025-08-31',
      '2025-08-22..2025-08-26',
      '2025-08-17..2025-08-21',
      '2025-08-12..2025-08-16',
      '2025-08-08..2025-08-11',
    ]);
    ledger.recordsPerDay = 630;
    const quarter = await start(ledger, { ...august, from: '2025-06-01', reprocess: 'completed' });
    await quarter.result();
    expect(await childrenOf(quarter)).toEqual([
      '2025-08-09..2025-08-31',
      '2025-07-17..2025-08-08',
      '2025-06-24..2025-07-16',
      '2025-06-01..2025-06-23',
    ]);
  });

  test('oldest first, planned in pieces', async () => {
    const ledger = new FakeLedger();
    const input = { ...august, to: '2025-08-08', order: 'oldest-first', maxParallelDays: 1 };
    const handle = await start(ledger, input, { planLimit: 3 });
    expect((await handle.result()).days).toMatchObject({ total: 8, completed: 8 });
    expect(ledger.begun).toEqual(daysBetween('2025-08-01', '2025-08-08'));
    expect(ledger.plans.map(({ after }) => after)).toEqual([null, '2025-08-03', '2025-08-06']);
    expect(ledger.mostDaysUnderWay).toBe(1);
  });

  test('reprocess completed asks for settled records too', async () => {
    const ledger = new FakeLedger();
    await (await start(ledger, { ...august, to: '2025-08-01', reprocess: 'completed' })).result();
    expect(ledger.fetches.map(({ askSettled }) => askSettled)).toEqual([true]);
    expect(ledger.plans[0]?.reprocess).toBe('completed');
  });

  test('a dry run fetches and counts, and calls nothing that writes', async () => {
    const ledger = new FakeLedger();
    const result = await (await start(ledger, { ...august, dryRun: true })).result();
    expect(result).toMatchObject({ days: { completed: 31 }, records: { fetched: 310, inserted: 0 } });
    const calls = ['listSources', 'checkCredentials', 'planBackfill', 'fetchProviderPage'];
    expect(new Set(ledger.calls)).toEqual(new Set(calls));
    expect(ledger.fetches.every(({ dryRun }) => dryRun)).toBe(true);
  });

  test('days that Twilio no longer lists are named in a warning', async () => {
    const ledger = new FakeLedger();
    const result = await (await start(ledger, { ...august, from: '2020-01-01', to: '2020-01-02' })).result();
    expect(result.warnings).toEqual([
      'Twilio keeps 13 months of calls in its list: asked there, 2020-01-01 to 2020-01-02 (2 days) come back empty.',
    ]);
  });
});

test('history stays small: a year of days is far below what Temporal allows (L7)', async () => {
  const ledger = new FakeLedger();
  const handle = await start(ledger, { ...august, to: '2025-10-31' });
  await handle.result();
  const { historyLength, historySize } = await handle.describe();
  const child = environment.client.workflow.getHandle(
    `${handle.workflowId}/twilio/2025-10-27..2025-10-31/${handle.firstExecutionRunId.slice(0, 8)}`,
  );
  const childLength = (await child.describe()).historyLength;
  const perDay = {
    events: historyLength / 92,
    bytes: (historySize ?? 0) / 92,
    eventsOfChild: childLength / 5,
  };
  // Temporal ends a workflow at 51,200 events or 50 MB, and suggests to continue as new at 4,096 events.
  expect(perDay.events * 365).toBeLessThan(1_000);
  expect(perDay.bytes * 365).toBeLessThan(1_000_000);
  expect(childLength).toBeLessThan(60);
});

describe('steering', () => {
  test('the window is never exceeded, and setMaxParallelDays changes it', async () => {
    const ledger = new FakeLedger();
    ledger.hold(...daysBetween('2025-08-01', '2025-08-31'));
    const handle = await start(ledger, { ...august, maxParallelDays: 4 });
    await until(
      () => progressOf(handle),
      ({ days }) => days.running === 4,
    );
    expect(ledger.mostDaysUnderWay).toBeLessThanOrEqual(4);
    expect(await handle.executeUpdate<number, [number]>('setMaxParallelDays', { args: [8] })).toBe(8);
    const wider = await until(
      () => progressOf(handle),
      ({ days }) => days.running === 8,
    );
    expect(wider).toMatchObject({ state: 'running', maxParallelDays: 8, days: { remaining: 23 } });
    await ledger.when(() => ledger.mostDaysUnderWay === 8);
    ledger.releaseAll();
    expect((await handle.result()).days.completed).toBe(31);
    expect(ledger.mostDaysUnderWay).toBe(8);
  });

  test('setMaxParallelDays refuses what is no number of days, and changes nothing', async () => {
    const ledger = new FakeLedger();
    ledger.hold('2025-08-31');
    const handle = await start(ledger, { ...august, from: '2025-08-30' });
    const refused = handle.executeUpdate<number, [number]>('setMaxParallelDays', { args: [0] });
    await expect(refused).rejects.toMatchObject({
      cause: { type: 'InvalidInput', message: expect.stringContaining('the value is 0') as string },
    });
    expect((await progressOf(handle)).maxParallelDays).toBe(100);
    ledger.releaseAll();
    await handle.result();
  });

  test('after a pause no day starts until resume; days under way end', async () => {
    const ledger = new FakeLedger();
    const newest = daysBetween('2025-08-30', '2025-08-31');
    ledger.hold(...newest);
    const handle = await start(ledger, { ...august, from: '2025-08-26', maxParallelDays: 2 });
    await ledger.when(() => ledger.begun.length === 2);
    await handle.signal('pause');
    ledger.releaseAll();
    const paused = await until(
      () => progressOf(handle),
      ({ days }) => days.running === 0,
    );
    expect(paused).toMatchObject({ state: 'paused', days: { completed: 2, remaining: 4 } });
    expect(ledger.begun).toHaveLength(2);
    await handle.signal('resume');
    expect((await handle.result()).days.completed).toBe(6);
  });

  test('cancel lets the days under way end, starts no other, and ends as cancelled', async () => {
    const ledger = new FakeLedger();
    ledger.hold(...daysBetween('2025-08-22', '2025-08-31'));
    const handle = await start(ledger, { ...august, maxParallelDays: 10 });
    await ledger.when(() => ledger.begun.length === 10);
    await handle.cancel();
    await until(
      () => progressOf(handle),
      ({ state }) => state === 'cancelling',
    );
    ledger.releaseAll();
    expect(await failureOf(handle)).toBeInstanceOf(CancelledFailure);
    expect((await handle.describe()).status.name).toBe('CANCELLED');
    expect(ledger.completedDays).toEqual(daysBetween('2025-08-22', '2025-08-31'));
    expect(await progressOf(handle)).toMatchObject({
      state: 'cancelled',
      days: { completed: 10, running: 0 },
    });
  });

  test('a cancel that comes when every day has been started changes nothing about the end', async () => {
    const ledger = new FakeLedger();
    ledger.hold('2025-08-02');
    const handle = await start(ledger, { ...august, to: '2025-08-02' });
    await ledger.when(() => ledger.begun.length === 2);
    await handle.cancel();
    ledger.releaseAll();
    expect(await handle.result()).toMatchObject({ state: 'completed', days: { completed: 2, remaining: 0 } });
    const failing = new FakeLedger();
    failing.behaviours.set('2025-08-01', { refused: 'Not this day.' });
    failing.hold('2025-08-02');
    const other = await start(failing, { ...august, to: '2025-08-02' });
    await failing.when(() => failing.begun.length === 2);
    await other.cancel();
    failing.releaseAll();
    expect(await applicationFailureOf(other)).toMatchObject({ type: 'DaysFailed' });
  });

  test('a paused backfill can be cancelled', async () => {
    const ledger = new FakeLedger();
    ledger.hold('2025-08-31');
    const handle = await start(ledger, { ...august, maxParallelDays: 1 });
    await handle.signal('pause');
    await handle.cancel();
    ledger.releaseAll();
    expect(await failureOf(handle)).toBeInstanceOf(CancelledFailure);
    expect(ledger.begun.length).toBeLessThanOrEqual(1);
  });

  test('the days of a terminated backfill end cleanly', async () => {
    const ledger = new FakeLedger();
    ledger.hold('2025-08-31');
    const handle = await start(ledger, { ...august, maxParallelDays: 1 });
    await ledger.when(() => ledger.begun.length === 1);
    await handle.terminate('a test');
    ledger.releaseAll();
    await ledger.when(() => ledger.completedDays.length === 1);
    expect(ledger.calls.slice(-5)).toEqual([
      'fetchProviderPage',
      'upsertRawRows',
      'classifyWorkspace',
      'rollupHours',
      'completeDays',
    ]);
  });

  test('a signal that nobody can read holds nothing up', async () => {
    const ledger = new FakeLedger();
    ledger.hold('2025-08-31');
    const handle = await start(ledger, { ...august, from: '2025-08-30' });
    await handle.signal('daysUnderWay', null);
    await handle.signal('daysUnderWay', 'nonsense');
    ledger.releaseAll();
    expect((await handle.result()).state).toBe('completed');
  });

  test('runs of days that take long tell how many records they have', async () => {
    const ledger = new FakeLedger();
    ledger.behaviours.set('2025-08-01', { pages: 3 });
    const handle = await start(ledger, { ...august, to: '2025-08-01' }, { reportEvery_ms: 0 });
    await handle.result();
    const { events } = await handle.fetchHistory();
    const signals =
      events?.filter(({ workflowExecutionSignaledEventAttributes: sent }) => sent != null) ?? [];
    const heard = signals.map(({ workflowExecutionSignaledEventAttributes: sent }) => {
      const [payload] = sent?.input?.payloads ?? [];
      return JSON.parse(new TextDecoder().decode(payload?.data ?? new Uint8Array())) as unknown;
    });
    expect(heard[0]).toEqual({ key: '2025-08-01', fetched: 10 });
  });
});

describe('what goes wrong', () => {
  test('a day that breaks its fetch fails alone; the others complete; the end names it', async () => {
    const ledger = new FakeLedger();
    ledger.behaviours.set('2025-08-20', { breaks: 'HTTP 400 for this day.', pages: 2 });
    ledger.behaviours.set('2025-08-19', { pages: 3 });
    const handle = await start(ledger, august);
    const failure = await applicationFailureOf(handle);
    expect(failure).toMatchObject({
      type: 'DaysFailed',
      nonRetryable: true,
      message:
        '1 of 31 days failed: 2025-08-20. 2025-08-20: HTTP 400 for this day. ' +
        'Start the same backfill again to try them again.',
    });
    expect(ledger.completedDays).toEqual(
      daysBetween('2025-08-01', '2025-08-31').filter((day) => day !== '2025-08-20'),
    );
    expect(ledger.failedDays).toEqual([{ day: '2025-08-20', message: 'HTTP 400 for this day.' }]);
    expect(await progressOf(handle)).toMatchObject({ state: 'failed', days: { completed: 30, failed: 1 } });
    expect(failure.details?.[0]).toMatchObject({ state: 'failed', days: { completed: 30, failed: 1 } });
  });

  test('of many failing days the first ten are named, and how many more', async () => {
    const ledger = new FakeLedger();
    for (const day of daysBetween('2025-08-01', '2025-08-12')) ledger.behaviours.set(day, { refused: 'No.' });
    const handle = await start(ledger, { ...august, to: '2025-08-12' });
    expect((await applicationFailureOf(handle)).message).toMatch(
      /^12 of 12 days failed: 2025-08-01, (2025-08-\d\d, ){8}2025-08-10 and 2 more\. 2025-08-01: No\. Start/,
    );
  });

  test('a day whose pages cannot be merged fails alone', async () => {
    const ledger = new FakeLedger();
    ledger.behaviours.set('2025-08-03', { unmergeable: 'A page that no merge takes.' });
    const handle = await start(ledger, { ...august, to: '2025-08-05' });
    expect((await applicationFailureOf(handle)).message).toContain('2025-08-03: A page that no merge takes.');
    expect(ledger.completedDays).toEqual(['2025-08-01', '2025-08-02', '2025-08-04', '2025-08-05']);
  });

  test('refused credentials end the whole backfill, and the days are written down as failed', async () => {
    const ledger = new FakeLedger();
    ledger.credentialsRefused = 'twilio';
    const handle = await start(ledger, { ...august, maxParallelDays: 10 });
    expect(await applicationFailureOf(handle)).toMatchObject({
      type: 'ProviderCredentialsRefused',
      nonRetryable: true,
      message: 'The key was refused.',
    });
    expect(ledger.count('fetchProviderPage')).toBeLessThanOrEqual(2);
    expect(ledger.failedDays.length).toBeGreaterThanOrEqual(5);
    expect(ledger.failedDays[0]?.message).toBe('The key was refused.');
    expect(ledger.completedDays).toEqual([]);
  });

  test('a source without credentials is refused before anything is written', async () => {
    const ledger = new FakeLedger();
    ledger.sourcesOn = ['elevenlabs'];
    expect(await applicationFailureOf(await start(ledger, august))).toMatchObject({
      type: 'SourceOff',
      message:
        '"twilio" is off: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and TWILIO_API_SECRET) ' +
        'for the worker, and restart it.',
    });
    expect(new Set(ledger.calls)).toEqual(new Set(['listSources', 'checkCredentials']));
  });

  test('nobody waits for the credentials of a source that is off, whose task queue no worker polls', async () => {
    const ledger = new FakeLedger();
    ledger.sourcesOn = ['elevenlabs'];
    ledger.hold('checkCredentials');
    expect((await applicationFailureOf(await start(ledger, august))).type).toBe('SourceOff');
  });

  test.each([
    [{ ...august, from: '2025-02-30' }, /^backfill: "from" is "2025-02-30", which is no calendar day\./],
    [{ ...august, form: '2025-08-01' }, /^backfill: there is no field "form"\./],
    [{ ...august, to: '2999-01-01' }, /^backfill: "to" is "2999-01-01", which is in the future/],
    [undefined, /^backfill: the input is missing\./],
    [null, /^backfill: the input is null/],
    ['twilio', /^backfill: the input is "twilio"/],
  ])('input %j fails at once and calls nothing', async (input, message) => {
    const ledger = new FakeLedger();
    const failure = await applicationFailureOf(await start(ledger, input));
    expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(failure.message).toMatch(message);
    expect(ledger.calls).toEqual([]);
  });

  test('a second input is refused', async () => {
    const ledger = new FakeLedger();
    const handle = await environment.client.workflow.start('backfill', {
      taskQueue: environment.taskQueue,
      workflowId: environment.idFor(ledger),
      args: [august, { maxParallelDays: 3 }],
    });
    expect((await failureOf(handle as Handle))?.message).toMatch(/^backfill: a second input was given\./);
  });

  test('a terminated run of days fails its days only, and they are written down', async () => {
    const ledger = new FakeLedger();
    ledger.hold('2025-08-31');
    const handle = await start(ledger, { ...august, from: '2025-08-29', maxParallelDays: 1 });
    const prefix = `${handle.workflowId}/twilio/2025-08-31..2025-08-31/`;
    await ledger.when(() => ledger.begun.length === 1);
    const child = environment.client.workflow.getHandle(prefix + handle.firstExecutionRunId.slice(0, 8));
    await child.terminate('a test');
    expect((await applicationFailureOf(handle)).type).toBe('DaysFailed');
    expect(ledger.failedDays.map(({ day }) => day)).toEqual(['2025-08-31']);
    expect(ledger.completedDays).toEqual(['2025-08-29', '2025-08-30']);
  });
});

describe('continue-as-new', () => {
  test('carries progress, window, failures and the run that days are filed under', async () => {
    const ledger = new FakeLedger();
    ledger.behaviours.set('2025-08-31', { refused: 'No.' });
    const handle = await start(ledger, august, { continueAfterDays: 10 });
    await handle.executeUpdate<number, [number]>('setMaxParallelDays', { args: [6] });
    const failure = await applicationFailureOf(handle);
    expect(failure.details?.[0]).toMatchObject({
      maxParallelDays: 6,
      days: { total: 31, completed: 30, failed: 1, remaining: 0 },
      records: { fetched: 300 },
      failedDays: [{ day: '2025-08-31', message: 'No.' }],
    });
    expect([...new Set(ledger.begun)]).toHaveLength(31);
    expect(ledger.completions.every(({ run }) => run.runId === handle.firstExecutionRunId)).toBe(true);
    const { runId } = await environment.client.workflow.getHandle(handle.workflowId).describe();
    expect(runId).not.toBe(handle.firstExecutionRunId);
  });

  test('a pause outlives it', async () => {
    const ledger = new FakeLedger();
    ledger.hold('2025-08-31');
    const handle = await start(ledger, { ...august, maxParallelDays: 1 }, { continueAfterDays: 1 });
    await ledger.when(() => ledger.begun.length === 1);
    await handle.signal('pause');
    ledger.releaseAll();
    const latest = environment.client.workflow.getHandle<typeof backfill>(handle.workflowId);
    await until(
      async () => (await latest.describe()).runId,
      (runId) => runId !== handle.firstExecutionRunId,
    );
    expect(await latest.query<BackfillProgress>('progress')).toMatchObject({
      state: 'paused',
      days: { completed: 1, remaining: 30 },
    });
    await latest.signal('resume');
    await latest.cancel();
    expect(await failureOf(handle)).toBeInstanceOf(CancelledFailure);
  });
});
