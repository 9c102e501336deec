/** The activity `reclassifyRecords`: has records assigned again, those of some numbers or all of them, chunk by chunk. */
import type { Dependencies } from './dependencies.js';
import { drainKeys } from './drain.js';
import { resumedDetails, withHeartbeats } from './heartbeat.js';
import type { Activities, DrainResult } from './types.js';

/** Few enough to be assigned in seconds: dirt never heaps up, and an attempt that ends loses little. */
const chunk = 5_000;
const kinds = ['calls', 'conversations'] as const;

interface Progress extends DrainResult {
  kind: number;
  /** The id behind which the next chunk begins. */
  after: string;
}

interface Noted {
  records: number;
  after: string | null;
}

export function createReclassifyRecords({ ledger }: Dependencies): Activities['reclassifyRecords'] {
  return ({ phoneNumbers }) => {
    const progress = (resumedDetails() as Progress | null) ?? { kind: 0, after: '', done: 0, setAside: [] };
    return withHeartbeats(
      () => progress,
      async (beat, signal) => {
        const assign = async () => {
          const { setAside } = await drainKeys(ledger, beat, signal);
          progress.setAside.push(...setAside);
        };
        if (phoneNumbers !== null) {
          await ledger.call('note_stale_numbers', { p_numbers: phoneNumbers }, signal);
          await assign();
          return { done: phoneNumbers.length, setAside: progress.setAside };
        }
        for (let kind = kinds[progress.kind]; kind !== undefined; kind = kinds[progress.kind]) {
          const noted = await ledger.call<Noted>(
            'note_stale_records',
            { p_kind: kind, p_after: progress.after, p_limit: chunk },
            signal,
          );
          await assign();
          progress.done += noted.records;
          progress.kind += noted.after === null ? 1 : 0;
          progress.after = noted.after ?? '';
          beat();
        }
        return { done: progress.done, setAside: progress.setAside };
      },
    );
  };
}
