/** `reclassify`: assigns records to their workspaces anew, those of some numbers or all, and rolls up what moved. */
import { working } from './activity-options.js';
import { refusing } from './failures.js';
import { drain } from './ingest-days.js';
import { parseReclassifyInput, type ReclassifyInput } from './operations-input.js';

/** What reclassifying has looked at. */
export interface ReclassifySummary {
  /** Null where all records were asked for. */
  phoneNumbers: string[] | null;
  /** Records looked at; null where only those of some numbers were. */
  records: number | null;
  /** What could not be drained, with the reason. */
  setAside: string[];
}

/**
 * Does what a change of the mapping does by itself; for people who doubt that it was done.
 * @throws ApplicationFailure InvalidInput before anything is written
 */
export async function reclassify(input?: ReclassifyInput): Promise<ReclassifySummary> {
  const request = refusing(() => parseReclassifyInput(input));
  const phoneNumbers = request.phoneNumbers ?? null;
  const line = phoneNumbers === null ? 'all records' : `records of ${describeNumbers(phoneNumbers)}`;
  const looked = await working(line).reclassifyRecords({ phoneNumbers });
  const setAside = [...looked.setAside, ...(await drain('what is left'))];
  return { phoneNumbers, records: phoneNumbers === null ? looked.done : null, setAside };
}

function describeNumbers(numbers: readonly string[]): string {
  const [first = '', ...others] = numbers;
  return others.length === 0 ? first : `${first} and ${others.length} more numbers`;
}
