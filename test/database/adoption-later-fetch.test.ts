/** What a provider says after adoption takes the place of what was adopted, as any newer fetch does. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate } from '../../database/migrate.js';
import { expectedTables, LedgerWorld, type ComparableTables } from '../support/ledger-world.js';
import { adoptedMapping, fillPredecessor, providersRecords } from '../support/predecessor.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let world: LedgerWorld;

beforeAll(async () => {
  database = await createTestDatabase({ template: 'template1' });
  await fillPredecessor(database);
  await migrate(database.databaseUrl);
  world = await LedgerWorld.open(database);
});

afterAll(async () => {
  await world.close();
  await database.close();
});

/** The final tables without the call of ElevenLabs, which the providers' records know nothing of. */
async function ledgerTables(): Promise<ComparableTables> {
  const tables = await world.tables();
  delete tables['calls']!['conv_in_calls'];
  return tables;
}

/** One call of the cases is of the day after. */
function splitByDay(calls: readonly string[]): Map<string, string[]> {
  const isLater = (text: string) => text.includes('05 Oct 2025');
  return new Map([
    ['2025-10-04', calls.filter((text) => !isLater(text))],
    ['2025-10-05', calls.filter(isLater)],
  ]);
}

it('replaces what was adopted, conversations without a detail are asked for, and the rejected go', async () => {
  const asked = await world.call<{ ids: string[] }>('conversations_to_ask', {
    p_ids: ['conv_a', 'conv_c', 'conv_e', 'conv_l', 'conv_o'],
    p_run_id: 'run',
    p_day: '2025-10-04',
    p_ask_settled: false,
  });
  expect(asked.ids).toEqual(['conv_c', 'conv_e', 'conv_o']);
  const { calls, conversations } = laterRecords();
  const byDay = splitByDay(calls);
  const merged = await Promise.all(
    [...byDay].map(([day, records]) => world.readDay('run', 'twilio', day, records)),
  );
  expect(merged).toMatchObject([
    { inserted: 2, updated: 31 },
    { inserted: 0, updated: 1 },
  ]);
  const answer = await world.readDay('run', 'elevenlabs', '2025-10-04', conversations);
  expect(answer).toMatchObject({ inserted: 1, updated: 6, unchanged: 6 });
  expect(await world.drain()).toEqual([]);
  expect(await ledgerTables()).toEqual(expectedTables({ calls, conversations, mapping: adoptedMapping }));
  // The rows of before that had the id of conv_a leave too: it is stored, and schema predecessor has them.
  expect(await world.rows('select id from rejected_records order by source, id')).toEqual([
    { id: null },
    { id: 'CA25' },
    { id: 'CA32' },
  ]);
  const again = await world.readDay('again', 'twilio', '2025-10-04', byDay.get('2025-10-04')!);
  expect(again).toMatchObject({ inserted: 0, updated: 0, unchanged: 33 });
});

/** The same records, with news: CA10 and conv_f have a date, CA03 a price, and a call is new. */
function laterRecords(): { calls: string[]; conversations: string[] } {
  const { calls, conversations } = providersRecords();
  const start = '"start_time":"Sat, 04 Oct 2025 18:00:00 +0000"';
  const news = ['CA10', 'CA99'].map(
    (sid) =>
      `{"sid":"${sid}","from":"+12025550106","direction":"outbound-api","status":"completed","price":"-0.1",${start}}`,
  );
  const priced = calls.map((text) =>
    text.replace('"CA03"', '"CA03","x":1').replace('"price":null', '"price":"-0.02"'),
  );
  const dated =
    '{"conversation_id":"conv_f","status":"done","metadata":{"start_time_unix_secs":1759590000,"cost":1}}';
  return { calls: [...priced, ...news], conversations: [...conversations, dated] };
}
