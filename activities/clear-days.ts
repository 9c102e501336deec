/** The activity `clearDays`: deletes the snapshots of workspaces' days, and marks their hours as cleared. */
import type { Dependencies } from './dependencies.js';
import type { Activities } from './types.js';
import { workThroughDays } from './work-through-days.js';

export function createClearDays({ ledger }: Dependencies): Activities['clearDays'] {
  return (input) => workThroughDays(ledger, 'clear_next_day', input);
}
