/** The generated ledger of the scale benchmark is one that the product itself would have made: else its figures say nothing. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureDay, verifyRange, works, type Side } from '../../bench/scale-work.js';
import { fillLedger, planRows } from '../../bench/scale-world.js';
import { Ledger } from '../../database/ledger.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

const rows = 12_000;
let small: TestDatabase;
let big: TestDatabase;
const sides: Partial<Record<string, Side>> = {};

beforeAll(async () => {
  small = await createTestDatabase();
  big = await createTestDatabase();
  for (const [name, db] of [
    ['small', small],
    ['big', big],
  ] as const) {
    const connect = async () => {
      const client = new pg.Client({ connectionString: db.databaseUrl });
      await client.connect();
      return client;
    };
    await fillLedger(connect, planRows(rows), name === 'big', () => undefined);
    const ledger = new Ledger(await db.startRest());
    sides[name] = { name, client: await connect(), ledger, daysAdded: 0 };
  }
});

afterAll(async () => {
  await Promise.all([sides['small']?.client.end(), sides['big']?.client.end()]);
  await small.close();
  await big.close();
});

it('is planned with as many rows as are wanted, and with a quarter that does not grow', () => {
  for (const wanted of [1_000, 300_000, 10_000_000]) {
    const plan = planRows(wanted);
    expect(Object.values<number>({ ...plan }).reduce((sum, count) => sum + count, 0)).toBe(wanted);
  }
  const { quarterCalls, quarterConversations } = planRows(10_000_000);
  expect(planRows(50_000_000)).toMatchObject({ quarterCalls, quarterConversations });
});

describe('the generated ledgers', () => {
  it('have the rows that were planned, and the quarter is the same in both', async () => {
    const [counts] = await big.query(
      `select (select count(*) from calls) + (select count(*) from elevenlabs_conversations) as rows`,
    );
    expect(counts).toEqual({ rows: String(rows) });
    for (const [table, date] of [
      ['calls', 'call_date'],
      ['elevenlabs_conversations', 'conversation_date'],
    ] as const) {
      // Bookkeeping aside: when a row was written.
      const sql = `select md5(string_agg(line, '' order by line collate "C")) as hash
        from (select (to_jsonb(t) - 'fetched_at')::text as line from ${table} t where ${date} >= '2025-10-01') lines`;
      expect(await big.query(sql)).toEqual(await small.query(sql));
    }
  });

  it('verify, keep their indexes, and leave no dirt', async () => {
    for (const [name, db] of Object.entries({ small, big })) {
      expect(await verifyRange(sides[name]!, '2023-01-01', '2026-01-01')).toBeGreaterThan(0);
      const indexes = `select indexdef from pg_indexes where tablename in ('calls', 'elevenlabs_conversations') order by indexname`;
      const fresh = await createTestDatabase();
      expect(await db.query(indexes)).toEqual(await fresh.query(indexes));
      await fresh.close();
      expect(await db.query('select from hourledger.dirty_keys')).toEqual([]);
      expect(await db.query('select from hourledger.dirty_hours')).toEqual([]);
    }
  });

  it('assign every record as the rules would', async () => {
    const moved = await big.query(`
      select * from hourledger.assign_calls(array(select id from calls)) where has_moved
      union all
      select * from hourledger.assign_conversations(array(select conversation_id from elevenlabs_conversations)) where has_moved`);
    expect(moved).toEqual([]);
  });
});

it('ingests a day, and the other work gives the same on both', async () => {
  const [smallSide, bigSide] = [sides['small']!, sides['big']!];
  for (const side of [smallSide, bigSide]) await measureDay(side);
  for (const work of works) expect(await work.run(bigSide), work.id).toEqual(await work.run(smallSide));
  for (const side of [smallSide, bigSide]) await verifyRange(side, '2023-01-01', '2026-02-01');
});
