/** A database of the system before hourledger, filled with ordinary and odd rows; and what a ledger makes of them. */
import type { OracleInput } from '../oracle/oracle.js';
import { callCases } from './predecessor-rows.js';
import { conversationCases } from './predecessor-conversations.js';
import { predecessorSchema } from './predecessor-schema.js';
import type { TestDatabase } from './test-database.js';

/**
 * Workspace 4 lists its number twice, 5 writes it without a plus, 4 and 5 both list +12025550199, 6 and 9 have numbers
 * of their own only, 7's own number is listed under 5, and 8 has no number but a word.
 */
const mapping = `
  insert into workspaces (id, name, phone_number) values
    (1, 'Old default', '+12025550101'), (4, 'Solar', '+12025550104'), (5, 'Wind', '12025550105'),
    (6, 'Water', '+12025550106'), (7, 'Earth', '+12025550105'), (8, '  ', 'none'), (9, 'Fire', ' +12025550106x');
  select setval('workspaces_id_seq', 9);
  insert into workspace_phones (id, workspace_id, phone_number, is_primary) values
    (11, 4, '+12025550104', true), (12, 4, '12025550104', false), (13, 5, '12025550105', null),
    (14, 4, '+12025550199', false), (15, 5, '12025550199', true), (16, 5, 'anonymous', false),
    (17, null, '+12025550150', false), (18, 9, ' +12025550109', false);
  select setval('workspace_phones_id_seq', 18);
`;

const snapshots = `
  insert into twilio_snapshots (workspace_id, snapshot_date, total_calls, total_cost, total_duration, real_minutes)
    values (4, '2025-10-04T15:00Z', 99, 1.2345, 7, 1), (4, '2025-07-01T00:00Z', 3, 0.5, 100, 2);
  insert into elevenlabs_snapshots (workspace_id, snapshot_date, total_conversations, total_cost, llm_usage)
    values (4, '2025-10-04T15:00Z', 99, 1.2345, '{}');
  insert into call_snapshots (workspace_id, snapshot_date, total_calls, total_cost) values (4, '2025-07-01T00:00Z', 3, 0.5);
`;

/** Makes the predecessor's tables in a database and fills them. */
export async function fillPredecessor(database: TestDatabase): Promise<void> {
  await database.query(predecessorSchema);
  await database.query(mapping + snapshots);
  await insertRows(
    database,
    'calls',
    callCases.map(({ row }) => row),
  );
  await insertRows(
    database,
    'elevenlabs_conversations',
    conversationCases.map(({ row }) => row),
  );
}

async function insertRows(database: TestDatabase, table: string, rows: readonly object[]): Promise<void> {
  for (const row of rows) {
    const columns = Object.keys(row);
    const values = Object.values(row) as unknown[];
    const places = columns.map((_, index) => `$${index + 1}`);
    await database.query(
      `insert into ${table} (${columns.join(', ')}) values (${places.join(', ')})`,
      values,
    );
  }
}

/** The same facts as the providers tell them: for the oracle, or for pages that a later fetch brings. */
export function providersRecords(): { calls: string[]; conversations: string[] } {
  return {
    calls: callCases.flatMap(({ record }) =>
      record === null ? [] : [JSON.stringify(withWireDates(record))],
    ),
    conversations: conversationCases.flatMap(({ record }) => (record === null ? [] : [record])),
  };
}

const dates = ['date_created', 'start_time', 'end_time'];

/** Twilio writes dates as RFC 2822 has them. */
function withWireDates(record: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(record).map(([key, value]) =>
    dates.includes(key) && typeof value === 'string' && value !== ''
      ? [key, new Date(value).toUTCString().replace('GMT', '+0000')]
      : [key, value],
  );
  return Object.fromEntries(entries) as Record<string, unknown>;
}

/** The mapping that adoption has to come to; numbers in conflict are in none. */
export const adoptedMapping: OracleInput['mapping'] = {
  workspaces: [
    { id: 1, name: 'Old default' },
    { id: 4, name: 'Solar' },
    { id: 5, name: 'Wind' },
    { id: 6, name: 'Water' },
    { id: 7, name: 'Earth' },
    { id: 8, name: 'Workspace 8' },
    { id: 9, name: 'Fire' },
  ],
  workspace_phones: [
    phone('+12025550101', 1),
    phone('+12025550104', 4),
    phone('12025550105', 5),
    phone('+12025550106', 6),
    phone('+12025550109', 9),
  ],
  workspace_agents: [],
  credit_rates: [],
};

function phone(phone_number: string, workspace_id: number) {
  return { phone_number, workspace_id, valid_from: null, valid_to: null };
}
