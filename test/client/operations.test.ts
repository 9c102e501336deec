/** `regenerate`, `clear`, `reclassify` and `reconcile` as people type them, on the real parts. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { call } from '../simulator/records.js';
import { expectTables } from '../end-to-end/expect-tables.js';
import { startSystem, type System } from '../support/system.js';
import { hourledger, hourledgerJson } from './cli.js';

const world = generateWorld({ calls: 400, days: 2, from: '2025-03-01' });
const range = ['--from', '2025-03-01', '--to', '2025-03-02'];
const twilio = ['--source', 'twilio'];
let system: System;

beforeAll(async () => {
  system = await startSystem({ world, mapping: demoMapping, sources: ['twilio'] });
  await system.startWorker();
  await system.backfill({ source: 'twilio', from: '2025-03-01', to: '2025-03-02' });
});

afterAll(() => system.close());

const run = (...args: string[]) => hourledger(args, system.env);
const count = async () =>
  Number((await system.db.query('select count(*) as n from twilio_snapshots'))[0]!['n']);

it('clear says what it would delete and does nothing without --yes; with it, verify counts the hours apart', async () => {
  const before = await count();
  const asked = await run('clear', ...twilio);
  expect(asked).toMatchObject({ code: 2, stdout: '' });
  expect(asked.stderr).toMatch(
    /would delete \d+ twilio snapshots of \d+ workspaces, from 2025-03-01T.*add --yes/,
  );
  expect(await count()).toBe(before);
  const cleared = await run('clear', ...twilio, '--yes');
  expect(cleared).toMatchObject({ code: 0, stdout: `Cleared ${before} snapshots.\n` });
  expect(await count()).toBe(0);
  const verified = await hourledgerJson<object>(['verify'], system.env);
  expect(verified).toMatchObject({ hours: 0, clearedHours: before, pendingHours: 0, differing: 0 });
  expect(await run('regenerate', ...twilio, ...range)).toMatchObject({ code: 0 });
  await expectTables(system.db, world);
  expect((await run('verify')).stdout).toContain(`Checked ${before} snapshots: all equal their raw rows`);
});

it('reclassify takes numbers or everything, and prints what it did', async () => {
  expect(await run('reclassify', '+12125550101')).toMatchObject({
    code: 0,
    stdout: 'Assigned what 1 number decide anew.\n',
  });
  expect(await hourledgerJson<object>(['reclassify'], system.env)).toMatchObject({
    workflowId: 'reclassify-all',
    records: 400,
    setAside: [],
  });
});

it('reconcile prints both sides, and ends with 1 when a drift remains', async () => {
  const fine = await run('reconcile', ...twilio, ...range);
  expect(fine.code).toBe(0);
  expect(fine.stdout).toMatch(/^2025-03-01 +\d+ +\d+ +0 /m);
  world.addCall(call('CA-extra', '2025-03-01T10:00:00Z'));
  await run('reconcile', ...twilio, ...range);
  await expectTables(system.db, world);
  world.removeCall('CA-extra');
  const drifting = await hourledger(['reconcile', ...twilio, ...range, '--json'], system.env);
  expect(drifting.code).toBe(1);
  expect(JSON.parse(drifting.stdout)).toMatchObject({
    drifting: ['2025-03-01'],
    figures: [
      { day: '2025-03-01', driftRecords: -1, explanation: { unknownThere: { ids: ['CA-extra'] } } },
      {},
    ],
  });
});

it.each([
  [['regenerate', ...twilio, '--workspace', '99'], 'there is no workspace 99'],
  [['clear', ...twilio, '--workspace', '99', '--yes'], 'there is no workspace 99'],
  [
    ['clear', ...twilio, '--from', '2025-03-02', '--to', '2025-03-01', '--yes'],
    'Give the earlier day as --from',
  ],
  [['regenerate'], '--source'],
  [['reclassify', 'anonymous'], '"anonymous", which is no phone number'],
  [['reconcile', ...twilio, '--from', '2025-03-01', '--to', '2999-01-01'], 'in the future'],
])('%j is refused in one line with exit code 2', async (args, line) => {
  const { code, stdout, stderr } = await run(...args);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(line);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});
