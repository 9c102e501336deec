/** Tables of the system before hourledger become a ledger: no row and no digit is lost, and nothing is guessed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adoptionLines, migrate, type AdoptionReport } from '../../database/migrate.js';
import { dumpCatalogue, dumpRows } from '../support/database-dump.js';
import { expectedTables, LedgerWorld, type ComparableTables } from '../support/ledger-world.js';
import { adoptedMapping, fillPredecessor, providersRecords } from '../support/predecessor.js';
import { conversationCases } from '../support/predecessor-conversations.js';
import { callCases } from '../support/predecessor-rows.js';
import { predecessorTables, supabaseBefore } from '../support/predecessor-schema.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let world: LedgerWorld;
let before: Record<string, string[]>;
let report: AdoptionReport;
const expected = expectedTables({ ...providersRecords(), mapping: adoptedMapping });

beforeAll(async () => {
  database = await createTestDatabase({ template: 'template1' });
  await fillPredecessor(database);
  before = await dumpRows(database);
  report = (await migrate(database.databaseUrl)).adoption!;
  world = await LedgerWorld.open(database);
  expect(await world.drain()).toEqual([]);
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

function found(name: string): string[] {
  return report.findings.find((one) => one.finding === name)?.examples ?? [];
}

describe('the rows', () => {
  it.each(callCases.filter(({ record }) => record !== null))('reads a call: $what', async ({ row }) => {
    const { calls } = await ledgerTables();
    expect(calls![row.id]).toEqual(expected['calls']![row.id]);
  });

  it.each(conversationCases.filter(({ record }) => record !== null))(
    'reads a conversation: $what',
    async ({ record }) => {
      const id = /"conversation_id":"(\w+)"/.exec(record!)![1]!;
      const { elevenlabs_conversations: conversations } = await ledgerTables();
      expect(conversations![id]).toEqual(expected['elevenlabs_conversations']![id]);
    },
  );

  it('are all there or rejected, and stand in schema predecessor as they were', async () => {
    const now = await dumpRows(database);
    for (const table of predecessorTables) {
      expect(now[`predecessor.${table}`], table).toEqual(before[`public.${table}`]);
    }
    expect(now['public.call_snapshots']).toEqual(before['public.call_snapshots']);
    expect(report.tables).toEqual([
      { table: 'workspaces', rows: 7, kept: 7, rejected: 0 },
      { table: 'workspace_phones', rows: 8, kept: 6, rejected: 0 },
      { table: 'calls', rows: 36, kept: 33, rejected: 3 },
      { table: 'elevenlabs_conversations', rows: 16, kept: 12, rejected: 4 },
    ]);
  });

  it('keep raw_data to the digit, and count as older than any fetch', async () => {
    const [differing] = await world.rows(
      `select count(*)::integer as calls from calls where asked_ticket <> 0 or answered_ticket <> 0 or fetched_at > now()`,
    );
    expect(differing).toEqual({ calls: 0 });
    const raw = await database.query<{ id: string; same: boolean }>(
      `select id, n.raw_data is not distinct from o.raw_data and n.raw_data::text is not distinct from o.raw_data::text as same
       from calls n join predecessor.calls o using (id)`,
    );
    expect(raw.filter(({ same }) => !same)).toEqual([]);
  });

  it('of llm_usage come from raw_data, else from the column', async () => {
    const rows = await world.rows(
      `select conversation_id as id, llm_usage from elevenlabs_conversations where llm_usage is not null order by 1`,
    );
    expect(rows).toEqual([
      { id: 'conv_a', llm_usage: { a: 1 } },
      { id: 'conv_c', llm_usage: { kept: 1 } },
    ]);
  });

  it('that cannot be stored are rejected records with their row, which the next run asks for', async () => {
    const rows = await world.rows<{ source: string; id: string | null; reason: string; raw_data: string }>(
      'select source, id, reason, raw_data from rejected_records order by source, id',
    );
    expect(rows.map(({ source, id, reason }) => [source, id, reason])).toEqual([
      ['elevenlabs', 'conv_a', 'another row has the same conversation_id'],
      ['elevenlabs', 'conv_f', 'the record has no date'],
      ['elevenlabs', null, 'the record has no id'],
      ['twilio', 'CA10', 'the record has no date'],
      ['twilio', 'CA25', 'the record has no date'],
      ['twilio', 'CA32', expect.stringContaining('index row size')],
    ]);
    expect(rows[0]!.raw_data.split('\n').map((line) => (JSON.parse(line) as { cost: number }).cost)).toEqual([
      120, 120,
    ]);
    expect(JSON.parse(rows[3]!.raw_data)).toMatchObject({
      id: 'CA10',
      workspace_id: 4,
      cost: 0,
      call_date: null,
    });
    const { ids } = await world.unsettled('a run', 'twilio', new Date().toISOString());
    expect(ids).toEqual(['CA10', 'CA25', 'CA32']);
  });
});

describe('the mapping', () => {
  it('keeps both rows of a number in two workspaces in conflict, and ids as they were', async () => {
    const rows = await world.rows(
      'select id::integer, workspace_id as of, phone_number as number, is_primary as main, in_conflict from workspace_phones order by id',
    );
    expect(rows.map((row) => Object.values(row) as unknown[])).toEqual([
      [11, 4, '+12025550104', true, false],
      [12, 4, '12025550104', false, true],
      [13, 5, '12025550105', false, false],
      [14, 4, '+12025550199', false, true],
      [15, 5, '12025550199', true, true],
      [18, 9, '+12025550109', false, false],
      [19, 1, '+12025550101', true, false],
      [20, 6, '+12025550106', true, false],
    ]);
  });

  it('leaves phone_number on workspaces, for reference and nullable', async () => {
    await world.client.query('begin');
    await world.rows(`insert into workspaces (name) values ('New')`);
    const rows = await world.rows(`select id, phone_number from workspaces where id in (7, 10) order by id`);
    await world.client.query('rollback');
    expect(rows).toEqual([
      { id: 7, phone_number: '+12025550105' },
      { id: 10, phone_number: null },
    ]);
  });
});

describe('the sums', () => {
  it('are those that the oracle computes from the same facts, and none of the old ones', async () => {
    expect(await ledgerTables()).toEqual(expected);
    const [oldOnes] = await world.rows(`select from twilio_snapshots where snapshot_date < '2025-10-01'`);
    expect(oldOnes).toBeUndefined();
  });
});

describe('the report', () => {
  it('names what was found', () => {
    expect(Object.fromEntries(report.findings.map(({ finding, count }) => [finding, count]))).toEqual({
      'call-cost-0-unknown': 5,
      'call-cost-differs': 1,
      'call-currency-assumed': 8,
      'call-hour-differs': 1,
      'call-of-elevenlabs': 1,
      'call-raw-data-unreadable': 5,
      'call-rejected': 3,
      'call-value-impossible': 2,
      'call-without-raw-data': 6,
      'call-without-workspace': 1,
      'conversation-cost-0-unknown': 2,
      'conversation-hour-differs': 1,
      'conversation-raw-data-unreadable': 2,
      'conversation-rejected': 4,
      'conversation-value-impossible': 1,
      'conversation-without-raw-data': 3,
      'conversation-without-workspace': 1,
      'number-in-two-workspaces': 1,
      'number-listed-twice': 1,
      'number-without-digits': 3,
      'number-without-workspace': 1,
      'snapshot-without-records': 1,
      'table-left-alone': 1,
      'workspace-number-contradicted': 1,
      'workspace-number-mapped': 2,
      'workspace-without-name': 1,
    });
    expect(found('number-in-two-workspaces')).toEqual(['+12025550199: workspaces 4, 5']);
    expect(found('workspace-number-contradicted')).toEqual(['7: +12025550105 is listed under workspace 5']);
    expect(found('call-of-elevenlabs')).toEqual(['conv_in_calls: source elevenlabs, workspace 5']);
    expect(found('table-left-alone')[0]).toContain('anon may read it');
    expect(report.replacedSnapshots).toBe(3);
  });

  it('says each in one line, and keeps every row concerned in predecessor.findings', async () => {
    const lines = adoptionLines(report);
    expect(lines).toHaveLength(4 + report.findings.length + 1);
    expect(lines).toContain('Adopted calls: 33 of 36 rows, 3 in rejected_records.');
    expect(lines.filter((line) => line.includes('\n'))).toEqual([]);
    // A finding that has no words of its own would show its key.
    expect(lines.filter((line) => /^Found \d+ × [a-z]+-/.test(line))).toEqual([]);
    const counted = await database.query<{ finding: string; count: number }>(
      'select finding, count(*)::integer from predecessor.findings group by finding',
    );
    expect(Object.fromEntries(counted.map(({ finding, count }) => [finding, count]))).toEqual(
      Object.fromEntries(report.findings.map(({ finding, count }) => [finding, count])),
    );
  });
});

describe('the database afterwards', () => {
  it('has the catalogue of a fresh one, apart from what is kept', async () => {
    const fresh = await createTestDatabase({ template: 'template1' });
    await fresh.query(supabaseBefore);
    await migrate(fresh.databaseUrl);
    const [adopted, wanted] = [await dumpCatalogue(database), await dumpCatalogue(fresh)];
    await fresh.close();
    const isKept = (line: string) =>
      /predecessor|call_snapshots|touch_updated_at|public\.workspaces\.phone_number/.test(line);
    for (const [kind, lines] of Object.entries(adopted)) {
      expect(
        lines.filter((line) => !isKept(line)),
        kind,
      ).toEqual(wanted[kind]);
    }
    const kept = adopted['constraints']!.filter(
      (line) => line.includes('REFERENCES') && line.includes('call_snapshots'),
    );
    expect(kept).toEqual([
      'public.call_snapshots call_snapshots_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES workspaces(id) ON DELETE CASCADE',
    ]);
  });

  it('shows nobody but the server anything: no policy is open, no role has a grant', async () => {
    const policies = await database.query(
      `select tablename from pg_policies where tablename <> 'call_snapshots'`,
    );
    expect(policies).toEqual([]);
    const readable = await database.query<{ name: string; role: string }>(
      `select c.oid::regclass::text as name, role from pg_class c cross join unnest(array['anon', 'authenticated']) role
       where c.relnamespace in ('public'::regnamespace, 'hourledger'::regnamespace, 'predecessor'::regnamespace)
         and c.relkind in ('r', 'v', 'p', 'm') and c.relname <> 'call_snapshots'
         and (has_table_privilege(role, c.oid, 'select, insert, update, delete, truncate') or has_any_column_privilege(role, c.oid, 'select'))`,
    );
    expect(readable).toEqual([]);
    const rest = await database.startRest();
    const headers = { apikey: rest.anonKey, Authorization: `Bearer ${rest.anonKey}` };
    for (const table of predecessorTables) {
      const answer = await fetch(`${rest.supabaseUrl}/rest/v1/${table}?select=*`, { headers });
      expect(answer.status, table).toBe(401);
    }
  });

  it('is not changed by migrating again', async () => {
    const [catalogue, rows] = [await dumpCatalogue(database), await dumpRows(database)];
    expect(await migrate(database.databaseUrl)).toEqual({ applied: [], adoption: null });
    expect(await dumpCatalogue(database)).toEqual(catalogue);
    expect(await dumpRows(database)).toEqual(rows);
  });
});
