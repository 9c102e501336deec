/** Three connections to one ledger, and what steps two transactions by hand. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { stringifyJson, type JsonObject } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from './ledger-world.js';
import { createTestDatabase, type TestDatabase } from './test-database.js';
import { waitFor } from './wait-for.js';

export const day = '2025-10-04';
export const at = '2025-10-04T15:10:00Z';
export const number = '+34001';
export const lead = '+57100';

/** New before each test; the database is the file's. */
export let database: TestDatabase;
export let one: LedgerWorld;
export let two: LedgerWorld;
export let three: LedgerWorld;

/** Opens and cleans up for every test of the file that calls this. */
export function prepareRaces(): void {
  beforeAll(async () => {
    database = await createTestDatabase();
    await database.query(`insert into workspaces (id, name) values (2, 'Two'), (3, 'Three')`);
  });

  beforeEach(async () => {
    [one, two, three] = [
      await LedgerWorld.open(database),
      await LedgerWorld.open(database),
      await LedgerWorld.open(database),
    ];
  });

  afterEach(async () => {
    await Promise.all([one.close(), two.close(), three.close()]);
    await database.query(`update settings set ledger_currency = 'USD' where ledger_currency <> 'USD'`);
    await database.query('delete from calls; delete from workspace_phones; delete from rejected_records');
    await database.query('delete from elevenlabs_conversations; delete from elevenlabs_snapshots');
    await database.query('delete from twilio_snapshots; delete from hourledger.runs; delete from sync_days');
    await database.query('delete from hourledger.dirty_hours; delete from hourledger.dirty_keys');
  });

  afterAll(() => database.close());
}

export const text = (sid: string, fields: JsonObject = {}) => stringifyJson(call(sid, at, fields));
export const begin = (ledger: LedgerWorld) => ledger.rows('begin');
export const commit = (ledger: LedgerWorld) => ledger.rows('commit');

export async function stage(
  ledger: LedgerWorld,
  runId: string,
  records: string[],
  onDay = day,
): Promise<string> {
  const askedTicket = await ledger.beginDays(runId, 'twilio', [onDay]);
  await ledger.stage({ pageId: runId, source: 'twilio', runId, day: onDay, records, askedTicket });
  return runId;
}

export async function map(ledger: LedgerWorld, workspace: number): Promise<void> {
  await ledger.rows('delete from workspace_phones');
  await ledger.rows('insert into workspace_phones (phone_number, workspace_id) values ($1, $2)', [
    number,
    workspace,
  ]);
}

/** A conversation whose agent spoke through a number. */
export const spoken = (id: string, agent_number: string) =>
  stringifyJson(conversation(id, at, { phone_call: { agent_number } }));

/** `workspace: calls, cost` of each snapshot. */
export async function snapshots(): Promise<string[]> {
  const rows = await database.query<{ line: string }>(
    `select format('%s: %s, %s', workspace_id, total_calls, total_cost) as line from twilio_snapshots order by workspace_id`,
  );
  return rows.map(({ line }) => line);
}

export const workspaceOf = async (id: string): Promise<unknown> =>
  (await database.query('select workspace_id from calls where id = $1', [id]))[0]?.['workspace_id'];

/** Until a session waits for a lock that another one holds. */
export async function waitUntilBlocked(): Promise<void> {
  const blocked = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await waitFor(async () => (await database.query(blocked)).length > 0, {
    what: 'a session that waits for a lock',
  });
}
