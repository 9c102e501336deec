/** The activity `rollupHours`: recomputes every dirty hour from its raw rows. */
import type { Dependencies } from './dependencies.js';
import { drainHours } from './drain.js';
import { withHeartbeats } from './heartbeat.js';
import type { Activities } from './types.js';

export function createRollupHours({ ledger }: Dependencies): Activities['rollupHours'] {
  return () =>
    withHeartbeats(
      () => null,
      (beat, signal) => drainHours(ledger, beat, signal),
    );
}
