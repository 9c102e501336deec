/** The drain that runs whenever the worker does: also what people change with SQL reaches the snapshots by itself. */
import { setTimeout as delay } from 'node:timers/promises';
import { drainHours, drainKeys } from '../activities/drain.js';
import type { Ledger } from '../database/ledger.js';
import { log } from './log.js';

/** Dirt waits no longer than this for its drain to begin. */
const pause_ms = 5_000;

/**
 * Drains until the signal is aborted. A drain that fails is logged and tried again after the next pause: its dirt is
 * still there.
 */
export async function runDrainLoop(ledger: Ledger, signal: AbortSignal): Promise<void> {
  const nothing = () => undefined;
  while (!isAborted(signal)) {
    try {
      for (const drain of [drainKeys, drainHours]) {
        const { setAside } = await drain(ledger, nothing, signal);
        for (const reason of setAside) log.error({ reason }, 'Dirt was set aside; see: hourledger status');
      }
      await delay(pause_ms, undefined, { signal });
    } catch (error) {
      if (isAborted(signal)) return;
      log.error({ error: String(error) }, 'Draining failed; it goes on in a moment');
      await delay(pause_ms, undefined, { signal }).catch(nothing);
    }
  }
}

/** A call, because the signal changes while others run, which the type checker does not see. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
