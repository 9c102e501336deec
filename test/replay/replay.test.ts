/** Workflows that run in production go on under the current code: recorded histories replay without a difference. */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import * as workflows from '../../workflows/index.js';
import { bundleWorkflows } from '../workflows/support/workflow-environment.js';

const folder = fileURLToPath(new URL('histories/', import.meta.url));
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));

interface RecordedEvent {
  workflowExecutionStartedEventAttributes?: { workflowId: string; workflowType: { name: string } };
  activityTaskScheduledEventAttributes?: { activityType: { name: string } };
}

let workflowBundle: WorkflowBundle;
beforeAll(async () => {
  workflowBundle = await bundleWorkflows();
});

function historyOf(name: string): { events: RecordedEvent[] } {
  return JSON.parse(readFileSync(folder + name, 'utf8')) as { events: RecordedEvent[] };
}

test('every workflow has a recorded history', () => {
  const types = names.map(
    (name) => historyOf(name).events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name,
  );
  expect(new Set(types)).toEqual(new Set(Object.keys(workflows)));
});

test.each(names)('%s replays', async (name) => {
  const history = historyOf(name);
  // The ids of children are made from the workflow's own.
  const workflowId = history.events[0]?.workflowExecutionStartedEventAttributes?.workflowId;
  await Worker.runReplayHistory({ workflowBundle }, history, workflowId);
});

test('a history that asks for another activity does not replay', async () => {
  const history = historyOf('ingest-days.json');
  const scheduled = history.events.find((event) => event.activityTaskScheduledEventAttributes !== undefined);
  scheduled!.activityTaskScheduledEventAttributes!.activityType.name = 'fetchSomethingElse';
  await expect(Worker.runReplayHistory({ workflowBundle }, history)).rejects.toThrow(
    DeterminismViolationError,
  );
});
