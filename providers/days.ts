/** UTC calendar days as instants, for the filters of the providers. */
import type { Day } from '../activities/types.js';

const dayMs = 86_400_000;

/** The first instant of a day, in Unix seconds. Throws a RangeError for a day that does not exist (30 February). */
export function dayStartUnixSecs(day: Day): number {
  const startMs = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(startMs) || new Date(startMs).toISOString().slice(0, 10) !== day) {
    throw new RangeError(`"${day}" is no day of the form YYYY-MM-DD`);
  }
  return startMs / 1000;
}

/** The day after; throws as `dayStartUnixSecs` does. */
export function nextDay(day: Day): Day {
  return new Date(dayStartUnixSecs(day) * 1000 + dayMs).toISOString().slice(0, 10);
}
