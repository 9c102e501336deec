/** `clearSnapshots`: deletes snapshots, which stay away until a raw row of their hour changes or they are regenerated. */
import { working } from './activity-options.js';
import { refusing } from './failures.js';
import { parseClearInput, type ClearInput } from './operations-input.js';
import { describeRange, throughWorkspaceDays, type SnapshotSummary } from './workspace-days.js';

/**
 * Clears a workspace's day in one transaction. Raw rows stay as they are.
 * @throws ApplicationFailure InvalidInput before anything is deleted
 */
export async function clearSnapshots(input: ClearInput): Promise<SnapshotSummary> {
  const request = refusing(() => parseClearInput(input));
  const line = describeRange(request);
  return throughWorkspaceDays(request, (days) => working(line).clearDays(days));
}
