/** What regenerating and clearing have in common: going through workspaces' days, activity after activity. */
import { setCurrentDetails } from '@temporalio/workflow';
import type { DaysDone, Source, WorkspaceDay, WorkspaceDaysInput } from '../activities/types.js';
import { noting } from './activity-options.js';
import type { RegenerateInput } from './operations-input.js';

/** What became of the days asked for. */
export interface SnapshotSummary {
  source: Source;
  /** Workspaces' days. */
  days: number;
  /** Their snapshots: after regenerating, or before clearing. */
  snapshots: number;
  /** What could not be drained, with the reason. */
  setAside: string[];
}

/**
 * Works through the days of a request to their end.
 * @param step the activity, which does some of them
 * @throws ApplicationFailure InvalidInput, when there is no such workspace
 */
export async function throughWorkspaceDays(
  request: RegenerateInput,
  step: (input: WorkspaceDaysInput) => Promise<DaysDone>,
): Promise<SnapshotSummary> {
  const { source, workspaceId } = request;
  if (workspaceId !== undefined)
    await noting(`Is there a workspace ${workspaceId}?`).checkWorkspace({ workspaceId });
  const summary: SnapshotSummary = { source, days: 0, snapshots: 0, setAside: [] };
  let after: WorkspaceDay | null = null;
  for (let more = true; more;) {
    const done: DaysDone = await step({
      source,
      workspaceId: workspaceId ?? null,
      from: request.from ?? null,
      to: request.to ?? null,
      after,
    });
    ({ after, more } = done);
    summary.days += done.days;
    summary.snapshots += done.snapshots;
    const place = after === null ? '' : `, up to workspace ${after.workspaceId}, ${after.day}`;
    setCurrentDetails(`**${summary.days} days of workspaces, ${summary.snapshots} snapshots${place}**`);
  }
  return summary;
}

/** `twilio, workspace 4, from 2025-08-01 to 2025-10-31`. */
export function describeRange({ source, workspaceId, from, to }: RegenerateInput): string {
  const parts: string[] = [source, workspaceId === undefined ? 'all workspaces' : `workspace ${workspaceId}`];
  if (from !== undefined || to !== undefined) {
    parts.push(
      [from === undefined ? '' : `from ${from}`, to === undefined ? '' : `to ${to}`].join(' ').trim(),
    );
  }
  return parts.join(', ');
}
