/** `regenerateSnapshots`: computes snapshots anew from raw rows, for all workspaces or one, for all time or a range. */
import { working } from './activity-options.js';
import { refusing } from './failures.js';
import { drain } from './ingest-days.js';
import { parseRegenerateInput, type RegenerateInput } from './operations-input.js';
import { describeRange, throughWorkspaceDays, type SnapshotSummary } from './workspace-days.js';

/**
 * Recomputes whole hours, a workspace's day in one transaction; hours that were cleared are there again. Then drains
 * what changed meanwhile. Starting it again after a crash or cancel does no harm.
 * @throws ApplicationFailure InvalidInput before anything is written
 */
export async function regenerateSnapshots(input: RegenerateInput): Promise<SnapshotSummary> {
  const request = refusing(() => parseRegenerateInput(input));
  const line = describeRange(request);
  const summary = await throughWorkspaceDays(request, (days) => working(line).regenerateDays(days));
  summary.setAside = await drain('what is left');
  return summary;
}
