// Merging and deleting workspaces while others write to them, stepped by hand on two connections.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { stringifyJson } from '../../simulator/json-text.js';
import { call } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';

let database: TestDatabase;
let one: LedgerWorld;
let two: LedgerWorld;

beforeAll(async () => {
  database = await createTestDatabase();
});

beforeEach(async () => {
  [one, two] = [await LedgerWorld.open(database), await LedgerWorld.open(database)];
  await database.query(`insert into workspaces (id, name) values (4, 'Four'), (5, 'Five')`);
});

afterEach(async () => {
  await Promise.all([one.close(), two.close()]);
  await database.query('delete from calls; delete from workspace_phones; delete from workspace_agents');
  await database.query(
    'delete from twilio_snapshots; delete from hourledger.dirty_keys; delete from hourledger.dirty_hours',
  );
  await database.query('delete from workspaces where id <> 1; delete from sync_days');
});

afterAll(() => database.close());

async function waitUntilBlocked(): Promise<void> {
  const blocked = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await waitFor(async () => (await database.query(blocked)).length > 0, {
    what: 'a session that waits for a lock',
  });
}

const step = (ledger: LedgerWorld, limit = 100) =>
  ledger.call<{ numbers: number; left: number; merged: boolean }>('merge_workspaces', {
    p_from: 4,
    p_into: 5,
    p_limit: limit,
  });

it.each([
  ['a number', `insert into workspace_phones (phone_number, workspace_id) values ('+34001', 4)`, '1 number'],
  ['an agent', `insert into workspace_agents values ('agent_1', 4)`, '1 agent'],
  ['a call', `insert into calls (id, workspace_id, call_date) values ('CA1', 4, now())`, 'calls'],
])(
  'deleting a workspace waits for %s that somebody is just giving to it, and is refused',
  async (_, insert, what) => {
    await two.rows('begin');
    await two.rows(insert);
    const deleted = one.call('delete_workspace', { p_id: 4 });
    deleted.catch(() => undefined);
    await waitUntilBlocked();
    await two.rows('commit');
    await expect(deleted).rejects.toThrow(`workspace 4 (Four) cannot be deleted: it has ${what}.`);
  },
);

it('a workspace whose snapshots are still to be drained is not deleted yet', async () => {
  await database.query(`insert into workspace_phones (phone_number, workspace_id) values ('+34001', 4)`);
  await one.readDay('run 1', 'twilio', day, [stringifyJson(call('CA1', at, { from: '+34001' }))]);
  await one.drain();
  await database.query('update workspace_phones set workspace_id = 5');
  while ((await one.classifyDirt()).taken > 0);
  await expect(one.call('delete_workspace', { p_id: 4 })).rejects.toThrow(/cannot be deleted yet/);
  await one.drain();
  expect(await one.call('delete_workspace', { p_id: 4 })).toEqual({ id: 4, name: 'Four' });
});

it('a merge moves a number that somebody was just giving to the workspace', async () => {
  await two.rows('begin');
  await two.rows(`insert into workspace_phones (phone_number, workspace_id) values ('+34001', 4)`);
  const moved = step(one);
  await waitUntilBlocked();
  await two.rows('commit');
  expect(await moved).toMatchObject({ numbers: 1, merged: false });
  expect(await step(one)).toMatchObject({ merged: true });
});

it('a merge does not end before a page that was being merged by the mapping of before', async () => {
  await database.query(`insert into workspace_phones (phone_number, workspace_id) values ('+34001', 4)`);
  await two.rows('begin');
  await two.readDay('run 2', 'twilio', day, [stringifyJson(call('CA2', at, { from: '+34001' }))]);
  const moved = step(one);
  await waitUntilBlocked();
  await two.rows('commit');
  expect(await moved).toMatchObject({ numbers: 1, left: 1, merged: false });
  expect(await step(one)).toMatchObject({ numbers: 0, left: 1, merged: false });
  await one.drain();
  expect(await step(one)).toMatchObject({ left: 0, merged: true });
  expect(await database.query('select workspace_id, total_calls::integer from twilio_snapshots')).toEqual([
    { workspace_id: 5, total_calls: 1 },
  ]);
});

it('each step of a merge is bounded', async () => {
  await database.query(
    `insert into workspace_phones (phone_number, workspace_id) select '+34' || n, 4 from generate_series(100, 104) n`,
  );
  const numbers: number[] = [];
  for (let isMerged = false; !isMerged; await one.drain()) {
    const { numbers: moved, merged } = await step(one, 2);
    numbers.push(moved);
    isMerged = merged;
  }
  expect(numbers).toEqual([2, 2, 1, 0]);
});

it('the default workspace that a workspace becomes while it is merged is not deleted', async () => {
  await database.query(`insert into workspace_phones (phone_number, workspace_id) values ('+34001', 4)`);
  expect(await step(one)).toMatchObject({ merged: false });
  await database.query('update settings set default_workspace_id = 4');
  await expect(step(one)).rejects.toThrow('workspace 4 (Four) cannot be merged: it is the default workspace');
  await database.query('update settings set default_workspace_id = 1');
});
