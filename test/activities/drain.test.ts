/** The drain waits for what other drains have taken: whoever has drained may rely on it that nothing is left. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drainHours, drainKeys } from '../../activities/drain.js';
import { Ledger } from '../../database/ledger.js';
import { stringifyJson } from '../../simulator/json-text.js';
import { call } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

let database: TestDatabase;
let other: LedgerWorld;
let ledger: Ledger;

beforeAll(async () => {
  database = await createTestDatabase();
  other = await LedgerWorld.open(database);
  ledger = new Ledger(await database.startRest());
});

afterAll(async () => {
  await other.close();
  await database.close();
});

it.each([
  ['records', drainKeys, () => other.classifyDirt()],
  ['hours', drainHours, () => other.rollupDirt()],
] as const)('a drain of %s ends after the drain that has taken some of them', async (name, drain, take) => {
  const record = stringifyJson(call(`CA-${name}`, '2025-10-04T10:00:00Z'));
  await other.readDay(`run-${name}`, 'twilio', '2025-10-04', [record]);
  await other.rows('begin');
  expect((await take()).taken).toBeGreaterThan(0);
  let turns = 0;
  let ended = false;
  const drained = drain(ledger, () => (turns += 1)).then(() => (ended = true));
  await waitFor(() => Promise.resolve(turns > 2 || ended), { what: 'the drain to look again' });
  expect(ended).toBe(false);
  await other.rows('commit');
  await drained;
});
