/** What every workflow that reads days does before the first of them and after the last. */
import type { CheckInput, Source } from '../activities/types.js';
import { asking, noting } from './activity-options.js';
import { sourceOff } from './failures.js';
import { drain } from './ingest-days.js';

/**
 * Facts first: whether the source can be asked at all. Both questions are asked at once. That the source is off has to be
 * known from any worker: where no worker has its credentials nobody polls its task queue, and the other question would
 * never be answered.
 * @param range days that are about to be read
 * @returns about how many records a day of the range has, where the provider says so; else null
 * @throws ApplicationFailure SourceOff; ProviderCredentialsRefused, within an ActivityFailure
 */
export async function checkSource(source: Source, range?: CheckInput['range']): Promise<number | null> {
  const input = range === undefined ? { source } : { source, range };
  const accepted = asking(source, 'Are the credentials accepted?').checkCredentials(input);
  // It is waited for below, unless the source is off.
  accepted.catch(() => undefined);
  const on = await noting('Is the source on?').listSources();
  if (!on.includes(source)) throw sourceOff([source]);
  return (await accepted).recordsPerDay;
}

/**
 * Drains what the days, or others meanwhile, have left stale, and sweeps pages that nobody needs. Side by side: what is
 * swept are pages of closed runs, which are merged or never will be.
 * @returns what was set aside
 */
export async function drainAndSweep(): Promise<string[]> {
  const [setAside] = await Promise.all([drain('what is left'), noting('of closed runs').sweepPages()]);
  return setAside;
}
