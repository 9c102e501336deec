/** The activity `regenerateDays`: recomputes the snapshots of workspaces' days from their raw rows. */
import type { Dependencies } from './dependencies.js';
import type { Activities } from './types.js';
import { workThroughDays } from './work-through-days.js';

export function createRegenerateDays({ ledger }: Dependencies): Activities['regenerateDays'] {
  return (input) => workThroughDays(ledger, 'regenerate_next_day', input);
}
