/** What `doctor` says of the schedule. */
import { failed, ok, warning, type Check } from './check.js';
import { describeLastRun, describeOverdue, summarizeSchedule } from './schedule.js';
import type { TemporalSession } from './temporal.js';

const name = 'schedule';

/** @param now runs that were due before it, by more than a grace, should have started */
export async function checkSchedule(session: TemporalSession, now = new Date()): Promise<Check> {
  const summary = await summarizeSchedule(session, now);
  if (summary === null) return failed(name, 'there is none', 'hourledger schedule apply');
  const { paused, note, nextRunAt, lastRun } = summary;
  if (paused) return failed(name, `paused${note === null ? '' : ` (${note})`}`, 'hourledger schedule resume');
  const overdue = describeOverdue(summary);
  if (overdue !== null) {
    return failed(
      name,
      overdue,
      lastRun?.status === 'RUNNING'
        ? 'look at that run in Temporal Web; is a worker running?'
        : 'the next run takes up what was left out; hourledger sync does it now',
    );
  }
  if (lastRun === null) return ok(name, `active, no run yet, next ${nextRunAt ?? 'none'}`);
  const fact = describeLastRun(lastRun);
  const isWell = lastRun.status === 'COMPLETED' || lastRun.status === 'RUNNING' || lastRun.status === null;
  if (!isWell)
    return failed(name, fact, 'look at the run in Temporal Web; the next run takes up what was left out');
  if (lastRun.late) return warning(name, fact, 'the run before it took long, or Temporal was down');
  return ok(name, `next run ${nextRunAt ?? 'none'}; last ${fact}`);
}
