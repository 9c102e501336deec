/** `backfill`: starts a backfill, or finds the one that runs already, and waits for it. */
import type { Command } from 'commander';
import type { Day } from '../../activities/types.js';
import { defaultMaxParallelDays, limitOfParallelDays } from '../../workflows/day-window.js';
import type { BackfillRequest } from '../../workflows/input.js';
import type { BackfillProgress } from '../../workflows/messages.js';
import { oneLine } from '../cli-error.js';
import { withTemporal } from '../context.js';
import type { Outcome } from '../follow.js';
import { addExample, addJsonOption, type JsonOption } from '../options.js';
import { formatDuration, plural, print, printJson, say } from '../output.js';
import type { StartedWorkflow, TemporalSession } from '../temporal.js';

interface BackfillOptions extends JsonOption {
  source: string;
  from: Day;
  to: Day;
  order?: string;
  maxParallelDays?: string;
  reprocess?: string;
  dryRun?: boolean;
  detach?: boolean;
}

export function addBackfill(program: Command): void {
  const command = program
    .command('backfill')
    .description('read every day of a range of one source; days that are done stay done')
    .requiredOption('--source <source>', 'twilio or elevenlabs')
    .requiredOption('--from <day>', 'first UTC day, YYYY-MM-DD')
    .requiredOption('--to <day>', 'last UTC day, YYYY-MM-DD')
    .option('--order <order>', 'newest-first (default) or oldest-first')
    .option(
      '--max-parallel-days <n>',
      `days under way at once, 1 to ${limitOfParallelDays} (default: ${defaultMaxParallelDays})`,
    )
    .option(
      '--reprocess <choice>',
      'none (days never tried), failed (default: every day not completed) or completed (all)',
    )
    .option('--dry-run', 'ask and count, and write nothing')
    .option('--detach', 'do not wait for the end');
  const range = 'backfill --source twilio --from 2025-08-01 --to 2025-10-31';
  addJsonOption(addExample(command, range, `${range} --reprocess completed --detach`)).action(runCommand);
}

async function runCommand(options: BackfillOptions): Promise<void> {
  const { parseBackfillInput } = await import('../../workflows/input.js');
  const request = parseBackfillInput(inputOf(options), new Date());
  await (await import('../settings-check.js')).refuseConflictingSettings();
  await withTemporal(async (session) => {
    const { startBackfill, webAddress } = await import('../temporal.js');
    const started = await startBackfill(session, request);
    const { workflowId, runId, attached } = started;
    const web = webAddress(session, workflowId, runId ?? undefined);
    say(attached ? `${workflowId} is running already; attached to it.` : `Started ${workflowId}.`);
    if (web !== null) say(web);
    const about = { workflowId, runId, attached, webUrl: web };
    if (options.detach === true) {
      if (options.json === true) printJson({ ...about, detached: true });
      else print(workflowId);
      return;
    }
    const outcome = await waitFor(session, started, request);
    if (options.json === true) printJson({ ...about, ...documentOf(outcome) });
    report(workflowId, request, outcome, options.json === true ? say : print);
  });
}

/** What was typed, in the workflow's words, so that the workflow's own check judges it. */
function inputOf(options: BackfillOptions): unknown {
  const { source, from, to, order, reprocess, dryRun, maxParallelDays } = options;
  const days =
    maxParallelDays === undefined || !/^\d+$/.test(maxParallelDays)
      ? maxParallelDays
      : Number(maxParallelDays);
  const given = { source, from, to, order, reprocess, dryRun, maxParallelDays: days };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

async function waitFor(
  session: TemporalSession,
  started: StartedWorkflow,
  request: BackfillRequest,
): Promise<Outcome<BackfillProgress>> {
  const [{ createProgressDisplay }, { followBackfill }, { leavingOnInterrupt }] = await Promise.all([
    import('../progress-bar.js'),
    import('../follow-backfill.js'),
    import('../interrupt.js'),
  ]);
  const display = await createProgressDisplay(process.stderr);
  try {
    return await leavingOnInterrupt((leave) =>
      followBackfill(session, started, display.line(request.source), leave),
    );
  } finally {
    display.stop();
  }
}

function documentOf(outcome: Outcome<BackfillProgress>): object {
  if (outcome.kind === 'detached') return { detached: true };
  return { ...outcome.result, detached: false, state: outcome.state, message: outcome.message };
}

/** Tells how it ended, and sets the exit code. */
function report(
  workflowId: string,
  { source, from, to }: BackfillRequest,
  outcome: Outcome<BackfillProgress>,
  write: (text: string) => void,
): void {
  if (outcome.kind === 'detached') {
    say(`Left ${workflowId}; it goes on. The same command attaches to it again, and this cancels it:`);
    say(`  hourledger cancel --source ${source} --from ${from} --to ${to}`);
    // As after any Ctrl-C, so that a script does not go on as if the work was done.
    process.exitCode = 130;
    return;
  }
  const { result, state, message } = outcome;
  if (result !== null) write(describeEnd(workflowId, result, state));
  if (state === 'completed') return;
  say(`error: ${workflowId} ${state === 'failed' ? 'failed' : `was ${state}`}: ${oneLine(message ?? '')}`);
  process.exitCode = 1;
}

function describeEnd(workflowId: string, progress: BackfillProgress, state: string): string {
  const { days, records, failedDays, warnings } = progress;
  const took = formatDuration(Date.now() - Date.parse(progress.startedAt));
  const counts = Object.entries<number>({ ...records }).map(
    ([what, count]) => `${count.toLocaleString('en-US')} ${what}`,
  );
  return [
    `${workflowId}: ${state} after ${took}${progress.dryRun ? ' (dry run: nothing was written)' : ''}`,
    `  days     ${days.completed} completed, ${days.open} open, ${days.failed} failed, of ${days.total}`,
    ...(days.total === 0
      ? ['  note     Every day is done already; --reprocess completed reads them again.']
      : []),
    `  records  ${counts.join(', ')}`,
    ...failedDays.map(({ day, message }) => `  failed   ${day}: ${oneLine(message)}`),
    ...(days.failed > failedDays.length
      ? [`  failed   and ${plural(days.failed - failedDays.length, 'day')} more; see: hourledger status`]
      : []),
    ...warnings.map((warning) => `  note     ${oneLine(warning)}`),
  ].join('\n');
}
