// Which dirty hours a step of the drain takes: an hour once however often it was noted, and no day that it would cut.
import { expect, it } from 'vitest';
import { begin, commit, database, one, prepareRaces, two } from '../support/races.js';

prepareRaces();

/** Notes hours of workspace 1 as dirty, in this order. */
const note = (hours: readonly string[]) =>
  database.query(
    `insert into hourledger.dirty_hours (source, workspace_id, hour)
       select 'twilio', 1, hour::timestamptz from unnest($1::text[]) with ordinality h (hour, place) order by place`,
    [hours],
  );

const dirty = () =>
  database.query(
    `select to_char(hour at time zone 'UTC', 'MM-DD HH24') as hour, count(*)::integer as times
       from hourledger.dirty_hours group by hour order by hour`,
  );

const hoursOf = (day: string) => ['00', '08', '16', '20'].map((hour) => `${day}T${hour}:00:00Z`);

it('an hour that many merges have noted is recomputed by one step', async () => {
  const [early, late] = ['2025-10-04T08:00:00Z', '2025-10-04T09:00:00Z'];
  await note(Array.from({ length: 10 }, () => [late, early]).flat());
  expect(await one.rollupDirt(10)).toMatchObject({ taken: 10, left: 10 });
  expect(await dirty()).toEqual([{ hour: '10-04 09', times: 10 }]);
});

it('a drain beside another one takes what that one has left of a day, and does not wait for it', async () => {
  const days = ['2025-10-06', '2025-10-04', '2025-10-05'].map(hoursOf);
  // Hour by hour, as pages of several days come in turns.
  await note([0, 1, 2, 3].flatMap((place) => days.map((hours) => hours[place]!)));
  await begin(one);
  expect(await one.rollupDirt(6)).toMatchObject({ taken: 4 });
  await begin(two);
  expect(await two.rollupDirt(6)).toMatchObject({ taken: 2 });
  await commit(two);
  await commit(one);
  expect(await one.drain()).toEqual([]);
  expect(await dirty()).toEqual([]);
});

it('a day with more dirt than a step may take is taken in parts', async () => {
  await note(hoursOf('2025-10-04'));
  expect(await one.rollupDirt(3)).toMatchObject({ taken: 3, left: 1 });
  expect(await one.rollupDirt(3)).toMatchObject({ taken: 1, left: 0 });
});

it('dirt that was noted after the drain began is left to the next one', async () => {
  await note(['2025-10-04T08:00:00Z']);
  const { upTo } = await one.rollupDirt(0);
  await note(['2025-10-03T08:00:00Z']);
  expect(await one.rollupDirt(10, upTo)).toMatchObject({ taken: 1, left: 0 });
  expect(await dirty()).toEqual([{ hour: '10-03 08', times: 1 }]);
});
