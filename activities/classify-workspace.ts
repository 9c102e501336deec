/** The activity `classifyWorkspace`: looks again at every record whose workspace may have changed. */
import type { Dependencies } from './dependencies.js';
import { drainKeys } from './drain.js';
import { withHeartbeats } from './heartbeat.js';
import type { Activities } from './types.js';

export function createClassifyWorkspace({ ledger }: Dependencies): Activities['classifyWorkspace'] {
  return () =>
    withHeartbeats(
      () => null,
      (beat, signal) => drainKeys(ledger, beat, signal),
    );
}
