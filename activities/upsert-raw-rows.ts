/** The activity `upsertRawRows`: merges what is staged into the raw rows, one transaction a page, and counts what all pages did. */
import { ApplicationFailure } from '@temporalio/activity';
import type { Dependencies } from './dependencies.js';
import { failureTypes } from './failure-types.js';
import { withHeartbeats } from './heartbeat.js';
import { dayOfPageId } from './page-id.js';
import type { Activities, Counts, Day, FailedDay, Source } from './types.js';

type MergedPage = Counts & { missing?: undefined };

interface MissingPage {
  missing: true;
  /** Why the page is no JSON, in Postgres' words; absent where it is just gone. */
  malformed?: string;
}

/**
 * Merges pages one after the other, those of calls only where they could not be merged as they came. One that turns out
 * to be no JSON (before, only its envelope was looked at) is named in the answer, and fetched again with its day.
 * @throws ApplicationFailure ProviderAnswerMalformed for one that belongs to no day, not to be retried
 */
export function createUpsertRawRows({ ledger }: Dependencies): Activities['upsertRawRows'] {
  return ({ source, pageIds }) => {
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
        const malformed: FailedDay[] = [];
        const merging = { p_page_ids: pageIds };
        const known = await ledger.call<Record<string, MergedPage>>('merged_pages', merging, signal);
        for (const pageId of pageIds) {
          const page =
            known[pageId] ??
            (await ledger.call<MergedPage | MissingPage>('merge_page', { p_page_id: pageId }, signal));
          if (page.missing === undefined) addCounts(counts, page);
          else {
            const day = dayOfPageId(pageId);
            if (page.malformed !== undefined)
              malformed.push(malformedPage(source, pageId, day, page.malformed));
            // Records asked by their ids have no day to begin anew: the next run asks for them again.
            if (day !== null) missingDays.add(day);
          }
          merged += 1;
          beat();
        }
        return {
          counts,
          missingDays: [...missingDays],
          ...(malformed.length === 0 ? {} : { malformed }),
        };
      },
    );
  };
}

function malformedPage(source: Source, pageId: string, day: Day | null, why: string): FailedDay {
  const message = `A page of ${source}'s answers${day === null ? '' : ` for ${day}`} is not whole JSON: ${why} (page ${pageId}).`;
  if (day !== null) return { day, message };
  throw ApplicationFailure.nonRetryable(message, failureTypes.providerAnswerMalformed);
}

function addCounts(sum: Counts, page: Counts): void {
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += page[key];
}
