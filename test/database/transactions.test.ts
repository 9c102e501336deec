/** What reads facts behind a lock refuses transactions whose snapshot would be older than the lock. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const day = '2025-10-04';
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.query(`insert into calls (id, workspace_id, call_date) values ('CA1', 1, '${day} 10:00Z')`);
  const ledger = await LedgerWorld.open(database);
  const askedTicket = await ledger.beginDays('run', 'twilio', [day]);
  await ledger.stage({ pageId: 'page', source: 'twilio', runId: 'run', day, records: [], askedTicket });
  await ledger.close();
});

afterAll(() => database.close());

it.each([
  `select merge_page('page')`,
  `select classify_dirt(10)`,
  `select rollup_dirt(10)`,
  `select clear_next_day('twilio', null, null, null, null, null)`,
  `select regenerate_next_day('twilio', null, null, null, null, null)`,
])(
  '%s is refused at other levels than read committed, with the remedy, and sets nothing aside',
  async (sql) => {
    for (const level of ['repeatable read', 'serializable']) {
      const client = await database.connect();
      try {
        await client.query(`begin isolation level ${level}`);
        await expect(client.query(sql)).rejects.toThrow(
          /needs the isolation level "read committed", .*"(repeatable read|serializable)"\. Remedy: alter database /,
        );
        await client.query('rollback');
      } finally {
        client.release(true);
      }
    }
    const [aside] = await database.query(
      `select count(*)::integer as count from hourledger.dirty_hours where set_aside is not null`,
    );
    expect(aside).toEqual({ count: 0 });
  },
);
