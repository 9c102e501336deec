/** `sync`: one daily sync now, as the schedule does it. */
import type { Command } from 'commander';
import type { Source } from '../../activities/types.js';
import type { DailySyncSummary } from '../../workflows/daily-sync.js';
import { withTemporal } from '../context.js';
import { addExample, addJsonOption, sourceOption, type JsonOption } from '../options.js';
import { formatTable, print, printJson, say, type Column } from '../output.js';
import type { StartedWorkflow, TemporalSession } from '../temporal.js';

interface SyncOptions extends JsonOption {
  source?: Source;
  at?: string;
  detach?: boolean;
}

type SourceLine = [source: string, summary: NonNullable<DailySyncSummary['sources'][Source]>];

const columns: Column<SourceLine>[] = [
  { title: 'Source', key: 'source', value: ([source]) => source },
  { title: 'Days', key: 'days', value: ([, { days }]) => days.planned, align: 'right' },
  { title: 'Completed', key: 'completed', value: ([, { days }]) => days.completed, align: 'right' },
  { title: 'Open', key: 'open', value: ([, { days }]) => days.open, align: 'right' },
  { title: 'Failed', key: 'failed', value: ([, { days }]) => days.failed, align: 'right' },
  { title: 'Fetched', key: 'fetched', value: ([, { records }]) => records.fetched, align: 'right' },
  { title: 'Inserted', key: 'inserted', value: ([, { records }]) => records.inserted, align: 'right' },
  { title: 'Updated', key: 'updated', value: ([, { records }]) => records.updated, align: 'right' },
  {
    title: 'Asked again',
    key: 'asked_again',
    value: ([, { askedAgain }]) => askedAgain.fetched,
    align: 'right',
  },
];

export function addSync(program: Command): void {
  const command = program
    .command('sync')
    .description(
      'run one dailySync now: the last day, the lookback, what was left out, and what is not settled',
    )
    .option('--source <source>', 'this source only', sourceOption('--source'))
    .option('--at <instant>', 'as if it were due then (default: now)')
    .option('--detach', 'do not wait for the end');
  addJsonOption(addExample(command, 'sync', 'sync --source twilio --at 2025-10-04T00:00:00Z')).action(
    runCommand,
  );
}

async function runCommand(options: SyncOptions): Promise<void> {
  const { source, at, detach, json } = options;
  const { parseDailySyncInput } = await import('../../workflows/input.js');
  const now = new Date();
  const given = {
    ...(source === undefined ? {} : { sources: [source] }),
    // Left out unless asked for: the worker's clock may be behind this one, and refuse an instant of its future.
    ...(at === undefined ? {} : { nominalTime: at }),
  };
  const request = parseDailySyncInput(given, now);
  const nominal = request.nominalTime === undefined ? now : new Date(request.nominalTime);
  await (await import('../settings-check.js')).refuseConflictingSettings();
  await withTemporal(async (session) => {
    const { dailySyncId, startDailySync, webAddress } = await import('../temporal.js');
    const workflowId = dailySyncId(nominal.toISOString().replace(/\.\d+Z$/, 'Z'), source);
    const started = await startDailySync(session, given, workflowId);
    const { attached, runId } = started;
    const web = webAddress(session, workflowId, runId ?? undefined);
    say(attached ? `${workflowId} is running already; attached to it.` : `Started ${workflowId}.`);
    if (web !== null) say(web);
    const about = { workflowId, runId, attached, webUrl: web };
    if (detach === true) {
      if (json === true) printJson({ ...about, detached: true });
      else print(workflowId);
      return;
    }
    await waitFor(session, started, about, json === true);
  });
}

async function waitFor(
  session: TemporalSession,
  started: StartedWorkflow,
  about: object,
  asJson: boolean,
): Promise<void> {
  const { describeBadEnd, followDetails } = await import('../follow-details.js');
  const { workflowId } = started;
  const outcome = await followDetails<DailySyncSummary>(session, started);
  if (outcome.kind === 'detached') {
    if (asJson) printJson({ ...about, detached: true });
    return;
  }
  const { state, result, message } = outcome;
  if (asJson) printJson({ ...about, detached: false, state, message, ...result });
  else if (result !== null) print(formatTable(columns, Object.entries(result.sources)));
  for (const line of result?.setAside ?? []) say(`set aside: ${line}`);
  if (state === 'completed') return;
  say(`error: ${describeBadEnd(workflowId, state, message)}`);
  process.exitCode = 1;
}
