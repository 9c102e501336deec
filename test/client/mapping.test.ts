/** The commands that change the mapping after it was made: rates, workspaces, agents; and find, which says why. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringifyJson } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { expectedTables, LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { hourledger, hourledgerJson } from './cli.js';

const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';

let db: TestDatabase;
let ledger: LedgerWorld;
let env: NodeJS.ProcessEnv;
/** A page that was merged once is not merged again. */
let runs = 0;

beforeAll(async () => {
  db = await createTestDatabase();
  const rest = await db.startRest();
  ledger = await LedgerWorld.open(db);
  env = { SUPABASE_URL: rest.supabaseUrl, SUPABASE_SERVICE_ROLE_KEY: rest.serviceRoleKey };
});

beforeEach(async () => {
  await db.query('delete from calls; delete from elevenlabs_conversations; delete from credit_rates');
  await db.query('delete from workspace_phones; delete from workspace_agents; delete from sync_days');
  await ledger.drain();
  await db.query(`update settings set default_workspace_id = 1; delete from workspaces where id <> 1`);
  await db.query(`insert into workspaces (id, name) values (4, 'Four'), (5, 'Five')`);
});

afterAll(async () => {
  await ledger.close();
  await db.close();
});

const mapping = () =>
  db.query(
    `select to_jsonb(w) as row from workspaces w union all select to_jsonb(p) from workspace_phones p
     union all select to_jsonb(a) from workspace_agents a union all select to_jsonb(r) from credit_rates r
     union all select to_jsonb(s) from settings s`,
  );

const rate = ['--from', '2025-10-01T00:00:00Z'];

describe('bad input', () => {
  it.each([
    [['rates', 'add', '-0.1', ...rate], /the rate "-0.1" is negative. .*0\.00003/],
    [['rates', 'add', 'cheap', ...rate], /the rate "cheap" is no number. .*0\.00003/],
    [['rates', 'add', 'NaN', ...rate], /the rate "NaN" is no number/],
    [['rates', 'add', '1,5', ...rate], /the rate "1,5" is no number/],
    [['rates', 'add', '0.1', '--from', 'yesterday'], /--from is "yesterday".*2025/],
    [['rates', 'add', '0.1'], /--from/],
    [['rates', 'remove', ...rate], /no rate begins at 2025-10-01T00:00:00Z. See: hourledger rates list/],
    [['workspaces', 'rename', '77', 'New'], /there is no workspace 77/],
    [['workspaces', 'rename', '4', 'FIVE'], /there is a workspace 5 \(Five\) already/],
    [['workspaces', 'rename', '4', ' '], /the name " " is empty/],
    [['workspaces', 'rename', 'four', 'x'], /ID is "four", which is no workspace/],
    [['workspaces', 'merge', '4', '--into', '4'], /workspace 4 \(Four\) cannot be merged into itself/],
    [['workspaces', 'merge', '77', '--into', '4'], /there is no workspace 77/],
    [['workspaces', 'merge', '4', '--into', '77'], /--into: there is no workspace 77/],
    [
      ['workspaces', 'merge', '1', '--into', '4'],
      /workspace 1 \(Default\) cannot be merged: it is the default.*settings set default_workspace_id N/,
    ],
    [
      ['workspaces', 'delete', '1'],
      /cannot be deleted: it is the default.*settings set default_workspace_id N/,
    ],
    [['workspaces', 'delete', '77'], /there is no workspace 77/],
    [['agents', 'remove', 'agent_9'], /agent "agent_9" belongs to no workspace/],
    [['find', ' '], /" " is nothing to look for/],
    [['find', '+34001', '--limit', '0'], /--limit is "0"/],
    [['find', '+34001', '--after', 'CA9'], /no record "CA9"/],
  ])('%j is one line, exit code 2, and nothing written', async (args, words) => {
    const before = await mapping();
    const { code, stdout, stderr } = await hourledger(args, env);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: [^\n]+\n$/);
    expect(stderr).toMatch(words);
    expect(await mapping()).toEqual(before);
  });

  it('a mapping that overlaps another in time is refused, by the command and through SQL', async () => {
    await hourledger(['phones', 'add', '+34001', '--workspace', '4'], env);
    const again = await hourledger(['phones', 'add', '34001', '--workspace', '5', ...rate], env);
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/^error: number 34001 cannot be given to workspace 5 .*phones end[^\n]*\n$/);
    await expect(
      db.query(`insert into workspace_phones (phone_number, workspace_id) values ('sip:34001@host', 5)`),
    ).rejects.toMatchObject({ code: '23P01' });
  });

  it('a workspace is not deleted with what it has, and all of that is named', async () => {
    await db.query(
      `insert into workspace_phones (phone_number, workspace_id) values ('+34001', 4), ('+34002', 4)`,
    );
    await db.query(`insert into workspace_agents values ('agent_1', 4)`);
    await ledger.readDay(`run ${++runs}`, 'twilio', day, [
      stringifyJson(call('CA1', at, { from: '+34001' })),
    ]);
    const { code, stderr } = await hourledger(['workspaces', 'delete', '4'], env);
    expect(code).toBe(2);
    expect(stderr).toBe(
      'error: workspace 4 (Four) cannot be deleted: it has calls, 2 numbers, 1 agent. Move all of it with: hourledger workspaces merge 4 --into N\n',
    );
  });
});

describe('rates', () => {
  it('are added, listed and removed to the last digit', async () => {
    const price = '0.00003000000000000000000000001';
    const added = await hourledgerJson(['rates', 'add', price, ...rate], env);
    expect(added).toEqual({ validFrom: '2025-10-01T00:00:00Z', usdPerCredit: price, inserted: true });
    expect(await hourledgerJson(['rates', 'add', price, ...rate], env)).toMatchObject({ inserted: false });
    const other = await hourledger(['rates', 'add', '1', ...rate], env);
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toContain(
      'Remove that first with: hourledger rates remove --from 2025-10-01T00:00:00Z',
    );
    await hourledger(['rates', 'add', '0', '--from', '2025-11-01T00:00:00.5Z'], env);
    expect(await hourledgerJson(['rates', 'list'], env)).toEqual([
      { validFrom: '2025-11-01T00:00:00.5Z', usdPerCredit: '0' },
      { validFrom: '2025-10-01T00:00:00Z', usdPerCredit: price },
    ]);
    expect((await hourledger(['rates', 'remove', ...rate], env)).stdout).toContain(price);
    expect(await hourledgerJson(['rates', 'list'], env)).toHaveLength(1);
  });
});

describe('workspaces and agents', () => {
  it('a workspace is renamed, and deleted when it has nothing', async () => {
    expect((await hourledger(['workspaces', 'rename', '5', 'Fifth'], env)).stdout).toBe(
      'Renamed workspace 5 from Five to Fifth.\n',
    );
    expect((await hourledger(['workspaces', 'delete', '5'], env)).stdout).toBe(
      'Deleted workspace 5 (Fifth).\n',
    );
    expect(await hourledger(['workspaces', 'delete', '5'], env)).toMatchObject({ code: 2 });
  });

  it("an agent's conversations leave with it", async () => {
    const agent = 'agent_01demo4solarsales0000000000';
    await hourledger(['agents', 'add', agent, '--workspace', '4'], env);
    await ledger.readDay(`run ${++runs}`, 'elevenlabs', day, [stringifyJson(conversation('conv_1', at))]);
    await ledger.drain();
    const workspaces = () => db.query('select workspace_id from elevenlabs_snapshots');
    expect(await workspaces()).toEqual([{ workspace_id: 4 }]);
    expect(await hourledgerJson(['agents', 'remove', agent], env)).toMatchObject({ workspaceId: 4 });
    await ledger.drain();
    expect(await workspaces()).toEqual([{ workspace_id: 1 }]);
  });
});

describe('workspaces merge', () => {
  const lead = '+57100';
  const calls = [
    call('CA1', at, { from: '+34001', to: lead }),
    call('CA2', at, { direction: 'trunking-originating', from: lead, to: 'sip:+9@host' }),
    call('CA3', at, { direction: 'outbound-dial', from: 'client:a', to: '+9', parent_call_sid: 'CA2' }),
    call('CA4', '2025-09-01T15:10:00Z', { from: '+34001' }),
    call('CA5', at, { from: '+34005' }),
    call('CA6', at, { from: '+34999' }),
  ].map(stringifyJson);
  const conversations = [
    { ...conversation('conv_1', at), agent_id: 'agent_4' },
    {
      ...conversation('conv_2', at, {
        phone_call: {
          type: 'twilio',
          direction: 'outbound',
          agent_number: null,
          external_number: lead,
          call_sid: 'CA3',
        },
      }),
      agent_id: null,
    },
  ].map(stringifyJson);

  beforeEach(async () => {
    await db.query(`insert into workspace_phones (phone_number, workspace_id, valid_from, valid_to) values
      ('+34001', 4, '2025-10-01Z', null), ('+34001', 5, null, '2025-10-01Z'), ('+34005', 5, null, null)`);
    await db.query(`insert into workspace_agents values ('agent_4', 4)`);
    await ledger.readDay(`run ${++runs}`, 'twilio', '2025-09-01', calls.slice(3, 4));
    await ledger.readDay(
      `run ${++runs}`,
      'twilio',
      day,
      calls.filter((_, index) => index !== 3),
    );
    await ledger.readDay(`run ${++runs}`, 'elevenlabs', day, conversations);
    await ledger.drain();
    await db.query(
      `insert into calls (id, source, workspace_id, call_date) values ('adopted', 'elevenlabs', 4, '${at}')`,
    );
  });

  const expected = () =>
    expectedTables({
      calls,
      conversations,
      mapping: {
        workspaces: [],
        workspace_phones: [
          { phone_number: '+34001', workspace_id: 5, valid_from: null, valid_to: null },
          { phone_number: '+34005', workspace_id: 5, valid_from: null, valid_to: null },
        ],
        workspace_agents: [{ agent_id: 'agent_4', workspace_id: 5 }],
        credit_rates: [],
      },
    });

  async function expectMerged(): Promise<void> {
    await db.query(`delete from calls where id = 'adopted' and workspace_id = 5`);
    await ledger.drain();
    expect(await ledger.tables()).toEqual(expected());
    expect(await db.query('select id from workspaces order by id')).toEqual([{ id: 1 }, { id: 5 }]);
    expect(await db.query('select * from hourledger.dirty_keys')).toEqual([]);
  }

  it('moves numbers, agents, records and adopted rows without a worker, and the tables are what they must be', async () => {
    const merged = await hourledgerJson(['workspaces', 'merge', '4', '--into', '5'], env);
    expect(merged).toEqual({ from: 4, into: 5, numbers: 1, agents: 1, adopted: 1, conflicts: [] });
    await expectMerged();
    const kept = await db.query(
      `select operation from mapping_changes where table_name = 'workspaces' and old_row ->> 'id' = '4' order by id desc limit 1`,
    );
    expect(kept).toEqual([{ operation: 'DELETE' }]);
  });

  it('goes on where it was stopped, also when somebody has given the workspace a number meanwhile', async () => {
    expect(await ledger.call('merge_workspaces', { p_from: 4, p_into: 5, p_limit: 1 })).toMatchObject({
      merged: false,
    });
    await db.query(`insert into workspace_phones (phone_number, workspace_id) values ('+34777', 4)`);
    const { stdout } = await hourledger(['workspaces', 'merge', '4', '--into', '5'], env);
    expect(stdout).toBe('Merged workspace 4 into 5, with 1 number, 0 agents and all records.\n');
    await expectMerged();
    const again = await hourledger(['workspaces', 'merge', '4', '--into', '5'], env);
    expect(again).toMatchObject({ code: 2 });
    expect(again.stderr).toContain('there is no workspace 4');
  });

  it('names the numbers that are in conflict, and says what does not move', async () => {
    await db.query(
      `insert into workspace_phones (phone_number, workspace_id, in_conflict) values ('+34005', 4, true)`,
    );
    await db.query(`alter table twilio_snapshots add constraint refused check (workspace_id <> 5) not valid`);
    await db.query(`alter table calls add constraint refused check (workspace_id <> 5) not valid`);
    const stuck = await hourledger(['workspaces', 'merge', '4', '--into', '5'], env);
    await db.query(
      'alter table twilio_snapshots drop constraint refused; alter table calls drop constraint refused',
    );
    expect(stuck.code).not.toBe(0);
    expect(stuck.stderr).toMatch(/error: [^\n]*refused/);
    await db.query(
      'update hourledger.dirty_keys set set_aside = null; update hourledger.dirty_hours set set_aside = null',
    );
    const merged = await hourledgerJson(['workspaces', 'merge', '4', '--into', '5'], env);
    expect(merged).toMatchObject({ conflicts: ['+34005'] });
    await expectMerged();
  });
});

describe('find', () => {
  it('shows the records, the workspace and why; with --json one document', async () => {
    await hourledger(['phones', 'add', '+34001', '--workspace', '4'], env);
    const texts = ['CA1', 'CA2', 'CA3'].map((sid) => stringifyJson(call(sid, at, { from: '+34001' })));
    await ledger.readDay(`run ${++runs}`, 'twilio', day, texts);
    await ledger.drain();
    const { stdout } = await hourledger(['find', '+34001', '--limit', '2'], env);
    expect(stdout).toBe(
      [
        '+34001 belongs to workspace 4 (Four)',
        '2025-10-04T15:10:00Z  call CA3  +34001 -> +12125550101  completed, 0.01400 USD',
        '    workspace 4 (Four), from-number: called from +34001: +34001 belongs to workspace 4 (Four) at all times',
        '2025-10-04T15:10:00Z  call CA2  +34001 -> +12125550101  completed, 0.01400 USD',
        '    workspace 4 (Four), from-number: called from +34001: +34001 belongs to workspace 4 (Four) at all times',
        '1 more record: hourledger find +34001 --after CA2',
        '',
      ].join('\n'),
    );
    const found = await hourledgerJson(['find', 'CA1'], env);
    expect(found).toMatchObject({ records: [{ id: 'CA1', cost: '0.01400', workspaceId: 4 }], more: 0 });
  });

  it('ends with 1 and one line where nothing is known', async () => {
    const { code, stdout, stderr } = await hourledger(['find', 'CA-nowhere'], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^error: no number, call or conversation "CA-nowhere" [^\n]+hourledger status\n$/);
  });
});
