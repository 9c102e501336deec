/** Adding up what merges did; whole numbers of records, never money. */
import type { Counts } from '../activities/types.js';

export const noCounts: Readonly<Counts> = {
  fetched: 0,
  inserted: 0,
  updated: 0,
  unchanged: 0,
  rejected: 0,
  gone: 0,
  unordered: 0,
};

/** The sums of both, field by field. */
export function addCounts(one: Readonly<Counts>, other: Readonly<Counts>): Counts {
  return {
    fetched: one.fetched + other.fetched,
    inserted: one.inserted + other.inserted,
    updated: one.updated + other.updated,
    unchanged: one.unchanged + other.unchanged,
    rejected: one.rejected + other.rejected,
    gone: one.gone + other.gone,
    unordered: one.unordered + other.unordered,
  };
}
