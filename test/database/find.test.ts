// Why a record belongs where it does: what find says is what assigned it, in every world.
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringifyJson, type JsonObject } from '../../simulator/json-text.js';
import { Cleaner, Player } from '../laws/play.js';
import { steps, world } from '../laws/random-worlds.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

interface Found {
  records: {
    id: string;
    workspaceId: number;
    rule: string;
    isPending: boolean;
    decision: Record<string, unknown> & { workspaceId: number; rule: string; why: string };
  }[];
  more: number;
  owners: unknown[];
  rejected: { reason: string }[];
}

const worlds = 40;
const day = '2025-10-04';
const at = '2025-10-04T15:10:00Z';
const number = '+34001';
const lead = '+57100';

const find = (ledger: LedgerWorld, what: string, after: string | null = null, limit = 20): Promise<Found> =>
  ledger.call('find_records', { p_what: what, p_after: after, p_limit: limit });

let database: TestDatabase;
let ledger: LedgerWorld;
/** A page that was merged once is not merged again. */
let runs = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database);
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

it('in random worlds the explanation of each record agrees with its assignment', async () => {
  const cleaner = await Cleaner.open(database);
  const property = fc.asyncProperty(world, steps, fc.nat(1000), async (given, played, order) => {
    await cleaner.empty(given);
    const player = new Player(ledger, given);
    await player.play(played);
    await player.finish(order);
    const ids = await ledger.rows<{ id: string }>(
      'select id from calls union all select conversation_id from elevenlabs_conversations',
    );
    for (const { id } of ids) {
      const record = (await find(ledger, id)).records.find((one) => one.id === id);
      expect(record).toMatchObject({ isPending: false });
      expect(record!.decision).toMatchObject({ workspaceId: record!.workspaceId, rule: record!.rule });
      expect(record!.decision.why).toMatch(/.{10}/);
    }
  });
  await fc.assert(property, { numRuns: worlds });
  await cleaner.empty({
    calls: [],
    conversations: [],
    phones: [],
    agents: [],
    settings: { ledger_currency: 'USD', default_workspace_id: 1 },
  });
  await cleaner.close();
});

describe('the reason', () => {
  const text = (sid: string, fields: JsonObject = {}, start = at) => stringifyJson(call(sid, start, fields));
  const phone = (agent: string | null, sid: string | null) => ({
    phone_call: {
      type: 'twilio',
      direction: 'outbound',
      agent_number: agent,
      external_number: lead,
      call_sid: sid,
    },
  });

  beforeEach(async () => {
    await database.query(
      'delete from calls; delete from elevenlabs_conversations; delete from rejected_records',
    );
    await database.query('delete from workspace_phones; delete from workspace_agents; delete from sync_days');
    await database.query(`insert into workspaces (id, name) values (4, 'Four'), (5, 'Five')
      on conflict (id) do update set name = excluded.name`);
    await database.query(`insert into workspace_phones (phone_number, workspace_id, valid_from) values
      ('${number}', 4, '2025-10-01Z')`);
  });

  async function read(calls: string[], conversations: string[] = []): Promise<void> {
    await ledger.readDay(`run ${++runs}`, 'twilio', day, calls);
    await ledger.readDay(`run ${++runs}`, 'elevenlabs', day, conversations);
    await ledger.drain();
  }

  const decisionOf = async (id: string) =>
    (await find(ledger, id)).records.find((one) => one.id === id)!.decision;

  it('names the mapping of the number', async () => {
    await read([text('CA1', { from: number })]);
    expect(await decisionOf('CA1')).toMatchObject({
      rule: 'from-number',
      workspaceId: 4,
      decidingCall: 'CA1',
      phone: { phoneNumber: number, workspaceId: 4, validFrom: '2025-10-01T00:00:00Z', validTo: null },
      why: `called from ${number}: ${number} belongs to workspace 4 (Four) from 2025-10-01T00:00:00Z on`,
    });
  });

  it('names the matched call of a transfer, and the parent that decided', async () => {
    await read([
      text('CA1', { from: number, to: lead }, '2025-10-04T15:00:00Z'),
      text('CA2', { from: number, to: lead }, '2025-10-04T12:00:00Z'),
      text('CA3', { direction: 'trunking-originating', from: lead, to: 'sip:+9@host' }),
      text('CA4', { direction: 'outbound-dial', from: 'client:a', to: '+9', parent_call_sid: 'CA3' }),
    ]);
    expect(await decisionOf('CA3')).toMatchObject({ rule: 'transfer', matchedCall: 'CA1', workspaceId: 4 });
    expect((await decisionOf('CA3')).why).toBe(
      `of all calls to the lead ${lead}, CA1 ended nearest in time (2025-10-04T15:01:00Z; this one 2025-10-04T15:11:00Z), ` +
        `and ${number} belongs to workspace 4 (Four) from 2025-10-01T00:00:00Z on`,
    );
    expect(await decisionOf('CA4')).toMatchObject({
      rule: 'parent',
      decidingCall: 'CA3',
      parents: ['CA3'],
      matchedCall: 'CA1',
    });
  });

  it('says why nothing decided: nobody owned the number, a parent is not stored, parents in a circle', async () => {
    await read([
      text('CA1', { from: number }, '2025-09-30T23:59:59Z'),
      text('CA2', { from: '+34999' }),
      text('CA3', { direction: 'outbound-dial', from: 'client:a', parent_call_sid: 'CA-nowhere' }),
      text('CA4', { direction: 'outbound-dial', from: 'client:a', parent_call_sid: 'CA5' }),
      text('CA5', { direction: 'outbound-dial', from: 'client:a', parent_call_sid: 'CA4' }),
    ]);
    expect((await decisionOf('CA2')).why).toBe(
      `called from +34999: nobody owned +34999 at ${at}: the default workspace`,
    );
    expect((await decisionOf('CA3')).why).toContain('CA-nowhere is not stored: the default workspace');
    expect((await decisionOf('CA4')).why).toContain('its parents meet themselves at CA4');
  });

  it("of a conversation is its agent's number, the agent, or the call that carried it", async () => {
    await database.query(`insert into workspace_agents values ('agent_01demo4solarsales0000000000', 5)`);
    await read(
      [text('CA1', { from: number, to: lead })],
      [
        stringifyJson(conversation('conv_1', at, phone(number, 'CA1'))),
        stringifyJson(conversation('conv_2', at, phone('+34999', 'CA1'))),
        stringifyJson({ ...conversation('conv_3', at, phone(null, 'CA1')), agent_id: 'agent_2' }),
        stringifyJson({ ...conversation('conv_4', at, phone(null, 'CA9')), agent_id: 'agent_2' }),
      ],
    );
    expect(await decisionOf('conv_1')).toMatchObject({ rule: 'agent-number', workspaceId: 4 });
    expect((await decisionOf('conv_2')).why).toBe(
      `nobody owned +34999 at ${at}, and its agent agent_01demo4solarsales0000000000 belongs to workspace 5 (Five)`,
    );
    expect(await decisionOf('conv_3')).toMatchObject({ rule: 'call', decidingCall: 'CA1', workspaceId: 4 });
    expect((await decisionOf('conv_4')).why).toContain('the call CA9 that carried it is not stored');
    const ofCall = await find(ledger, 'CA1');
    expect(ofCall.records.map(({ id }) => id).sort()).toEqual(['CA1', 'conv_1', 'conv_2', 'conv_3']);
  });

  it('says that a record is still to move when the facts have changed and nothing was drained yet', async () => {
    await read([text('CA1', { from: number })]);
    await database.query('update workspace_phones set workspace_id = 5');
    const [record] = (await find(ledger, 'CA1')).records;
    expect(record).toMatchObject({ workspaceId: 4, isPending: true, decision: { workspaceId: 5 } });
    await ledger.drain();
    expect((await find(ledger, 'CA1')).records).toMatchObject([{ workspaceId: 5, isPending: false }]);
  });

  it('a number is found on both sides and in each form, newest first, page by page', async () => {
    await read(
      [
        text('CA1', { from: lead, to: lead }, '2025-10-04T10:00:00Z'),
        text('CA2', { to: 'sip:57100@host' }, '2025-10-04T11:00:00Z'),
        text('CA3', { from: lead, direction: 'inbound' }, '2025-10-04T11:00:00Z'),
      ],
      [stringifyJson(conversation('conv_1', '2025-10-04T12:00:00Z', phone(number, null)))],
    );
    const order = ['conv_1', 'CA3', 'CA2', 'CA1'];
    expect((await find(ledger, lead)).records.map(({ id }) => id)).toEqual(order);
    const pages: string[] = [];
    let after: string | null = null;
    for (let left = 4; left > 0; left--) {
      const page: Found = await find(ledger, '57100', after, 1);
      expect(page.more).toBe(left - 1);
      after = page.records[0]!.id;
      pages.push(after);
    }
    expect(pages).toEqual(order);
    await expect(find(ledger, lead, 'CA-nowhere')).rejects.toThrow('there is no record "CA-nowhere"');
  });

  it('a rejected record is found with its reason', async () => {
    await read([text('CA-bad', { price: 'much' })]);
    expect(await find(ledger, 'CA-bad')).toMatchObject({ records: [], rejected: [{ id: 'CA-bad' }] });
  });
});
