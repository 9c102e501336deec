/** `dailySync` on a real Temporal server, with fakes behind its activities: nominal time, sources, unsettled records. */
import { CancelledFailure, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { dailySync } from '../../workflows/index.js';
import type { DailySyncInput } from '../../workflows/input.js';
import type { Tuning } from '../../workflows/internals.js';
import { connectForTests } from './support/connect.js';
import { FakeLedger, daysBetween } from './support/fake-ledger.js';
import type { WorkflowEnvironment } from './support/workflow-environment.js';

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await connectForTests();
});
afterAll(() => environment.close());

function start(ledger: FakeLedger, input?: unknown, tuning: Tuning = {}) {
  return environment.client.workflow.start<typeof dailySync>('dailySync', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [input as DailySyncInput, { kind: 'hourledger-internals', tuning, carried: null }],
  });
}

async function failureOf(handle: WorkflowHandle<typeof dailySync>): Promise<Error | undefined> {
  const error: unknown = await handle.result().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  return (error as WorkflowFailedError).cause;
}

function ledgerOf(days: string[]): FakeLedger {
  const ledger = new FakeLedger();
  ledger.dailyDays = days;
  return ledger;
}

const unsettledAsked = (ledger: FakeLedger) => ledger.asked.filter(({ scope }) => scope.kind === 'unsettled');

describe('nominal time (L5)', () => {
  test('is the argument where there is one', async () => {
    const ledger = ledgerOf(['2025-10-03']);
    const handle = await start(ledger, {
      nominalTime: '2025-10-04T02:00:00+02:00',
      lookbackDays: 0,
      sources: ['twilio'],
    });
    expect((await handle.result()).nominalTime).toBe('2025-10-04T00:00:00.000Z');
    expect(ledger.dailyPlans).toEqual([
      {
        source: 'twilio',
        nominalTime: '2025-10-04T00:00:00.000Z',
        lookbackDays: 0,
        run: { workflowId: handle.workflowId, runId: handle.firstExecutionRunId },
      },
    ]);
  });

  test('else it is when the schedule wanted the run', async () => {
    const ledger = ledgerOf([]);
    const scheduleId = environment.idFor(ledger);
    const schedule = await environment.client.schedule.create({
      scheduleId,
      spec: { intervals: [{ every: '1 day' }] },
      state: { paused: true },
      action: {
        type: 'startWorkflow',
        workflowType: 'dailySync',
        workflowId: scheduleId,
        taskQueue: environment.taskQueue,
        args: [{}],
      },
    });
    try {
      const due = new Date('2025-10-04T00:00:00Z');
      // Temporal's own backfill of schedules starts a run as if it were due then. The start is exclusive.
      await schedule.backfill({ start: new Date(due.getTime() - 1000), end: due, overlap: 'ALLOW_ALL' });
      await ledger.when(() => ledger.dailyPlans.length === 2);
      expect(ledger.dailyPlans[0]?.nominalTime).toBe('2025-10-04T00:00:00.000Z');
    } finally {
      await schedule.delete();
    }
  });

  test('else it is when the first run began, and continue-as-new keeps it', async () => {
    const ledger = ledgerOf(daysBetween('2025-10-01', '2025-10-12'));
    ledger.unsettledBatches = 2;
    const handle = await start(ledger, {}, { continueAfterDays: 5 });
    const { startTime } = await handle.describe();
    const summary = await handle.result();
    expect(new Date(summary.nominalTime)).toEqual(startTime);
    expect((await environment.client.workflow.getHandle(handle.workflowId).describe()).runId).not.toBe(
      handle.firstExecutionRunId,
    );
    expect(new Set(ledger.dailyPlans.map(({ nominalTime }) => nominalTime)).size).toBe(1);
    expect(new Set(ledger.dailyPlans.map(({ run }) => run.runId))).toEqual(
      new Set([handle.firstExecutionRunId]),
    );
    for (const source of ['twilio', 'elevenlabs'] as const) {
      expect(summary.sources[source]).toMatchObject({
        days: { planned: 12, completed: 12, open: 0, failed: 0 },
        records: { fetched: 120 },
      });
      const begun = ledger.fetches.filter((fetch) => fetch.source === source).flatMap((fetch) => fetch.days);
      expect(begun.map(({ day }) => day).sort()).toEqual(daysBetween('2025-10-01', '2025-10-12'));
      const asked = unsettledAsked(ledger).filter((ask) => ask.source === source);
      expect(asked.map(({ batch }) => batch)).toEqual([0, 1]);
    }
  });
});

test('after the days, records that are not settled are asked until none is left (L6)', async () => {
  const ledger = ledgerOf(['2025-10-02', '2025-10-03']);
  ledger.unsettledBatches = 3;
  const handle = await start(ledger, { sources: ['elevenlabs'], nominalTime: '2025-10-04T00:00:00Z' });
  const { sources } = await handle.result();
  expect(Object.keys(sources)).toEqual(['elevenlabs']);
  expect(unsettledAsked(ledger).map(({ batch }) => batch)).toEqual([0, 1, 2]);
  expect(ledger.asked[0]?.scope).toEqual({
    kind: 'unsettled',
    nominalTime: '2025-10-04T00:00:00.000Z',
    listedDays: ['2025-10-02', '2025-10-03'],
  });
  expect(ledger.calls.indexOf('fetchRecordsAgain')).toBeGreaterThan(ledger.calls.indexOf('completeDays'));
  expect(ledger.calls.slice(-3).sort()).toEqual(['classifyWorkspace', 'rollupHours', 'sweepPages']);
});

test('what webhooks named while Temporal was away is asked too, and refused records are told', async () => {
  const ledger = ledgerOf(['2025-10-03']);
  ledger.unsettledBatches = 2;
  ledger.refusals = 1;
  ledger.hints = 3;
  const handle = await start(ledger, { sources: ['elevenlabs'], nominalTime: '2025-10-04T00:00:00Z' });
  const { sources, setAside } = await handle.result();
  // Each merge of the stand-in brings ten records.
  expect(sources.elevenlabs?.askedAgain.fetched).toBe(30);
  expect(ledger.asked.map(({ scope }) => scope.kind)).toEqual(['unsettled', 'unsettled', 'hinted', 'hinted']);
  expect(setAside).toEqual(['elevenlabs: 2 records were refused when asked by id; see: hourledger status']);
  expect(ledger.calls.indexOf('countUnsettled')).toBeGreaterThan(
    ledger.calls.lastIndexOf('fetchRecordsAgain'),
  );
});

test('a source that fails stops no other, and the end names every one that failed', async () => {
  const ledger = ledgerOf(['2025-10-02', '2025-10-03']);
  ledger.credentialsRefused = 'twilio';
  ledger.behaviours.set('2025-10-02', { refused: 'Not this day.' });
  const failure = await failureOf(await start(ledger));
  expect(failure).toBeInstanceOf(ApplicationFailure);
  expect(failure).toMatchObject({
    type: 'DaysFailed',
    nonRetryable: true,
    message:
      'twilio: The key was refused. elevenlabs: 1 of 2 days failed: 2025-10-02. 2025-10-02: Not this day. ' +
      'The next run takes up what is left out.',
  });
  const [details] = (failure as ApplicationFailure).details as [{ sources: object }];
  expect(details.sources).toMatchObject({ elevenlabs: { days: { completed: 1, failed: 1 } } });
  expect(unsettledAsked(ledger).map(({ source }) => source)).toEqual(['elevenlabs']);
});

test('when only the credentials of one source are wrong, the failure says so by its type', async () => {
  const ledger = ledgerOf(['2025-10-03']);
  ledger.credentialsRefused = 'twilio';
  expect(await failureOf(await start(ledger))).toMatchObject({ type: 'ProviderCredentialsRefused' });
});

test.each([
  [{ sources: ['twilio'] }, ['elevenlabs'] as const, /^"twilio" is off: set TWILIO_ACCOUNT_SID/],
  [
    {},
    [] as const,
    /^"twilio" is off: set TWILIO_.*; "elevenlabs" is off: set ELEVENLABS_API_KEY for the worker/,
  ],
])('sources that are off are refused: %j', async (input, on, message) => {
  const ledger = ledgerOf([]);
  ledger.sourcesOn = [...on];
  const failure = await failureOf(await start(ledger, input));
  expect(failure).toMatchObject({ type: 'SourceOff' });
  expect(failure?.message).toMatch(message);
  expect(ledger.calls).toEqual(['listSources']);
});

test.each([
  [null, /^dailySync: the input is null/],
  [[], /^dailySync: the input is \[\]/],
  [{ source: 'twilio' }, /^dailySync: there is no field "source"/],
])('input %j fails at once and calls nothing', async (input, message) => {
  const ledger = ledgerOf([]);
  // Null and undefined are the same to a client that leaves the input out, so null is sent as the only argument.
  const handle = await environment.client.workflow.start('dailySync', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [input],
  });
  const failure = await failureOf(handle as WorkflowHandle<typeof dailySync>);
  expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
  expect(failure?.message).toMatch(message);
  expect(ledger.calls).toEqual([]);
});

test('it can be started with no input at all', async () => {
  const ledger = ledgerOf(['2025-10-03']);
  const handle = await environment.client.workflow.start('dailySync', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [],
  });
  await handle.result();
  expect(new Set(ledger.dailyPlans.map(({ source }) => source))).toEqual(new Set(['twilio', 'elevenlabs']));
});

test('cancel lets the days under way end, and asks nothing more', async () => {
  // More than fit into the window, so that the first children take five days each.
  const ledger = ledgerOf(daysBetween('2025-06-30', '2025-10-30'));
  ledger.unsettledBatches = 3;
  ledger.hold(...ledger.dailyDays);
  const handle = await start(ledger, { sources: ['twilio'] });
  await ledger.when(() => ledger.begun.length === 40);
  await handle.cancel();
  ledger.releaseAll();
  expect(await failureOf(handle)).toBeInstanceOf(CancelledFailure);
  expect(ledger.completedDays.length).toBeLessThan(ledger.dailyDays.length);
  expect(ledger.completedDays.length).toBeGreaterThanOrEqual(40);
  expect(ledger.asked).toEqual([]);
});

test('a cancel that comes when everything has been done changes nothing about the end', async () => {
  const ledger = ledgerOf(['2025-10-03']);
  ledger.hold('sweepPages');
  const handle = await start(ledger, { sources: ['twilio'] });
  await ledger.when(() => ledger.count('sweepPages') === 1);
  await handle.cancel();
  ledger.releaseAll();
  expect((await handle.result()).sources.twilio).toMatchObject({ days: { completed: 1 } });
});
