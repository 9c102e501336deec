/** The commands around the mapping, the reports and the schedule, on the real database and the real Temporal. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestNamespace, type TestNamespace } from '../support/temporal.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { hourledger, hourledgerJson } from './cli.js';

let db: TestDatabase;
let temporal: TestNamespace;
let connection: Connection;
let client: Client;
let env: NodeJS.ProcessEnv;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'hourledger-client-'));
  [db, temporal] = await Promise.all([createTestDatabase(), createTestNamespace()]);
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
  rmSync(dir, { recursive: true });
});

function csv(...lines: string[]): string {
  const file = path.join(dir, 'numbers.csv');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

const phones = () =>
  db.query('select phone_number, workspace_id, valid_from, valid_to from workspace_phones order by id');

describe('bad input', () => {
  const backfill = (from: string, to: string, ...more: string[]) => [
    'backfill',
    '--source',
    'twilio',
    '--from',
    from,
    '--to',
    to,
    ...more,
  ];

  it.each([
    [backfill('2025-02-30', '2025-03-01'), /"from" is "2025-02-30".*YYYY-MM-DD/],
    [backfill('2025-03-02', '2025-03-01'), /"from" is "2025-03-02", which is after "to"/],
    [backfill('2025-03-02', '2999-03-01'), /"to" is "2999-03-01", which is in the future/],
    [backfill('2025-03-02', '2025-03-03', '--max-parallel-days', '0'), /"maxParallelDays" is 0/],
    [backfill('2025-03-02', '2025-03-03', '--order', 'sideways'), /"order" is "sideways"/],
    [backfill('2025-03-02', '2025-03-03', '--reprocess', 'all'), /"reprocess" is "all"/],
    [
      ['backfill', '--source', 'vonage', '--from', '2025-03-01', '--to', '2025-03-01'],
      /"source" is "vonage"/,
    ],
    [['sync', '--source', 'vonage'], /--source is "vonage"/],
    [['sync', '--at', '2025-03-01'], /"nominalTime" is "2025-03-01"/],
    [['pause', '--from', '2025-02-29'], /--from is "2025-02-29"/],
    [['report', '--from', '2025-03-02', '--to', '2025-03-01'], /--from is "2025-03-02".*--to/],
    [['report', '--by', 'week'], /--by is "week"/],
    [['report', '--workspace', '77'], /--workspace is "77"/],
    [['schedule', 'apply', '--cron', '0 24 * * *'], /--cron is "0 24 \* \* \*".*Hour/],
    [['schedule', 'apply', '--cron', 'daily'], /--cron is "daily"/],
    [['phones', 'add', 'anonymous', '--workspace', '1'], /"anonymous" is no phone number/],
    [['phones', 'add', '+12025550110', '--workspace', '77'], /there is no workspace 77/],
    [['phones', 'end', '+12025550110'], /\+12025550110 belongs to no workspace/],
    [['phones', 'import', '/nowhere/numbers.csv'], /\/nowhere\/numbers.csv: There is no such file/],
    [['agents', 'add', 'agent_1', '--workspace', '77'], /there is no workspace 77/],
    [['workspaces', 'add', 'Default'], /there is a workspace 1 \(Default\) already/],
    [['settings', 'set', 'lookback_days', '-1'], /.+/],
    [['settings', 'set', 'ledger_currency', 'dollars'], /"dollars".*USD/],
    [['settings', 'set', 'colour', 'blue'], /no setting "colour"/],
  ])('%j is one line, exit code 2, and nothing written', async (args, words) => {
    const { code, stdout, stderr } = await hourledger(args, env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(stderr).toMatch(words);
    expect(
      await client.workflowService.listWorkflowExecutions({ namespace: temporal.namespace }),
    ).toMatchObject({ executions: [] });
    expect(await db.query('select * from workspace_phones union all select * from workspace_phones')).toEqual(
      [],
    );
    expect(await db.query('select lookback_days, ledger_currency from settings')).toEqual([
      { lookback_days: 2, ledger_currency: 'USD' },
    ]);
  });

  it('refuses a wrong key, an unreachable database and a stack that does not run', async () => {
    const wrongKey = await hourledger(['report'], { ...env, SUPABASE_SERVICE_ROLE_KEY: 'wrong' });
    expect(wrongKey).toMatchObject({ code: 2, stdout: '' });
    expect(wrongKey.stderr).toMatch(/^error: [^\n]*SUPABASE_SERVICE_ROLE_KEY[^\n]*\n$/);
    const nobody = await hourledger(['report'], { ...env, SUPABASE_URL: 'http://127.0.0.1:1' });
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toMatch(/^error: [^\n]*SUPABASE_URL[^\n]*\n$/);
    const noStack = await hourledger(['status'], { HOURLEDGER_DATA_DIR: path.join(dir, 'none') });
    expect(noStack).toMatchObject({ code: 2, stdout: '' });
    expect(noStack.stderr).toMatch(/^error: [^\n]*npx hourledger stack start[^\n]*\n$/);
  });
});

describe('phones import', () => {
  it('takes all lines or none, and names the line and the value that are wrong', async () => {
    await hourledger(['workspaces', 'add', 'Meridian Solar', '--id', '4'], env);
    const header = 'phone_number,workspace_id,is_primary,valid_from,valid_to';
    for (const [line, words] of [
      ['+12025550111,77,,,', /line 3: there is no workspace 77/],
      ['anonymous,4,,,', /line 3: "anonymous" is no phone number/],
      ['+12025550111,4,,yesterday,', /line 3: valid_from is "yesterday"/],
      ['+12025550111,4,perhaps,,', /line 3: is_primary is "perhaps"/],
      [
        '12025550110,1,,2025-09-15T00:00:00Z,',
        /line 3: number 12025550110 .*workspace 4 \(Meridian Solar\) at all times by line 2/,
      ],
      ['+12025550111,4', /line 3/i],
    ] as const) {
      const { code, stderr } = await hourledger(
        ['phones', 'import', csv(header, '+12025550110,4,true,,', line)],
        env,
      );
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error: [^\n]+\n$/);
      expect(stderr).toMatch(words);
      expect(await phones()).toEqual([]);
    }
    const file = csv(
      header,
      '+12025550110,4,true,,2025-09-15T00:00:00Z',
      '"+12025550110",1,,2025-09-15T00:00:00Z,',
    );
    expect(await hourledgerJson(['phones', 'import', file], env)).toEqual({
      inserted: 2,
      updated: 0,
      unchanged: 0,
    });
    expect(await hourledgerJson(['phones', 'import', file], env)).toEqual({
      inserted: 0,
      updated: 0,
      unchanged: 2,
    });
    expect(await phones()).toHaveLength(2);
  });

  it('says whose a number is that is given to somebody else', async () => {
    const { code, stderr } = await hourledger(['phones', 'add', '12025550110', '--workspace', '4'], env);
    expect(code).toBe(2);
    expect(stderr).toContain(
      'workspace 4 (Meridian Solar) at all times: it belongs to workspace 1 (Default) from 2025-09-15T00:00:00Z on',
    );
    const ended = await hourledger(['phones', 'end', '+12025550110', '--at', '2025-10-01T00:00:00Z'], env);
    expect(ended.stdout).toBe('+12025550110 belongs to workspace 1 (Default) until 2025-10-01T00:00:00Z.\n');
    const again = ['phones', 'add', '12025550110', '--workspace', '4', '--from', '2025-10-01T00:00:00Z'];
    expect((await hourledger(again, env)).code).toBe(0);
  });
});

describe('report', () => {
  const cost = '0.12345678901234567891';

  it('prints money digit for digit, in each format', async () => {
    await db.query(`insert into twilio_snapshots values (4, '2025-10-04T15:00:00Z', 2, $1, 60, 2, 0, $2)`, [
      cost,
      { USD: cost, JPY: '12345678901234567890.5' },
    ]);
    const document = await hourledgerJson<{ rows: Record<string, unknown>[]; total: unknown }>(
      ['report'],
      env,
    );
    expect(document.rows).toMatchObject([
      { workspaceId: 4, twilioCost: cost, otherCosts: { JPY: '12345678901234567890.5' } },
    ]);
    expect(document.total).toMatchObject({ calls: 2, twilioCost: cost });
    for (const format of ['table', 'csv', 'json']) {
      const { stdout } = await hourledger(['report', '--by', 'day', '--format', format], env);
      expect(stdout).toContain(cost);
      expect(stdout).toContain('12345678901234567890.5');
    }
  });
});

describe('verify', () => {
  it('names what differs, and ends with 1', async () => {
    const { code, stdout } = await hourledger(['verify'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/twilio +4 +2025-10-04T15:00Z +total_calls +none +2\n/);
  });
});

describe('schedule', () => {
  it('is created once, and a second time changes nothing, also when it is paused', async () => {
    const apply = (...more: string[]) =>
      hourledgerJson<Record<string, unknown>>(['schedule', 'apply', ...more], env);
    expect(await apply()).toMatchObject({
      result: 'created',
      cron: '0 0 * * *',
      timezone: 'UTC',
      overlap: 'BUFFER_ONE',
    });
    await hourledger(['schedule', 'pause', '--note', 'for a test'], env);
    const handle = client.schedule.getHandle('hourledger-daily-sync');
    const before = await handle.describe();
    expect(await apply()).toMatchObject({ result: 'unchanged', paused: true, note: 'for a test' });
    expect((await handle.describe()).info.lastUpdatedAt).toEqual(before.info.lastUpdatedAt);
    expect(await apply('--cron', '30  * * * *')).toMatchObject({
      result: 'updated',
      cron: '30 * * * *',
      paused: true,
    });
    expect(before.action).toMatchObject({ workflowType: 'dailySync', taskQueue: 'hourledger', args: [{}] });
    expect((await hourledger(['schedule', 'resume'], env)).code).toBe(0);
    expect((await hourledger(['schedule', 'remove'], env)).code).toBe(0);
    expect(await hourledger(['schedule', 'show'], env)).toMatchObject({ code: 1, stdout: '' });
  });

  it('is made anew where somebody changed it', async () => {
    await hourledger(['schedule', 'apply'], env);
    const handle = client.schedule.getHandle('hourledger-daily-sync');
    await handle.update((found) => ({ ...found, spec: { cronExpressions: ['0 5 * * *'] } }));
    expect(await hourledgerJson(['schedule', 'show'], env)).toMatchObject({ cron: null });
    expect(await hourledgerJson(['schedule', 'apply'], env)).toMatchObject({
      result: 'updated',
      cron: '0 0 * * *',
    });
  });
});

describe('--json', () => {
  it.each([
    ...[
      ['status'],
      ['verify'],
      ['report'],
      ['doctor'],
      ['schedule', 'show'],
      ['phones', 'list'],
      ['phones', 'unmapped'],
    ],
    ...[
      ['workspaces', 'list'],
      ['agents', 'list'],
      ['settings', 'list'],
    ],
  ])('of %j %j is one document', async (...args) => {
    expect(await hourledgerJson(args, env)).toBeTypeOf('object');
  });
});

describe('doctor', () => {
  it('says what is wrong with the remedy, and ends with 1', async () => {
    const { code, stdout } = await hourledger(['doctor'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {4}database/m);
    expect(stdout).toMatch(/^ok {4}row security/m);
    expect(stdout).toMatch(/^FAIL {2}worker .*-> npx hourledger worker$/m);
  });
});
