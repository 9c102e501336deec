/** `regenerateSnapshots`, `clearSnapshots` and `reclassify` on a real Temporal server, with fakes behind their activities. */
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
