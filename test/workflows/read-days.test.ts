/** The loop of `readDays`, without Temporal: what it asks for when pages turn out to be missing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Day, DayCursor } from '../../activities/types.js';
import { readDays, type Reading, type Steps } from '../../workflows/read-days.js';

const noCounts = { fetched: 0, inserted: 0, updated: 0, unchanged: 0, rejected: 0, gone: 0, unordered: 0 };

/**
 * A stage as the database keeps it: a day that begins anew takes the pages away that it had not merged.
 * @param broken names pages that are missing the first time they are merged, as in "2025-03-01 page 2"
 */
class Stage implements Steps {
  readonly begun: string[] = [];
  readonly merged = new Map<string, number>();
  readonly #staged = new Set<string>();
  readonly #broken: Set<string>;
  readonly #pages: number;

  constructor(pages: number, broken: readonly string[]) {
    this.#pages = pages;
    this.#broken = new Set(broken);
  }

  /** Stages at once, before a merge that began at the same time. */
  readonly fetch: Steps['fetch'] = (days) => {
    const pageIds = days.map((cursor) => this.#stage(cursor));
    const unfinished = days.flatMap(({ day, cursor, restarts }) => {
      const page = Number(cursor ?? 1);
      return page < this.#pages ? [{ day, cursor: String(page + 1), restarts }] : [];
    });
    return Promise.resolve({ pageIds, unfinished, failed: [], fetched: days.length });
  };

  #stage({ day, cursor, restarts }: DayCursor): string {
    if (cursor === null) this.begun.push(`${day} ${restarts}`);
    for (const id of this.#staged) {
      const [ofDay, ofRestart] = id.split(' ');
      if (ofDay === day && Number(ofRestart) < restarts) this.#staged.delete(id);
    }
    const id = `${day} ${restarts} page ${cursor ?? 1}`;
    this.#staged.add(id);
    return id;
  }

  readonly merge = (pageIds: string[]) => {
    const missing = pageIds.filter((id) => !this.#mergePage(id));
    const missingDays = [...new Set(missing.map((id) => id.split(' ')[0] ?? ''))];
    return Promise.resolve({ counts: noCounts, missingDays });
  };

  #mergePage(id: string): boolean {
    if (!this.#staged.delete(id)) return false;
    const [day, , ...page] = id.split(' ');
    const name = `${day} ${page.join(' ')}`;
    if (this.#broken.delete(name)) return false;
    this.merged.set(name, (this.merged.get(name) ?? 0) + 1);
    return true;
  }

  report(): void {
    // Nobody asks.
  }
}

async function read(stage: Stage, days: Day[]): Promise<Reading> {
  const reading: Reading = { fetched: 0, unordered: 0, failed: new Map() };
  await readDays(
    stage,
    reading,
    days.map((day) => ({ day, cursor: null, restarts: 0 })),
  );
  return reading;
}

test('one bad page of a long day costs it one beginning, though the fetch beside its merge went on', async () => {
  const stage = new Stage(6, ['2025-03-01 page 2']);
  const { failed } = await read(stage, ['2025-03-01', '2025-03-02']);
  expect([...failed.values()]).toEqual([]);
  expect(stage.begun).toEqual(['2025-03-01 0', '2025-03-02 0', '2025-03-01 1']);
});

test('a day begins anew once for each of its bad pages at most, and ends with all of its pages', async () => {
  const days = ['2025-03-01', '2025-03-02', '2025-03-03'];
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.uniqueArray(fc.tuple(fc.constantFrom(...days), fc.integer({ min: 1, max: 12 })), {
        maxLength: 5,
        selector: ([day, page]) => `${day} page ${page}`,
      }),
      async (pages, bad) => {
        const broken = bad.filter(([, page]) => page <= pages);
        const stage = new Stage(
          pages,
          broken.map(([day, page]) => `${day} page ${page}`),
        );
        const { failed } = await read(stage, days);
        expect([...failed.values()]).toEqual([]);
        for (const day of days) {
          const beginnings = stage.begun.filter((begun) => begun.startsWith(day)).length - 1;
          expect(beginnings).toBeLessThanOrEqual(broken.filter(([ofDay]) => ofDay === day).length);
        }
        expect(stage.merged.size).toBe(days.length * pages);
      },
    ),
  );
});
