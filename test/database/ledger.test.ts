/** Where the ledger asks: PostgREST itself where it is known, else what serves it under /rest/v1. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Ledger } from '../../database/ledger.js';
import { createTestDatabase, type Rest, type TestDatabase } from '../support/test-database.js';

/** Nothing listens there. */
const nowhere = 'http://127.0.0.1:1';

let database: TestDatabase;
let rest: Rest;

beforeAll(async () => {
  database = await createTestDatabase();
  rest = await database.startRest();
});

afterAll(() => database.close());

/** A function with arguments, and one that is sent bytes. */
async function askBoth(ledger: Ledger, runId: string): Promise<unknown[]> {
  const day = '2025-10-04';
  const asked_ticket = await ledger.call('begin_days', {
    ...{ p_source: 'twilio', p_days: [day], p_workflow_id: 'any', p_run_id: runId },
  });
  const page = { page_id: `${runId}/page`, run_id: runId, source: 'twilio', day, asked_ticket };
  const facts = {
    ...page,
    cursor: null,
    next_cursor: null,
    is_list: true,
    ids: null,
    records_key: null,
    gone: 0,
  };
  const body = Buffer.from(`${JSON.stringify({ ...facts, merge_at_once: false })}\n[]`);
  return [asked_ticket, await ledger.send('stage_page', [body])];
}

it.each([
  ['PostgREST itself, and nothing in front of it', () => ({ ...rest, supabaseUrl: nowhere })],
  ['its gateway, where nobody says where it is', () => ({ ...rest, postgrestUrl: null })],
])('%s', async (name, connection) => {
  expect(await askBoth(new Ledger(connection()), name)).toEqual([
    expect.any(Number),
    expect.objectContaining({ pageIds: [`${name}/page`], merged: null }),
  ]);
});

it.each([
  ['PostgREST', () => ({ ...rest, postgrestUrl: nowhere })],
  ['its gateway', () => ({ ...rest, postgrestUrl: null, supabaseUrl: nowhere })],
])('an error of the ledger where %s is away, and no other way round', async (_, connection) => {
  const ledger = new Ledger(connection());
  const message = expect.stringMatching(/^The database cannot be reached: /) as unknown;
  await expect(ledger.call('read_settings')).rejects.toMatchObject({
    name: 'LedgerError',
    code: '',
    message,
  });
  await expect(ledger.send('stage_page', [])).rejects.toMatchObject({
    name: 'LedgerError',
    code: '',
    message,
  });
});
