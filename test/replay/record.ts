/**
 * Records one history of each workflow from a real Temporal server into `histories/`, with everything in it that the
 * code has a branch for. Run it, as `record.config.ts` says, only when a change of a workflow is meant to break
 * replay: the committed histories stand for the workflows that run in production while a new version is deployed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, test } from 'vitest';
import type { backfill, dailySync } from '../../workflows/index.js';
import { connectForTests } from '../workflows/support/connect.js';
import { FakeLedger, daysBetween } from '../workflows/support/fake-ledger.js';
import type { WorkflowEnvironment } from '../workflows/support/workflow-environment.js';

const folder = fileURLToPath(new URL('histories/', import.meta.url));

let environment: WorkflowEnvironment;
beforeAll(async () => {
  environment = await connectForTests();
  mkdirSync(folder, { recursive: true });
});
afterAll(() => environment.close());

async function save(name: string, workflowId: string, runId?: string): Promise<void> {
  const history = await environment.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const scrubbed = JSON.parse(historyToJSON(history), scrub) as unknown;
  writeFileSync(`${folder}${name}.json`, `${JSON.stringify(scrubbed, null, 1)}\n`);
}

/** The host, the process and the folders of whoever recorded say nothing about the workflow. */
function scrub(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return '';
  return typeof value === 'string' ? value.replaceAll(`${process.pid}@${hostname()}`, 'recorder') : value;
}

/** Closed, however it ended. */
async function ended(handle: { result(): Promise<unknown> }): Promise<void> {
  await handle.result().catch(() => undefined);
}

test('backfill, ingestDays', async () => {
  const ledger = new FakeLedger();
  ledger.behaviours.set('2025-08-12', { pages: 3, vanishes: 1, unordered: 2 });
  ledger.behaviours.set('2025-08-09', { breaks: 'HTTP 410.' });
  ledger.hold('2025-08-12');
  const handle = await environment.client.workflow.start<typeof backfill>('backfill', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [
      { source: 'twilio', from: '2025-08-01', to: '2025-08-12', maxParallelDays: 6 },
      {
        kind: 'hourledger-internals',
        tuning: { continueAfterDays: 9, planLimit: 8, reportEvery_ms: 0 },
        carried: null,
      },
    ],
  });
  await ledger.when(() => ledger.begun.includes('2025-08-12'));
  await handle.signal('pause');
  await handle.executeUpdate('setMaxParallelDays', { args: [4] });
  await handle.signal('resume');
  ledger.releaseAll();
  await ended(handle);
  const { firstExecutionRunId: first, workflowId } = handle;
  await save('backfill-continued-as-new', workflowId, first);
  await save('backfill-failed-days', workflowId);
  await save('ingest-days', `${workflowId}/twilio/2025-08-10..2025-08-12/${first.slice(0, 8)}`);
});

test('backfill, cancelled', async () => {
  const ledger = new FakeLedger();
  ledger.hold('2025-08-12');
  const handle = await environment.client.workflow.start<typeof backfill>('backfill', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [{ source: 'elevenlabs', from: '2025-08-01', to: '2025-08-12', maxParallelDays: 2 }],
  });
  await ledger.when(() => ledger.begun.includes('2025-08-12'));
  await handle.cancel();
  ledger.releaseAll();
  await ended(handle);
  await save('backfill-cancelled', handle.workflowId);
});

test('dailySync', async () => {
  const ledger = new FakeLedger();
  ledger.dailyDays = daysBetween('2025-10-01', '2025-10-07');
  ledger.unsettledBatches = 2;
  ledger.behaviours.set('2025-10-02', { refused: 'Not this day.' });
  const handle = await environment.client.workflow.start<typeof dailySync>('dailySync', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [{ nominalTime: '2025-10-08T00:00:00Z' }],
  });
  await ended(handle);
  await save('daily-sync', handle.workflowId);
});

test.each([
  ['regenerateSnapshots', 'regenerate-snapshots', { source: 'twilio', workspaceId: 4, from: '2025-10-01' }],
  ['clearSnapshots', 'clear-snapshots', { source: 'elevenlabs', confirm: true }],
  ['reclassify', 'reclassify', { phoneNumbers: ['+12125550101', '+12125550102'] }],
])('%s', async (type, name, input) => {
  const ledger = new FakeLedger();
  const handle = await environment.client.workflow.start(type, {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [input],
  });
  await ended(handle);
  await save(name, handle.workflowId);
});

test('reconcile', async () => {
  const ledger = new FakeLedger();
  for (const day of ['2025-10-02', '2025-10-03']) ledger.drifts.add(day);
  ledger.driftsAlways.add('2025-10-03');
  const handle = await environment.client.workflow.start('reconcile', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [{ source: 'twilio', from: '2025-10-01', to: '2025-11-05' }],
  });
  await ended(handle);
  await save('reconcile', handle.workflowId);
});

test('askHinted', async () => {
  const ledger = new FakeLedger();
  ledger.hints = 3;
  const handle = await environment.client.workflow.signalWithStart('askHinted', {
    taskQueue: environment.taskQueue,
    workflowId: environment.idFor(ledger),
    args: [{ source: 'elevenlabs' }],
    signal: 'hinted',
  });
  await ended(handle);
  await save('ask-hinted', handle.workflowId);
});
