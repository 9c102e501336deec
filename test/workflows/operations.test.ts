/** `regenerateSnapshots`, `clearSnapshots`, `reclassify` and `reconcile` on a real Temporal server, with fakes behind their activities. */
import { WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectForTests } from './support/connect.js';
import { FakeLedger } from './support/fake-ledger.js';
import type { WorkflowEnvironment } from './support/workflow-environment.js';

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await connectForTests();
});
afterAll(() => environment.close());

async function run(type: string, input: unknown, ledger = new FakeLedger()) {
  const workflowId = environment.idFor(ledger);
  const { taskQueue } = environment;
  const result: unknown = await environment.client.workflow.execute(type, {
    taskQueue,
    workflowId,
    args: [input],
  });
  return { ledger, result };
}

describe('regenerateSnapshots and clearSnapshots', () => {
  test.each([
    ['regenerateSnapshots', 'regenerateDays', {}],
    ['clearSnapshots', 'clearDays', { confirm: true }],
  ] as const)('%s goes on where its last activity ended, to the end', async (type, activity, extra) => {
    const { ledger, result } = await run(type, { source: 'twilio', workspaceId: 4, ...extra });
    expect(result).toEqual({ source: 'twilio', days: 3, snapshots: 72, setAside: [] });
    expect(ledger.calls.slice(0, 4)).toEqual(['checkWorkspace', activity, activity, activity]);
    expect(ledger.count('rollupHours')).toBe(type === 'regenerateSnapshots' ? 1 : 0);
  });

  test.each([
    ['regenerateSnapshots', { source: 'vonage' }, '"source" is "vonage", which is no source.'],
    ['regenerateSnapshots', { source: 'twilio', workspaceId: 0 }, '"workspaceId" is 0, which is no number'],
    ['regenerateSnapshots', { source: 'twilio', workspaceId: 101 }, 'No such workspace.'],
    [
      'regenerateSnapshots',
      { source: 'twilio', from: '2025-10-02', to: '2025-10-01' },
      '"from" is "2025-10-02", which is after "to", "2025-10-01".',
    ],
    ['clearSnapshots', { source: 'twilio' }, '"confirm" is missing. Give "confirm": true.'],
    ['clearSnapshots', { source: 'twilio', confirm: false }, '"confirm" is false, which does not confirm'],
    ['clearSnapshots', { source: 'twilio', confirm: true, form: '2025-10-01' }, 'there is no field "form".'],
    [
      'clearSnapshots',
      { source: 'twilio', confirm: true, from: '2025-10-02', to: '2025-10-01' },
      'Give the earlier day as "from".',
    ],
    [
      'reclassify',
      { phoneNumbers: ['anonymous'] },
      '"phoneNumbers" has "anonymous", which is no phone number.',
    ],
    ['reclassify', { phoneNumbers: [] }, '"phoneNumbers" is [], which is no list of 1 to 1000'],
    ['reclassify', { numbers: ['1'] }, 'there is no field "numbers".'],
    ['reconcile', { source: 'twilio', from: '2025-10-01' }, '"to" is missing. Give a UTC day as YYYY-MM-DD.'],
    [
      'reconcile',
      { source: 'twilio', from: '2025-10-02', to: '2025-10-01' },
      '"from" is "2025-10-02", which is after "to", "2025-10-01".',
    ],
    ['reconcile', { source: 'twilio', from: '2025-10-02', to: '2999-01-01' }, 'which is in the future'],
  ])('%s %j is refused in one line, and writes nothing', async (type, input, line) => {
    const ledger = new FakeLedger();
    const error: unknown = await run(type, input, ledger).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    const { cause } = (error as WorkflowFailedError).cause as { cause?: Error } & Error;
    const failure = cause ?? (error as WorkflowFailedError).cause;
    expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect(failure!.message).toContain(line);
    expect(failure!.message).not.toContain('\n');
    expect(ledger.calls.filter((name) => name !== 'checkWorkspace')).toEqual([]);
  });
});

describe('reclassify', () => {
  test('takes numbers in every form that addresses have, and drains what it moved', async () => {
    const phoneNumbers = ['+12125550101', '12125550102', 'sip:+12125550103@host;param=x'];
    const { ledger, result } = await run('reclassify', { phoneNumbers });
    expect(result).toEqual({ phoneNumbers, records: null, setAside: [] });
    expect(ledger.calls).toEqual(['reclassifyRecords', 'classifyWorkspace', 'rollupHours']);
  });

  test('takes all records when nothing is given', async () => {
    const { result } = await run('reclassify', undefined);
    expect(result).toEqual({ phoneNumbers: null, records: 30, setAside: [] });
  });
});

describe('reconcile', () => {
  const range = { from: '2025-10-01', to: '2025-11-05' };

  test('fetches only the days that drift again, settled records too, and names those that drift still', async () => {
    const ledger = new FakeLedger();
    for (const day of ['2025-10-02', '2025-10-03']) ledger.drifts.add(day);
    ledger.driftsAlways.add('2025-11-03');
    const { result } = await run('reconcile', { source: 'twilio', ...range }, ledger);
    expect(result).toEqual({
      source: 'twilio',
      days: 36,
      fetchedAgain: 3,
      drifting: ['2025-11-03'],
      failed: 0,
      failedDays: [],
      setAside: [],
    });
    expect(ledger.completedDays).toEqual(['2025-10-02', '2025-10-03', '2025-11-03']);
    expect(ledger.fetches.every(({ askSettled }) => askSettled)).toBe(true);
    expect(ledger.count('fetchProviderTotals')).toBe(6);
  });

  test('asks nothing twice when nothing drifts', async () => {
    const { ledger } = await run('reconcile', { source: 'elevenlabs', ...range });
    expect(ledger.fetches).toEqual([]);
    expect([ledger.count('fetchProviderTotals'), ledger.count('compareDays')]).toEqual([2, 2]);
  });

  test('fails at its end when a day cannot be fetched again, and has compared the others', async () => {
    const ledger = new FakeLedger();
    for (const day of ['2025-10-02', '2025-10-03']) ledger.drifts.add(day);
    ledger.behaviours.set('2025-10-02', { refused: 'Not this day.' });
    const failure: unknown = await run('reconcile', { source: 'twilio', ...range }, ledger).catch(
      (error: unknown) => (error as WorkflowFailedError).cause,
    );
    expect(failure).toMatchObject({ type: 'DaysFailed', details: [{ days: 36, drifting: ['2025-10-02'] }] });
  });

  test('is refused for a source that is off', async () => {
    const ledger = new FakeLedger();
    ledger.sourcesOn = ['twilio'];
    const failure: unknown = await run('reconcile', { source: 'elevenlabs', ...range }, ledger).catch(
      (error: unknown) => (error as WorkflowFailedError).cause,
    );
    expect(failure).toMatchObject({ type: 'SourceOff' });
  });

  test('is refused for a wrong key before anything is written', async () => {
    const ledger = new FakeLedger();
    ledger.keyRefused = 'twilio';
    const failure: unknown = await run('reconcile', { source: 'twilio', ...range }, ledger).catch(
      (error: unknown) => (error as WorkflowFailedError).cause,
    );
    expect((failure as Error).cause).toMatchObject({
      type: 'ProviderCredentialsRefused',
      message: 'The key was refused.',
    });
    expect([...ledger.calls].sort()).toEqual(['checkCredentials', 'listSources']);
  });

  test('continues as new without beginning again, and keeps its history small', async () => {
    const ledger = new FakeLedger();
    ledger.drifts.add('2025-01-02');
    for (const day of ['2025-01-03', '2025-12-30']) ledger.driftsAlways.add(day);
    ledger.behaviours.set('2025-12-31', { refused: 'Not this day.' });
    ledger.drifts.add('2025-12-31');
    const input = { source: 'twilio', from: '2025-01-01', to: '2025-12-31' };
    const tuning = { continueAfterDays: 31 };
    const handle = await environment.client.workflow.start('reconcile', {
      taskQueue: environment.taskQueue,
      workflowId: environment.idFor(ledger),
      args: [input, { kind: 'hourledger-internals', tuning, carried: null }],
    });
    const failure: unknown = await handle
      .result()
      .catch((error: unknown) => (error as WorkflowFailedError).cause);
    expect(failure).toMatchObject({
      type: 'DaysFailed',
      message: '1 day could not be fetched again: 2025-12-31. 2025-12-31: Not this day.',
      details: [
        {
          days: 365,
          fetchedAgain: 4,
          drifting: ['2025-01-03', '2025-12-30', '2025-12-31'],
          failedDays: [{ day: '2025-12-31' }],
        },
      ],
    });
    expect(ledger.completedDays).toEqual(['2025-01-02', '2025-01-03', '2025-12-30']);
    expect([ledger.count('checkCredentials'), ledger.count('sweepPages')]).toEqual([1, 1]);
    // Whatever run asks, its figures are filed under the first one.
    expect(new Set(ledger.totals.map(({ run }) => run.runId))).toEqual(new Set([handle.firstExecutionRunId]));
    const { runId } = await environment.client.workflow.getHandle(handle.workflowId).describe();
    expect(runId).not.toBe(handle.firstExecutionRunId);
  });
});
