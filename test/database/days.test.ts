// Days: their states, and which of them a backfill and a daily sync take on.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { num, stringifyJson } from '../../simulator/json-text.js';
import { call, conversation } from '../simulator/records.js';
import { LedgerWorld } from '../support/ledger-world.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';

let database: TestDatabase;
let ledger: LedgerWorld;

beforeAll(async () => {
  database = await createTestDatabase();
  ledger = await LedgerWorld.open(database, `set timezone = 'America/St_Johns'`);
});

beforeEach(async () => {
  await database.query('delete from calls; delete from rejected_records; delete from sync_days');
  await database.query('delete from hourledger.runs; update settings set lookback_days = 2');
});

afterAll(async () => {
  await ledger.close();
  await database.close();
});

async function stateOf(day: string): Promise<string | undefined> {
  const [row] = await ledger.rows<{ state: string }>('select state from sync_days where day = $1', [day]);
  return row?.state;
}

async function complete(runId: string, days: string[]): Promise<void> {
  await ledger.beginDays(runId, 'twilio', days);
  await ledger.completeDays(runId, 'twilio', days);
}

function fail(runId: string, days: string[]): Promise<unknown> {
  const errors = days.map((day) => `${day} cannot be read`);
  const args = { p_source: 'twilio', p_days: days, p_errors: errors, p_workflow_id: 'w', p_run_id: runId };
  return ledger.call('fail_days', args);
}

/** The UTC day that lies so many days before now. */
async function daysAgo(days: number): Promise<string> {
  const [row] = await ledger.rows<{ day: string }>(
    `select ((now() at time zone 'UTC')::date - $1::integer)::text as day`,
    [days],
  );
  return row!.day;
}

describe('states', () => {
  it('a day goes from running to completed, or to failed, and from there to running again', async () => {
    const day = '2025-10-04';
    await ledger.beginDays('run-1', 'twilio', [day]);
    expect(await stateOf(day)).toBe('running');
    await fail('run-1', [day]);
    expect(await stateOf(day)).toBe('failed');
    await ledger.beginDays('run-2', 'twilio', [day]);
    expect(await stateOf(day)).toBe('running');
    await ledger.completeDays('run-2', 'twilio', [day]);
    expect(await stateOf(day)).toBe('completed');
    const [row] = await ledger.rows('select run_id, workflow_id, error from sync_days');
    expect(row).toEqual({ run_id: 'run-2', workflow_id: ledger.workflowId, error: null });
  });

  it('a completed day stays completed while it is read again, and when that fails', async () => {
    const day = '2025-10-04';
    await complete('run-1', [day]);
    await ledger.beginDays('run-2', 'twilio', [day]);
    expect(await stateOf(day)).toBe('completed');
    await fail('run-2', [day]);
    expect(await stateOf(day)).toBe('completed');
  });

  it('a day is open until its lookback has ended when its first request is asked', async () => {
    const [today, inLookback, over] = [await daysAgo(0), await daysAgo(2), await daysAgo(3)];
    await complete('run', [today, inLookback, over]);
    expect([await stateOf(today), await stateOf(inLookback), await stateOf(over)]).toEqual([
      'open',
      'open',
      'completed',
    ]);
    await ledger.call('set_setting', { p_key: 'lookback_days', p_value: '1' });
    await complete('run-2', [inLookback]);
    expect(await stateOf(inLookback)).toBe('completed');
  });

  it('a day whose first request came before it was over is open, however late the last page came', async () => {
    const day = await daysAgo(3);
    await ledger.beginDays('run', 'twilio', [day]);
    await database.query(`update hourledger.day_runs set first_asked_at = first_asked_at - interval '1 day'`);
    await ledger.beginDays('run', 'twilio', [day]);
    expect(await ledger.completeDays('run', 'twilio', [day])).toMatchObject({ days: 1, open: 1 });
    expect(await stateOf(day)).toBe('open');
  });

  it('counts what is not settled, at the end of the day', async () => {
    const records = ['a', 'b', 'c'].map((sid, index) =>
      stringifyJson(
        call(sid, '2025-10-04T23:59:59Z', {
          price: null,
          status: ['completed', 'busy', 'in-progress'][index]!,
        }),
      ),
    );
    await ledger.readDay('run', 'twilio', '2025-10-04', records);
    await ledger.completeDays('run', 'twilio', ['2025-10-04']);
    expect(await ledger.rows('select unsettled from sync_days')).toEqual([{ unsettled: '2' }]);
  });

  it('counts conversations as not settled that are not over, or have no cost', async () => {
    const cost = num('7');
    const records = [
      conversation('done', '2025-10-04T10:00:00Z', { cost }),
      conversation('without cost', '2025-10-04T10:00:00Z', { cost: null }),
      { ...conversation('not over', '2025-10-04T10:00:00Z', { cost }), status: 'processing' },
    ];
    await ledger.readDay('run', 'elevenlabs', '2025-10-04', records.map(stringifyJson));
    await ledger.completeDays('run', 'elevenlabs', ['2025-10-04']);
    expect(await ledger.rows('select unsettled from sync_days')).toEqual([{ unsettled: '2' }]);
    await database.query('delete from elevenlabs_conversations');
  });
});

describe('a backfill', () => {
  interface Plan {
    days: string[];
    total: number;
    more: boolean;
  }

  /** All days, page after page. */
  async function plan(reprocess: string, order: string, limit = 2): Promise<string[]> {
    const found: string[] = [];
    for (;;) {
      const answer: Plan = await ledger.call('plan_backfill', {
        ...{
          p_source: 'twilio',
          p_from: '2025-10-01',
          p_to: '2025-10-07',
          p_order: order,
          p_reprocess: reprocess,
        },
        ...{ p_after: found.at(-1) ?? null, p_limit: limit },
      });
      found.push(...answer.days);
      expect(answer.more).toBe(found.length < answer.total);
      if (!answer.more) return found;
    }
  }

  const dated = (...days: number[]) => days.map((day) => `2025-10-0${day}`);

  beforeEach(async () => {
    await complete('run-1', dated(2, 5));
    await fail('run-2', dated(3));
    await ledger.beginDays('run-3', 'twilio', dated(4));
    await database.query(
      `insert into sync_days (source, day, state) values ('twilio', '2025-10-06', 'open')`,
    );
    await ledger.call('plan_daily_sync', {
      ...{ p_source: 'twilio', p_nominal: '2025-10-08T00:00Z', p_lookback_days: 0 },
      ...{ p_workflow_id: 'w', p_run_id: 'daily' },
    });
    expect(await stateOf('2025-10-07')).toBe('planned');
  });

  it.each([
    ['none', dated(1, 7)],
    ['failed', dated(1, 3, 4, 6, 7)],
    ['completed', dated(1, 2, 3, 4, 5, 6, 7)],
  ])('with reprocess %s takes %j, in either order and any paging', async (reprocess, expected) => {
    for (const limit of [1, 2, 10]) {
      expect(await plan(reprocess, 'oldest-first', limit)).toEqual(expected);
      expect(await plan(reprocess, 'newest-first', limit)).toEqual([...expected].reverse());
    }
  });

  it('plans without writing anything', async () => {
    const before = await ledger.rows('select * from sync_days order by day');
    await plan('completed', 'oldest-first');
    expect(await ledger.rows('select * from sync_days order by day')).toEqual(before);
  });
});

describe('a daily sync', () => {
  const plan = (runId: string, nominal: string, lookback: number | null = 0): Promise<string[]> =>
    ledger.call('plan_daily_sync', {
      ...{ p_source: 'twilio', p_nominal: nominal, p_lookback_days: lookback },
      ...{ p_workflow_id: 'w', p_run_id: runId },
    });

  it('covers the UTC days that the 24 hours before its nominal time touch', async () => {
    expect(await plan('midnight', '2025-10-05T00:00:00Z')).toEqual(['2025-10-04']);
    expect(await plan('half past', '2025-10-05T00:30:00Z')).toEqual(['2025-10-04', '2025-10-05']);
    expect(await plan('late', '2025-10-05T23:59:59.999999Z')).toEqual(['2025-10-04', '2025-10-05']);
  });

  it("adds the lookback, the ledger's own where none is given", async () => {
    expect(await plan('given', '2025-10-05T00:00:00Z', 1)).toEqual(['2025-10-03', '2025-10-04']);
    expect(await plan('set', '2025-10-05T00:00:00Z', null)).toEqual([
      '2025-10-02',
      '2025-10-03',
      '2025-10-04',
    ]);
  });

  it('takes the days of an outage, and the same run gets the same days again', async () => {
    await plan('before', '2025-10-05T00:00:00Z');
    await complete('before', ['2025-10-04']);
    await complete('a backfill', ['2025-10-06']);
    await fail('a backfill', ['2025-10-07']);
    const expected = ['2025-10-05', '2025-10-07', '2025-10-08'];
    expect(await plan('after', '2025-10-09T00:00:00Z')).toEqual(expected);
    expect(await plan('after', '2025-10-09T00:00:00Z')).toEqual(expected);
  });

  it('takes days again that failed, were left open or planned, however old', async () => {
    await plan('old', '2025-09-04T00:00:00Z', 2);
    await fail('old', ['2025-09-01']);
    await complete('old', ['2025-09-02']);
    await plan('last', '2025-10-05T00:00:00Z');
    const between = (await plan('now', '2025-10-06T00:00:00Z')).filter((day) => day < '2025-09-05');
    expect(between).toEqual(['2025-09-01', '2025-09-03', '2025-09-04']);
  });

  it('has no gap to fill without an earlier daily sync: backfills alone do not count', async () => {
    await complete('a backfill', ['2025-08-01']);
    await fail('a backfill', ['2025-08-02']);
    expect(await plan('first', '2025-10-05T00:00:00Z')).toEqual(['2025-10-04']);
    expect(await plan('second', '2025-10-06T00:00:00Z')).toEqual(['2025-10-04', '2025-10-05']);
  });

  it('each source for itself', async () => {
    await plan('twilio', '2025-10-01T00:00:00Z');
    const other = { p_source: 'elevenlabs', p_nominal: '2025-10-05T00:00:00Z', p_lookback_days: 0 };
    const run = { p_workflow_id: 'w', p_run_id: 'elevenlabs' };
    expect(await ledger.call('plan_daily_sync', { ...other, ...run })).toEqual(['2025-10-04']);
  });
});

describe('records to ask again', () => {
  const nominal = '2025-10-20T00:00:00Z';

  it('are those not settled and those rejected, 14 days at most, each once a run, least recently asked first', async () => {
    const unpriced = (sid: string, at: string) => stringifyJson(call(sid, at, { price: null }));
    await ledger.readDay('r', 'twilio', '2025-10-06', [
      unpriced('just in', '2025-10-06T00:00:01Z'),
      unpriced('out', '2025-10-06T00:00:00Z'),
    ]);
    await ledger.readDay('asker', 'twilio', '2025-10-18', [unpriced('listed', '2025-10-18T10:00:00Z')]);
    await ledger.readDay('r', 'twilio', '2025-10-19', [
      unpriced('new', '2025-10-19T10:00:00Z'),
      unpriced('bad', '2025-10-19T10:00:00Z').replace('"60"', '"x"'),
    ]);
    await database.query(
      `update rejected_records set asked_at = '2025-10-19T01:00Z', first_seen_at = '2025-10-19T00:00Z'`,
    );
    await database.query(`update calls set asked_at = '2025-10-19T02:00Z' where id = 'just in'`);
    const asked = await ledger.unsettled('asker', 'twilio', nominal, ['2025-10-18'], 2);
    expect(asked).toMatchObject({ ids: ['new', 'bad'], more: true });
    const answers = {
      new: unpriced('new', '2025-10-19T10:00:00Z'),
      bad: stringifyJson(call('bad', '2025-10-19T10:00:00Z')),
    };
    await ledger.answerByIds('asker', 'twilio', answers, asked.ticket);
    expect(await ledger.unsettled('asker', 'twilio', nominal, ['2025-10-18'], 2)).toMatchObject({
      ids: ['just in'],
      more: false,
    });
  });
});
