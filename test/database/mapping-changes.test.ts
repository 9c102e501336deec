// The history of the mapping: every change is kept, whoever makes it, and nobody edits what is kept.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let service: LedgerWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  service = await LedgerWorld.open(database);
});

afterAll(async () => {
  await service.close();
  await database.close();
});

const newest = async (count: number) =>
  (
    await database.query(
      `select table_name, operation, old_row, new_row, changed_by from mapping_changes order by id desc limit ${count}`,
    )
  ).reverse();

it.each([
  [
    'workspaces',
    `insert into workspaces (id, name) values (4, 'Four')`,
    `update workspaces set name = 'Vier' where id = 4`,
    'name',
    ['Four', 'Vier'],
  ],
  [
    'workspace_phones',
    `insert into workspace_phones (phone_number, workspace_id) values ('+34001', 4)`,
    `update workspace_phones set valid_to = '2025-10-01Z'`,
    'valid_to',
    [null, '2025-10-01T00:00:00+00:00'],
  ],
  [
    'workspace_agents',
    `insert into workspace_agents values ('agent_1', 4)`,
    `update workspace_agents set workspace_id = 1`,
    'workspace_id',
    [4, 1],
  ],
])(
  'of %s insert, update and delete are kept with both rows',
  async (table, insert, update, column, values) => {
    await service.rows(`set timezone = 'UTC'`);
    await service.rows(insert);
    await service.rows(update);
    const [first, second] = await newest(2);
    expect(first).toMatchObject({ table_name: table, operation: 'INSERT', old_row: null });
    expect(first).toMatchObject({ new_row: { [column]: values[0] }, changed_by: 'service_role' });
    expect(second).toMatchObject({ operation: 'UPDATE', old_row: { [column]: values[0] } });
    expect(second).toMatchObject({ new_row: { [column]: values[1] } });
    if (table === 'workspaces') return;
    await database.query(`delete from ${table}`);
    const [third] = await newest(1);
    expect(third).toMatchObject({ operation: 'DELETE', old_row: { [column]: values[1] }, new_row: null });
    expect(third?.['changed_by']).not.toBe('service_role');
  },
);

it('a rate is kept digit for digit, and a setting with what it was', async () => {
  const rate = '0.00003000000000000000000000001';
  await service.rows(`insert into credit_rates values ('2025-10-01Z', ${rate})`);
  const [{ kept } = { kept: '' }] = await database.query<{ kept: string }>(
    `select new_row ->> 'usd_per_credit' as kept from mapping_changes where table_name = 'credit_rates'`,
  );
  expect(kept).toBe(rate);
  await service.rows('update settings set lookback_days = 3');
  expect(await newest(1)).toMatchObject([
    { table_name: 'settings', old_row: { lookback_days: 2 }, new_row: { lookback_days: 3 } },
  ]);
});

it('an update that changes nothing is no change', async () => {
  const before = await newest(1);
  await service.rows('update settings set lookback_days = lookback_days');
  expect(await newest(1)).toEqual(before);
});

it('when the change is undone, so is its line', async () => {
  const before = await newest(1);
  await service.rows('begin');
  await service.rows(`insert into workspaces (id, name) values (9, 'Nine')`);
  await service.rows('rollback');
  expect(await newest(1)).toEqual(before);
});

it.each([
  'insert into mapping_changes (table_name, operation, changed_by) values ($$workspaces$$, $$INSERT$$, $$me$$)',
  'update mapping_changes set changed_by = $$me$$',
  'delete from mapping_changes',
  'truncate mapping_changes',
])('service_role may not: %s', async (statement) => {
  await expect(service.rows(statement)).rejects.toMatchObject({ code: '42501' });
});

it('service_role cannot forge lines with a trigger of its own', async () => {
  await service.rows('create temp table workspaces_of_mine (id integer)');
  await expect(
    service.rows(
      'create trigger forge after insert on workspaces_of_mine for each row execute function hourledger.note_mapping_change()',
    ),
  ).rejects.toMatchObject({ code: '42501' });
});

it.each([
  'update mapping_changes set changed_by = $$me$$',
  'delete from mapping_changes',
  'truncate mapping_changes',
])('not even the owner may by mistake: %s', async (statement) => {
  await expect(database.query(statement)).rejects.toThrow(/mapping_changes is refused/);
});

it.each(['credit_rates', 'settings'])('TRUNCATE of %s is refused: it would leave no trace', async (table) => {
  await expect(database.query(`truncate ${table}`)).rejects.toThrow(/Use DELETE/);
});
