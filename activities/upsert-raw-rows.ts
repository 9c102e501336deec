/** The activity `upsertRawRows`: merges staged pages into the raw rows, one transaction a page. */
import type { Dependencies } from './dependencies.js';
import { withHeartbeats } from './heartbeat.js';
import { dayOfPageId } from './page-id.js';
import type { Activities, Counts, Day } from './types.js';

type MergedPage = Counts & { missing?: undefined };

export function createUpsertRawRows({ ledger }: Dependencies): Activities['upsertRawRows'] {
  return ({ pageIds }) => {
    let merged = 0;
    return withHeartbeats(
      () => ({ merged, of: pageIds.length }),
      async (beat, signal) => {
        const counts: Counts = {
          fetched: 0,
          inserted: 0,
          updated: 0,
          unchanged: 0,
          rejected: 0,
          gone: 0,
          unordered: 0,
        };
        const missingDays = new Set<Day>();
        for (const pageId of pageIds) {
          const page = await ledger.call<MergedPage | { missing: true }>(
            'merge_page',
            { p_page_id: pageId },
            signal,
          );
          if (page.missing === undefined) addCounts(counts, page);
          else {
            const day = dayOfPageId(pageId);
            // Records asked by their ids have no day to begin anew: the next run asks for them again.
            if (day !== null) missingDays.add(day);
          }
          merged += 1;
          beat();
        }
        return { counts, missingDays: [...missingDays] };
      },
    );
  };
}

function addCounts(sum: Counts, page: Counts): void {
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += page[key];
}
