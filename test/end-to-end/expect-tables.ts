/** Compares a database with what the oracle computes from the world's newest records, to the last digit. */
import { expect } from 'vitest';
import { demoMapping, type DemoMapping } from '../../simulator/demo-data.js';
import type { World } from '../../simulator/world.js';
import { computeTables, canonicalDecimal, snapshotKey } from '../oracle/oracle.js';
import type { TestDatabase } from '../support/test-database.js';

const decimals: Record<string, readonly string[]> = {
  twilio_snapshots: ['total_cost'],
  elevenlabs_snapshots: [
    'total_cost',
    'total_cost_fiat',
    'credits_without_fiat',
    'llm_price',
    'llm_charge',
    'call_charge',
    'free_minutes_consumed',
    'free_llm_dollars_consumed',
  ],
};

/** Every record's workspace and rule, and every snapshot. */
export async function expectTables(
  db: TestDatabase,
  world: World,
  mapping: DemoMapping = demoMapping,
): Promise<void> {
  const tables = computeTables({
    calls: world.callTexts(),
    conversations: world.conversationTexts(),
    mapping,
  });
  const assigned = async (table: string, id: string) =>
    Object.fromEntries(
      (
        await db.query<{ id: string; fact: string }>(
          `select ${id} as id, workspace_id || ' ' || classification as fact from ${table}`,
        )
      ).map(({ id: key, fact }) => [key, fact]),
    );
  const expected = (records: Map<string, { workspace_id: number; classification: string }>) =>
    Object.fromEntries([...records].map(([id, r]) => [id, `${r.workspace_id} ${r.classification}`]));
  expect(await assigned('calls', 'id')).toEqual(expected(tables.calls));
  expect(await assigned('elevenlabs_conversations', 'conversation_id')).toEqual(
    expected(tables.elevenlabs_conversations),
  );
  for (const table of ['twilio_snapshots', 'elevenlabs_snapshots'] as const) {
    expect(await snapshots(db, table)).toEqual(plain(table, tables[table]));
  }
}

async function snapshots(db: TestDatabase, table: string): Promise<Record<string, unknown>> {
  const rows = await db.query<{ row: Record<string, unknown>; at: string }>(
    `select to_jsonb(s) - 'rolled_up_at' || jsonb_build_object(${(decimals[table] ?? [])
      .map((column) => `'${column}', ${column}::text`)
      .join(', ')}) as row, snapshot_date::text as at from ${table} s`,
  );
  return Object.fromEntries(
    rows.map(({ row }) => [
      snapshotKey(row['workspace_id'] as number, row['snapshot_date'] as string),
      canonical(table, row),
    ]),
  );
}

function plain(table: string, rows: Map<string, object>): Record<string, unknown> {
  return Object.fromEntries([...rows].map(([key, row]) => [key, canonical(table, { ...row })]));
}

/** The same value in one form: the instant, decimals without trailing zeros. */
function canonical(table: string, row: Record<string, unknown>): Record<string, unknown> {
  const result = { ...row, snapshot_date: new Date(row['snapshot_date'] as string).toISOString() };
  for (const column of decimals[table] ?? []) {
    Object.assign(result, { [column]: canonicalDecimal(row[column] as string) });
  }
  const byCurrency = row['cost_by_currency'] as Record<string, string> | undefined;
  if (byCurrency !== undefined) {
    Object.assign(result, {
      cost_by_currency: Object.fromEntries(
        Object.entries(byCurrency).map(([currency, cost]) => [currency, canonicalDecimal(cost)]),
      ),
    });
  }
  return result;
}
