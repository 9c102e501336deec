// The races of a changing mapping with merges and drains, stepped by hand on two connections.
import { expect, it } from 'vitest';
import { stringifyJson } from '../../simulator/json-text.js';
import { call } from '../simulator/records.js';
import {
  at,
  begin,
  commit,
  database,
  day,
  lead,
  map,
  number,
  one,
  prepareRaces,
  snapshots,
  spoken,
  stage,
  text,
  three,
  two,
  waitUntilBlocked,
  workspaceOf,
} from '../support/races.js';
import { waitFor } from '../support/wait-for.js';

prepareRaces();

it('a change of the mapping waits for a merge that is open, and moves what that merge wrote', async () => {
  await map(one, 2);
  await one.drain();
  await begin(one);
  await one.merge(await stage(one, 'merge', [text('CA1', { from: number, price: '-1' })]));
  const changed = map(two, 3);
  await waitUntilBlocked();
  await commit(one);
  await changed;
  expect(await workspaceOf('CA1')).toBe(2);
  await two.drain();
  expect(await workspaceOf('CA1')).toBe(3);
  expect(await snapshots()).toEqual(['3: 1, 1']);
});

it('a merge waits for no change of the mapping, and what it wrote meanwhile moves once it can be seen', async () => {
  await begin(two);
  await map(two, 3);
  await begin(one);
  await one.merge(await stage(one, 'merge', [text('CA1', { from: number, price: '-1' })]));
  await commit(two);
  await two.drain();
  await commit(one);
  expect(await workspaceOf('CA1')).toBe(1);
  await two.drain();
  expect(await workspaceOf('CA1')).toBe(3);
  expect(await snapshots()).toEqual(['3: 1, 1']);
});

it('what a person inserts behind a merge, in its transaction, was not decided by it', async () => {
  await map(one, 2);
  await one.drain();
  await begin(one);
  await one.merge(await stage(one, 'merge', [text('CA1', { from: number, price: '-1' })]));
  await one.rows(
    `insert into calls (id, workspace_id, direction, phone_from, call_date) values ('CA2', 3, 'outbound-api', $1, $2)`,
    [number, at],
  );
  await commit(one);
  await one.drain();
  expect([await workspaceOf('CA1'), await workspaceOf('CA2')]).toEqual([2, 2]);
});

it('the same for a conversation', async () => {
  const workspaces = () =>
    database.query('select workspace_id from elevenlabs_conversations order by conversation_id');
  await map(one, 2);
  await one.drain();
  await begin(one);
  await one.readDay('details', 'elevenlabs', day, [spoken('conv_1', number)]);
  const changed = map(two, 3);
  await waitUntilBlocked();
  await commit(one);
  await changed;
  await two.drain();
  expect(await workspaces()).toEqual([{ workspace_id: 3 }]);
  await begin(two);
  await map(two, 2);
  await begin(one);
  await one.readDay('more', 'elevenlabs', day, [spoken('conv_2', number)]);
  await commit(two);
  await two.drain();
  await commit(one);
  await two.drain();
  expect(await workspaces()).toEqual([{ workspace_id: 2 }, { workspace_id: 2 }]);
});

it('a mapping that is not committed yet when the record is drained moves it once it is', async () => {
  await one.merge(await stage(one, 'merge', [text('CA1', { from: number, price: '-1' })]));
  await begin(two);
  await map(two, 3);
  await one.drain();
  expect(await snapshots()).toEqual(['1: 1, 1']);
  await commit(two);
  await one.drain();
  expect(await snapshots()).toEqual(['3: 1, 1']);
});

it('a transfer and the call that it belongs to, in two merges that do not see each other', async () => {
  await map(one, 2);
  await stage(one, 'transfer', [
    text('CA-transfer', { direction: 'trunking-originating', from: lead, to: 'sip:+9@host', price: '-1' }),
  ]);
  await stage(
    two,
    'match',
    [stringifyJson(call('CA-match', '2025-10-05T10:00:00Z', { from: number, to: lead, price: '-2' }))],
    '2025-10-05',
  );
  for (const order of [
    [one, two],
    [two, one],
  ] as const) {
    await begin(one);
    await begin(two);
    await one.merge('transfer');
    await two.merge('match');
    await commit(order[0]);
    await order[0].drain();
    await commit(order[1]);
    await order[0].drain();
    expect([await workspaceOf('CA-transfer'), await workspaceOf('CA-match')]).toEqual([2, 2]);
    await database.query('delete from calls');
    await one.drain();
    await stage(one, 'transfer', []);
    for (const page of ['transfer', 'match']) {
      await database.query('update hourledger.staged_pages set merged_counts = null where page_id = $1', [
        page,
      ]);
    }
    const records = {
      transfer: text('CA-transfer', {
        direction: 'trunking-originating',
        from: lead,
        to: 'sip:+9@host',
        price: '-1',
      }),
      match: stringifyJson(call('CA-match', '2025-10-05T10:00:00Z', { from: number, to: lead, price: '-2' })),
    };
    for (const [page, record] of Object.entries(records)) {
      await database.query(
        'insert into hourledger.staged_texts values ($1, $2) on conflict (page_id) do update set body = $2',
        [page, `[${record}]`],
      );
    }
  }
});

it('a drain that decided by an older mapping does not have the last word', async () => {
  await one.merge(await stage(one, 'merge', [text('CA1', { from: number })]));
  await one.drain();
  await map(one, 2);
  await begin(one);
  while ((await one.classifyDirt()).taken > 0);
  // The call is on its way to workspace 2, uncommitted. Meanwhile nobody owns the number any more.
  await two.rows('delete from workspace_phones');
  const other = two.drain();
  await waitFor(async () => (await database.query('select from hourledger.dirty_keys')).length > 0);
  await commit(one);
  await other;
  await one.drain();
  expect(await workspaceOf('CA1')).toBe(1);
  expect(await snapshots()).toEqual(['1: 1, 0.01400']);
});

it.each([
  ['calls', 'id'],
  ['elevenlabs_conversations', 'conversation_id'],
])('an assignment of %s that waited does not write what was decided before', async (table, key) => {
  const numbers = { R1: '+34001', R2: '+34002' };
  const [source, records] =
    table === 'calls'
      ? (['twilio', Object.entries(numbers).map(([id, from]) => text(id, { from }))] as const)
      : (['elevenlabs', Object.entries(numbers).map(([id, agent]) => spoken(id, agent))] as const);
  await one.readDay('both', source, day, records);
  await one.drain();
  await one.rows(
    `insert into workspace_phones (phone_number, workspace_id) values ('+34001', 2), ('+34002', 2)`,
  );
  await one.classifyDirt();
  await begin(three);
  await three.rows(`select from ${table} where ${key} = 'R1' for update`);
  const waiting = one.classifyDirt();
  await waitUntilBlocked();
  await two.rows(`update workspace_phones set workspace_id = 3 where digits = '34002'`);
  while ((await two.classifyDirt()).taken > 0);
  await commit(three);
  await waiting;
  const rows = await database.query(`select ${key} as id, workspace_id as of from ${table} order by 1`);
  expect(rows).toEqual([
    { id: 'R1', of: 2 },
    { id: 'R2', of: 3 },
  ]);
});
