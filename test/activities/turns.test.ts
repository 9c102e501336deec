/** So much at once and no more, in the order of coming, also behind work that fails. */
import { expect, test } from 'vitest';
import { Turns } from '../../activities/turns.js';

test('two at a time, in order, and a failure gives its turn on', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends: ((how: 'well' | 'badly') => void)[] = [];
  const results = [0, 1, 2, 3].map((number) =>
    turns.run(
      () =>
        new Promise<number>((resolve, reject) => {
          begun.push(number);
          ends[number] = (how) => (how === 'well' ? resolve(number) : reject(new Error(`failed ${number}`)));
        }),
    ),
  );
  expect(begun).toEqual([0, 1]);
  ends[1]!('badly');
  await expect(results[1]).rejects.toThrow('failed 1');
  expect(begun).toEqual([0, 1, 2]);
  ends[0]!('well');
  ends[2]!('well');
  expect(await Promise.all([results[0], results[2]])).toEqual([0, 2]);
  expect(begun).toEqual([0, 1, 2, 3]);
  ends[3]!('well');
  expect(await results[3]).toBe(3);
});
