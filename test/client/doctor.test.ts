/** What `doctor` says of settings, and `status` of cleared hours; and who refuses settings that differ from the ledger's. */
import { createServer } from 'node:http';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Check } from '../../client/check.js';
import type { LedgerStatus } from '../../client/ledger-status.js';
import { createTestNamespace } from '../support/temporal.js';
import { createTestDatabase, listen, type TestDatabase } from '../support/test-database.js';
import { hourledger, hourledgerJson } from './cli.js';

let db: TestDatabase;
let connection: Connection;
let client: Client;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  const [database, temporal] = await Promise.all([createTestDatabase(), createTestNamespace()]);
  db = database;
  const rest = await db.startRest();
  connection = await Connection.connect({ address: temporal.address });
  client = new Client({ connection, namespace: temporal.namespace });
  env = {
    SUPABASE_URL: rest.supabaseUrl,
    SUPABASE_SERVICE_ROLE_KEY: rest.serviceRoleKey,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
});

afterAll(async () => {
  await connection.close();
  await db.close();
});

async function checks(more: NodeJS.ProcessEnv): Promise<Map<string, Check>> {
  const all = await hourledgerJson<Check[]>(['doctor'], { ...env, ...more });
  return new Map(all.map((check) => [check.name, check]));
}

describe('the settings of the server', () => {
  const keys = { TWILIO_ACCOUNT_SID: 'AC1', TWILIO_AUTH_TOKEN: 'token', ELEVENLABS_API_KEY: 'key' };

  it('says what is off without them', async () => {
    const found = await checks(keys);
    expect(found.get('crons')).toMatchObject({
      state: 'warning',
      fact: 'off: CRON_SECRET is not set, so hourledger serve answers 503 to /api/…',
      remedy: 'set it for hourledger serve, if crons call it',
    });
    expect(found.get('twilio webhook')).toMatchObject({
      state: 'warning',
      fact: 'off: PUBLIC_URL is not set, so hourledger serve answers 503 to /webhooks/twilio',
    });
    expect(found.get('elevenlabs webhook')).toMatchObject({
      state: 'warning',
      fact: 'off: ELEVENLABS_WEBHOOK_SECRET is not set, so hourledger serve answers 503 to /webhooks/elevenlabs',
    });
  });

  it('says what is on with them, and no secret', async () => {
    const more = {
      CRON_SECRET: 's3cret1',
      ELEVENLABS_WEBHOOK_SECRET: 's3cret2',
      PUBLIC_URL: 'https://a.example',
    };
    const found = await checks({ ...keys, ...more });
    expect(found.get('crons')?.state).toBe('ok');
    expect(found.get('twilio webhook')).toMatchObject({
      state: 'ok',
      fact: 'on: Twilio calls https://a.example/webhooks/twilio',
    });
    expect(found.get('elevenlabs webhook')?.state).toBe('ok');
    expect(JSON.stringify([...found.values()])).not.toContain('s3cret');
  });

  it('names the token where only an API key is set, and says nothing of webhooks of a source that is off', async () => {
    const withKey = { TWILIO_ACCOUNT_SID: 'AC1', TWILIO_API_KEY: 'SK1', TWILIO_API_SECRET: 'secret' };
    const found = await checks({ ...withKey, PUBLIC_URL: 'https://a.example' });
    expect(found.get('twilio webhook')?.fact).toMatch(/^off: TWILIO_AUTH_TOKEN is not set/);
    expect(found.has('elevenlabs webhook')).toBe(false);
  });
});

describe('settings that differ from those of the ledger', () => {
  const range = ['--from', '2025-03-01', '--to', '2025-03-01'];
  const starting = [
    ['backfill', '--source', 'twilio', ...range],
    ['sync'],
    ['regenerate', '--source', 'twilio'],
    ['reclassify'],
    ['reconcile', '--source', 'twilio', ...range],
  ];
  const line =
    'LEDGER_CURRENCY is "EUR", but this ledger is kept in USD. ' +
    'Unset it, or run: hourledger settings set ledger_currency EUR';

  it('are no matter while the ledger is empty: the first worker sets them', async () => {
    expect((await checks({ LEDGER_CURRENCY: 'eur' })).get('settings')?.state).toBe('ok');
  });

  it('are told by doctor and refused by every command that starts work, before it does', async () => {
    await db.query(
      `insert into calls (id, workspace_id, call_date, raw_data) values ('CA1', 1, '2025-03-01T10:00:00Z', '{}')`,
    );
    const found = await checks({ LEDGER_CURRENCY: 'EUR' });
    expect(found.get('settings')).toMatchObject({ state: 'failed', fact: line });
    const other = await checks({ DEFAULT_WORKSPACE_ID: '7' });
    expect(other.get('settings')?.fact).toMatch(
      /^DEFAULT_WORKSPACE_ID is "7", but the default workspace .* is 1\. /,
    );
    expect((await checks({ LEDGER_CURRENCY: 'usd', DEFAULT_WORKSPACE_ID: '1' })).get('settings')?.state).toBe(
      'ok',
    );
    for (const args of starting) {
      const { code, stdout, stderr } = await hourledger(args, { ...env, LEDGER_CURRENCY: 'EUR' });
      expect({ args, code, stdout, stderr }).toEqual({
        args,
        code: 2,
        stdout: '',
        stderr: `error: ${line}\n`,
      });
    }
    const { namespace } = client.options;
    expect(await client.workflowService.listWorkflowExecutions({ namespace })).toMatchObject({
      executions: [],
    });
  });
});

it('status counts cleared hours as verify does', async () => {
  await db.query(`
    insert into calls (id, workspace_id, call_date, raw_data) values ('CA2', 1, '2025-03-02T10:00:00Z', '{}');
    insert into cleared_hours (source, workspace_id, hour) values
      ('twilio', 1, '2025-03-02T10:00:00Z'), ('twilio', 1, '2025-03-02T11:00:00Z'), ('elevenlabs', 1, '2025-03-02T10:00:00Z')`);
  const verified = await hourledgerJson<{ clearedHours: number }>(['verify'], env);
  const status = await hourledgerJson<LedgerStatus>(['status'], env);
  expect([verified.clearedHours, status.clearedHours]).toEqual([1, 1]);
  expect((await hourledger(['status'], env)).stdout).toContain(
    '\ncleared     1 hour without a snapshot on purpose; regenerate brings it back\n',
  );
});

describe('row security, where PostgREST is asked without its gateway', () => {
  /** A gateway that answers everybody the same, and PostgREST behind its back. */
  async function checkBehind(status: number): Promise<Check | undefined> {
    const gateway = createServer((_request, response) => response.writeHead(status).end());
    const SUPABASE_URL = `http://127.0.0.1:${await listen(gateway)}`;
    const POSTGREST_URL = (await db.startRest()).postgrestUrl;
    try {
      return (await checks({ SUPABASE_URL, POSTGREST_URL })).get('row security');
    } finally {
      gateway.close();
    }
  }

  it('is not called good by a gateway that is out of order', async () => {
    expect(await checkBehind(503)).toMatchObject({
      state: 'failed',
      fact: expect.stringMatching(/^cannot be checked: http.*\/rest\/v1 answers HTTP 503$/) as unknown,
      remedy: 'check SUPABASE_URL',
    });
  });

  it('is not called good by a gateway that refuses what PostgREST itself gives everybody', async () => {
    expect(await checkBehind(401)).toMatchObject({ state: 'ok' });
    await db.query('alter table calls disable row level security; grant select on calls to anon');
    expect(await checkBehind(401)).toMatchObject({
      state: 'failed',
      fact: 'anybody can read calls without a key',
    });
    await db.query('alter table calls enable row level security; revoke select on calls from anon');
  });
});
