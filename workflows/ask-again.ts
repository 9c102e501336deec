/** Asking a provider for single records again, batch after batch, and merging what it answers. */
import type { AskAgainInput, Counts, Run, Source } from '../activities/types.js';
import { asking, working } from './activity-options.js';
import { addCounts, noCounts } from './counts.js';

/** How far asking has come; it can be carried into the next run of a workflow. */
export interface AskedAgain {
  /** The number of the next batch. */
  batch: number;
  /** Whether nothing is left to ask. */
  done: boolean;
  counts: Counts;
  /** How many records the provider refused for good. */
  refused: number;
}

/** A batch holds at least dozens of records, so that a run which asks more often than this goes in circles. */
const batches_max = 10_000;

export function nothingAskedAgain(): AskedAgain {
  return { batch: 0, done: false, counts: { ...noCounts }, refused: 0 };
}

/**
 * Asks until nothing is left or `mayGoOn` says no; `asked` is brought up to date after each batch.
 * @param summary what Temporal Web shows beside each batch
 */
export async function askAgain(
  target: { source: Source; run: Run; scope: AskAgainInput['scope'] },
  asked: AskedAgain,
  summary: string,
  mayGoOn: () => boolean,
): Promise<void> {
  while (!asked.done && mayGoOn()) {
    const line = `${summary}, batch ${asked.batch + 1}`;
    const answer = await asking(target.source, line).fetchRecordsAgain({ ...target, batch: asked.batch });
    if (answer.pageIds.length > 0) {
      const { source } = target;
      const merged = await working(line).upsertRawRows({ source, pageIds: answer.pageIds });
      asked.counts = addCounts(asked.counts, merged.counts);
    }
    asked.refused += answer.refused;
    asked.batch += 1;
    asked.done = !answer.more || asked.batch >= batches_max;
  }
}

/** What people are told of records that were refused; nothing where none was. */
export function describeRefused(source: Source, refused: number): string[] {
  if (refused === 0) return [];
  const records = refused === 1 ? '1 record was' : `${refused} records were`;
  return [`${source}: ${records} refused when asked by id; see: hourledger status`];
}
