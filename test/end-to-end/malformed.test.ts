/** A page that looks whole from outside and is no JSON within: its day is read again, and fails alone where it stays so. */
import { afterEach, expect, test } from 'vitest';
import { World } from '../../simulator/world.js';
import { call } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

/** Two days with a call each; the page of the first one has a comma too many, so often. */
async function begin(times?: number): Promise<System> {
  const world = new World();
  for (const day of ['01', '02']) world.addCall(call(`CA${day}`, `2025-03-${day}T10:00:00Z`));
  system = await startSystem({ world, sources: ['twilio'] });
  system.simulator.faults.add({
    kind: 'status',
    status: 200,
    request: 'calls',
    day: '2025-03-01',
    body: '{"calls":[{"sid":"CA01",,"status":"completed"}],"next_page_uri":null}',
    ...(times === undefined ? {} : { times }),
  });
  await system.startWorker();
  return system;
}

const backfill = () => system!.backfill({ source: 'twilio', from: '2025-03-01', to: '2025-03-02' });

const days = () => system!.db.query('select state, inserted::integer, error from sync_days order by day');

test('a passing one costs another request', async () => {
  await begin(2);
  await backfill();
  expect(await days()).toEqual([
    { state: 'completed', inserted: 1, error: null },
    { state: 'completed', inserted: 1, error: null },
  ]);
});

test('one that stays so fails its day with one line, soon, and no other day', async () => {
  await begin();
  await expect(backfill()).rejects.toThrow();
  const line =
    /^It began anew 5 times\. A page of twilio's answers for 2025-03-01 is not whole JSON: invalid .*json/;
  expect(await days()).toEqual([
    { state: 'failed', inserted: 0, error: expect.stringMatching(line) as unknown },
    { state: 'completed', inserted: 1, error: null },
  ]);
});
