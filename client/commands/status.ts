/** `status`: the state of the ledger, of running backfills, and of the schedule. */
import type { Command } from 'commander';
import type { BackfillProgress } from '../../workflows/messages.js';
import { oneLine } from '../cli-error.js';
import { openLedger, withTemporal } from '../context.js';
import { readLedgerStatus, type LedgerStatus } from '../ledger-status.js';
import { addExample, addJsonOption, type JsonOption } from '../options.js';
import { formatTable, plural, printResult, say, type Column } from '../output.js';
import type { ScheduleSummary } from '../schedule.js';

interface BackfillLine {
  workflowId: string;
  startedAt: string;
  /** Null when no worker answers. */
  progress: BackfillProgress | null;
}

interface TemporalStatus {
  backfills: BackfillLine[];
  schedule: ScheduleSummary | null;
}

const dayColumns: Column<LedgerStatus['days'][number]>[] = [
  { title: 'Source', key: 'source', value: ({ source }) => source },
  { title: 'Days', key: 'state', value: ({ state }) => state },
  { title: 'Count', key: 'days', value: ({ days }) => days, align: 'right' },
  { title: 'First', key: 'first', value: ({ first }) => first },
  { title: 'Last', key: 'last', value: ({ last }) => last },
];

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .description(
      'show the ledger by days, what is unsettled or rejected, running backfills and the last scheduled run',
    );
  addJsonOption(addExample(command, 'status')).action(async ({ json }: JsonOption) => {
    const ledger = await openLedger();
    const [status, temporal] = await Promise.all([readLedgerStatus(ledger), readTemporal()]);
    const document = {
      ...status,
      ...(temporal instanceof Error ? { temporal: temporal.message } : temporal),
    };
    const lines = await describeTemporal(temporal);
    printResult(json, document, () => [...describeLedger(status), ...lines].join('\n'));
    if (temporal instanceof Error) {
      say(`error: ${oneLine(temporal.message)}`);
      process.exitCode = 1;
    }
  });
}

/** What Temporal knows, or why it cannot be asked: the ledger's half is worth printing all the same. */
async function readTemporal(): Promise<TemporalStatus | Error> {
  try {
    return await withTemporal(async (session) => {
      const [{ listBackfills, progressOf }, { summarizeSchedule }] = await Promise.all([
        import('../backfills.js'),
        import('../schedule.js'),
      ]);
      const [running, schedule] = await Promise.all([listBackfills(session), summarizeSchedule(session)]);
      const backfills = await Promise.all(
        running.map(async ({ workflowId, startedAt }) => ({
          workflowId,
          startedAt: startedAt.toISOString(),
          progress: await progressOf(session, workflowId),
        })),
      );
      return { backfills, schedule };
    });
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function describeLedger(status: LedgerStatus): string[] {
  const { days, failedDays, unsettled, rejected, rejectedRecords, pending, clearedHours, setAside } = status;
  const lines = [days.length === 0 ? 'No day was read yet.' : formatTable(dayColumns, days), ''];
  for (const { source, day, error } of failedDays)
    lines.push(`failed day  ${source} ${day}: ${oneLine(error ?? '')}`);
  for (const [source, { waiting, givenUp, givenUpIds }] of Object.entries(unsettled)) {
    lines.push(
      `unsettled   ${source}: ${plural(waiting, 'record')} asked again daily, ${givenUp} given up after 14 days`,
    );
    if (givenUpIds !== null) lines.push(`            given up: ${listOf(givenUpIds, givenUp)}`);
  }
  lines.push(`rejected    ${plural(rejectedRecords, 'record')}`);
  for (const { source, id, day, reason } of rejected) {
    lines.push(
      `            ${source} ${id ?? 'without an id'}${day === null ? '' : ` of ${day}`}: ${oneLine(reason)}`,
    );
  }
  lines.push(
    `hints       ${plural(status.waitingHints, 'record')} named by webhooks still to be asked`,
    `refused     ${plural(status.refusedRecords, 'record')}`,
    ...status.refused.map(({ source, id, reason }) => `            ${source} ${id}: ${oneLine(reason)}`),
  );
  lines.push(
    `pending     ${plural(pending.hours, 'hour')} and ${plural(pending.keys, 'group')} of records to drain`,
  );
  const [cleared, it] = [plural(clearedHours, 'hour'), clearedHours === 1 ? 'it' : 'them'];
  lines.push(
    clearedHours === 0
      ? 'cleared     0 hours'
      : `cleared     ${cleared} without a snapshot on purpose; regenerate brings ${it} back`,
  );
  lines.push(`set aside   ${setAside.length}`, ...setAside.map((text) => `            ${oneLine(text)}`));
  return lines;
}

function listOf(ids: readonly string[], count: number): string {
  const more = count - ids.length;
  return `${ids.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

async function describeTemporal(temporal: TemporalStatus | Error): Promise<string[]> {
  if (temporal instanceof Error) return [];
  const { backfills, schedule } = temporal;
  const lines = backfills.map(({ workflowId, progress }) => {
    if (progress === null)
      return `backfill    ${workflowId}: no worker answers; start one with: npx hourledger worker`;
    const { days, records, state } = progress;
    const done = days.completed + days.open + days.failed;
    const count = plural(records.fetched, 'record');
    return `backfill    ${workflowId}: ${state}, ${done} of ${days.total} days (${days.failed} failed), ${count}`;
  });
  if (backfills.length === 0) lines.push('backfill    none is running');
  if (schedule === null) {
    return [...lines, 'schedule    there is none; create it with: hourledger schedule apply'];
  }
  const { describeLastRun, describeOverdue } = await import('../schedule.js');
  const { paused, note, nextRunAt } = schedule;
  const when = paused ? `paused${note === null ? '' : ` (${note})`}` : `next run ${nextRunAt ?? 'none'}`;
  const overdue = describeOverdue(schedule);
  lines.push(`schedule    ${when}${overdue === null ? '' : `, OVERDUE: ${overdue}`}`);
  lines.push(`last run    ${schedule.lastRun === null ? 'none yet' : describeLastRun(schedule.lastRun)}`);
  return lines;
}
