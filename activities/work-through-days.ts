/** Going through workspaces' days one transaction at a time, up to a budget of time, and resuming where an attempt ended. */
import type { Ledger } from '../database/ledger.js';
import { resumedDetails, withHeartbeats } from './heartbeat.js';
import type { DaysDone, WorkspaceDay, WorkspaceDaysInput } from './types.js';

/** Long enough that years are a few activities, short enough that Temporal Web shows how far it is. */
const budget_ms = 30_000;

interface DayDone extends WorkspaceDay {
  snapshots: number;
}

/** @param name the function that takes the next day behind the one it is given */
export async function workThroughDays(
  ledger: Ledger,
  name: 'regenerate_next_day' | 'clear_next_day',
  { source, workspaceId, from, to, after }: WorkspaceDaysInput,
): Promise<DaysDone> {
  const progress = (resumedDetails() as DaysDone | null) ?? { after, more: true, days: 0, snapshots: 0 };
  const end = performance.now() + budget_ms;
  return withHeartbeats(
    () => progress,
    async (beat, signal) => {
      while (progress.more && performance.now() < end) {
        const done = await ledger.call<DayDone | null>(
          name,
          {
            p_source: source,
            p_workspace: workspaceId,
            p_from: from,
            p_to: to,
            p_after_workspace: progress.after?.workspaceId ?? null,
            p_after_day: progress.after?.day ?? null,
          },
          signal,
        );
        if (done === null) progress.more = false;
        else {
          progress.after = { workspaceId: done.workspaceId, day: done.day };
          progress.days += 1;
          progress.snapshots += done.snapshots;
        }
        beat();
      }
      return progress;
    },
  );
}
