/** The provider's own figures beside the ledger's, on the real parts: what drifts is fetched again, what remains is shown. */
import { afterEach, expect, test } from 'vitest';
import type { Source } from '../../activities/types.js';
import { demoCredentials, demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { usageRecords } from '../../simulator/usage.js';
import { call } from '../simulator/records.js';
import { startSystem, type System } from '../support/system.js';
import { expectTables } from './expect-tables.js';

let system: System | null = null;

afterEach(async () => {
  await system?.close();
  system = null;
});

const march = { from: '2025-03-01', to: '2025-03-04' };

async function reconcile(source: Source): Promise<unknown> {
  const handle = await system!.start('reconcile', { source, ...march });
  const result: unknown = await handle.result();
  return result;
}

interface Line {
  day: string;
  drift_records: string;
  drift_cost: string | null;
  drift_explanation: Record<string, { count: number; ids: string[] }>;
}

async function lines(source: Source): Promise<Line[]> {
  return system!.db.query<Line & Record<string, unknown>>(
    `select day::text, drift_records, drift_cost::text, drift_explanation from sync_days
     where source = $1 and reconciled_at is not null order by day`,
    [source],
  );
}

test('what Twilio bills is what the ledger has, and a change of settled calls is found and mended', async () => {
  const world = generateWorld({ calls: 2_500, days: 3, from: march.from });
  system = await startSystem({ world, mapping: demoMapping, sources: ['twilio'] });
  await system.startWorker();
  await system.backfill({ source: 'twilio', ...march });
  system.simulator.stats.reset();
  expect(await reconcile('twilio')).toMatchObject({ days: 4, fetchedAgain: 0, drifting: [] });
  const { requests } = system.simulator.stats;
  // The one list is asked to see whether the credentials are accepted.
  expect([requests.usage.total, requests.calls.total]).toEqual([6, 1]);
  expect((await lines('twilio')).map((line) => [line.drift_records, Number(line.drift_cost)])).toEqual(
    [1, 2, 3, 4].map(() => ['0', 0]),
  );

  world.upsertCall('CA-late', call('CA-late', '2025-03-02T23:59:59Z', { price: '-0.30000000000000000001' }));
  expect(await reconcile('twilio')).toMatchObject({ days: 4, fetchedAgain: 1, drifting: [] });
  await expectTables(system.db, world);
  expect((await lines('twilio')).every((line) => Number(line.drift_cost) === 0)).toBe(true);
}, 120_000);

test('what remains of a drift is shown to the last digit, with the ids that explain it', async () => {
  const world = generateWorld({ calls: 300, days: 1, from: march.from });
  world.addCall(call('CA-bad', '2025-03-01T10:00:00Z', { price: '-0.5', duration: 'x' }));
  world.addCall(call('CA-gone', '2025-03-01T11:00:00Z', { price: '-0.25000000000000000001' }));
  world.addCall(call('CA-unpriced', '2025-03-01T12:00:00Z', { price: null }));
  system = await startSystem({ world, mapping: demoMapping, sources: ['twilio'] });
  await system.startWorker();
  await system.backfill({ source: 'twilio', ...march });
  world.removeCall('CA-gone');
  expect(await reconcile('twilio')).toMatchObject({ fetchedAgain: 1, drifting: ['2025-03-01'] });
  const [line] = await lines('twilio');
  // One more there, which cannot be stored; one less, which is not listed any more and is kept.
  expect(line).toMatchObject({
    drift_records: '0',
    drift_cost: '0.24999999999999999999',
    drift_explanation: {
      missingHere: { count: 1, ids: ['CA-bad'] },
      rejected: { count: 1, ids: ['CA-bad'] },
      unknownThere: { count: 1, ids: ['CA-gone'] },
    },
  });
  expect(line!.drift_explanation['notPriced']!.ids).toContain('CA-unpriced');
  const rows = await system.db.query(`select * from jsonb_array_elements(
    read_reconciliation('twilio', '2025-03-01', '2025-03-01', null, 10)) r`);
  expect(rows).toMatchObject([{ value: { driftCost: '0.24999999999999999999', currency: 'USD' } }]);
}, 120_000);

test('conversations are compared by the ids of the list, and a drift asks for settled ones too', async () => {
  const world = generateWorld({ calls: 0, conversations: 150, days: 2, from: march.from });
  system = await startSystem({ world, mapping: demoMapping, sources: ['elevenlabs'] });
  await system.startWorker();
  await system.backfill({ source: 'elevenlabs', ...march });
  system.simulator.stats.reset();
  expect(await reconcile('elevenlabs')).toMatchObject({ days: 4, fetchedAgain: 0, drifting: [] });
  expect(system.simulator.stats.requests.conversation.total).toBe(0);

  const { db } = system;
  const [lost] = await db.query<{ id: string }>(
    `delete from elevenlabs_conversations where conversation_id =
       (select max(conversation_id) from elevenlabs_conversations) returning conversation_id as id`,
  );
  expect(lost!.id).not.toBe('');
  expect(await reconcile('elevenlabs')).toMatchObject({ fetchedAgain: 1, drifting: [] });
  await expectTables(db, world);
}, 120_000);

test('usage that fills more than one page is read to its end', async () => {
  const world = generateWorld({ calls: 80, days: 4, from: march.from });
  system = await startSystem({ world, mapping: demoMapping, sources: ['twilio'] });
  await system.startWorker();
  await system.backfill({ source: 'twilio', ...march });
  const { accountSid } = demoCredentials.twilio;
  const [first, last] = [Date.parse(march.from), Date.parse(march.to)];
  const records = usageRecords(world, accountSid, ['calls'], first, last);
  expect(records).toHaveLength(4);
  const page = (shown: string[], token: string | null) => {
    const next = `/2010-04-01/Accounts/${accountSid}/Usage/Records/Daily.json?PageToken=${token}`;
    return `{"usage_records":[${shown.join(',')}],"next_page_uri":${token === null ? 'null' : JSON.stringify(next)}}`;
  };
  const bodies = {
    'PageToken=second': page(records.slice(1, 3), 'third'),
    'PageToken=third': page(records.slice(3), null),
    'Category=calls&': page(records.slice(0, 1), 'second'),
  };
  for (const [path, body] of Object.entries(bodies))
    system.simulator.faults.add({ kind: 'status', status: 200, request: 'usage', path, body });
  system.simulator.stats.reset();
  expect(await reconcile('twilio')).toMatchObject({ days: 4, fetchedAgain: 0, drifting: [] });
  expect(system.simulator.stats.requests.usage.total).toBe(8);
});
