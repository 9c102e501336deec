/** L7 and L10: a fetch that dies half-way goes on where it was; nobody sweeps its pages, and no record is in its history. */
import { afterEach, expect, test } from 'vitest';
import { demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { conversation } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';
import { waitFor } from '../support/wait-for.js';
import { expectTables } from './expect-tables.js';

const day = '2025-03-01';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

/** Everything that a history holds of inputs, results and heartbeats, as text. */
function payloadsOf(history: unknown): string {
  const found = JSON.stringify(history).matchAll(/"data":"([^"]*)"/g);
  return [...found].map(([, data = '']) => Buffer.from(data, 'base64').toString()).join('\n');
}

test('a fetch that dies at its third page asks for no page before that again', async () => {
  const world = generateWorld({ calls: 2_500, days: 1, from: day });
  world.addConversation(conversation('conv_1', `${day}T10:00:00Z`));
  system = await startSystem({ world, mapping: demoMapping });
  const { db, client, simulator } = system;
  const stall = simulator.faults.add({ kind: 'stall', request: 'calls', day, skip: 2, times: 1 });
  const first = await system.startWorker();
  const backfill = await system.start('backfill', { source: 'twilio', from: day, to: day });
  const pages = () => db.query<{ id: string }>('select page_id as id from hourledger.staged_pages');
  const runId = (await backfill.describe()).runId.slice(0, 8);
  const child = client.workflow.getHandle(`${backfill.workflowId}/twilio/${day}..${day}/${runId}`);
  const reached = async () => {
    const { pendingActivities } = (await child.describe()).raw;
    return payloadsOf(pendingActivities?.map(({ heartbeatDetails }) => heartbeatDetails));
  };
  await waitFor(() => Promise.resolve(simulator.faults.hits(stall) === 1), {
    what: 'the third page to stall',
  });
  await waitFor(async () => (await reached()).split(day).length > 3, { what: 'two pages in a heartbeat' });
  // Another backfill ends meanwhile, and sweeps.
  await system.backfill({ source: 'elevenlabs', from: day, to: day });
  expect(await pages()).not.toEqual([]);
  for (const { id } of await pages()) expect(id.length).toBeLessThan(120);
  await first.kill('SIGKILL');
  const before = simulator.stats.requests.calls.total;
  await system.startWorker();
  expect(await backfill.result()).toMatchObject({ state: 'completed' });
  expect(simulator.stats.requests.calls.total - before).toBe(1);
  await expectTables(db, world);
  const kept = payloadsOf(await child.fetchHistory()) + payloadsOf(await backfill.fetchHistory());
  expect(kept).toContain(day);
  for (const word of ['"sid"', 'price', 'start_time']) expect(kept).not.toContain(word);
}, 120_000);
