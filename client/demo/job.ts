/** The demonstration's main job: schedule, backfill of both sources side by side, verification, and what came of it. */
import { sources, type Source } from '../../activities/types.js';
import type { Ledger } from '../../database/ledger.js';
import { parseBackfillInput } from '../../workflows/input.js';
import { CliError, oneLine } from '../cli-error.js';
import { columnsOf, readCosts, readTotal } from '../costs.js';
import { followBackfill } from '../follow-backfill.js';
import { formatDuration, formatTable, plural, print, say } from '../output.js';
import { createProgressDisplay, type ProgressLine } from '../progress-bar.js';
import { isPolled, startBackfill, taskQueue, type TemporalSession } from '../temporal.js';
import { verifyLedger } from '../verification.js';
import { isRunning, lastLine, type Worker } from './processes.js';
import { differingFigures, type Figures } from './figures.js';

const { demoFigures } = await import('../../simulator/demo-data.js');

const workerStart_ms = 60_000;
const look_ms = 100;

/** Returns when the worker takes work of every source. @throws CliError when it ends instead */
export async function waitForWorker(session: TemporalSession, worker: Worker): Promise<void> {
  const end_ms = Date.now() + workerStart_ms;
  const queues = [taskQueue, ...sources.map((source) => `${taskQueue}-${source}`)];
  for (;;) {
    const polled = await Promise.all(queues.map((queue) => isPolled(session, queue, 'activity')));
    if (polled.every(Boolean)) return;
    if (!isRunning(worker.child) || Date.now() > end_ms) {
      throw new CliError(`The worker does not start: ${lastLine(worker.logFile)}. See ${worker.logFile}`);
    }
    await new Promise((resolve) => setTimeout(resolve, look_ms));
  }
}

/** Backfills all sources at once, with progress. @throws CliError when one does not complete */
export async function backfillAll(
  session: TemporalSession,
  faked: readonly Source[],
  leave: AbortSignal,
): Promise<void> {
  const display = await createProgressDisplay(process.stderr);
  const { firstDay, lastDay } = demoFigures;
  const run = async (source: Source) => {
    const request = parseBackfillInput({ source, from: firstDay, to: lastDay }, new Date());
    const started = await startBackfill(session, request);
    const line = display.line(source.padEnd(10));
    // The fake provider keeps everything, so that it is of no use to be told what the real one forgets.
    const quiet: ProgressLine = {
      ...line,
      note: (text) => !text.includes('come back empty') && line.note(text),
    };
    return followBackfill(session, started, faked.includes(source) ? quiet : line, leave);
  };
  try {
    for (const outcome of await Promise.all(sources.map(run))) {
      if (outcome.kind === 'detached') throw new CliError('Left before the backfill had ended.');
      if (outcome.state === 'completed') continue;
      throw new CliError(`A backfill ${outcome.state}: ${oneLine(outcome.message ?? '')}`);
    }
  } finally {
    display.stop();
  }
}

/** Compares all snapshots with their raw rows. @throws CliError when one differs */
export async function verifyAll(ledger: Ledger): Promise<void> {
  const { hours, differing, differences, pendingHours } = await verifyLedger(ledger);
  if (differing > 0) {
    throw new CliError(
      `${plural(differing, 'field')} of snapshots differ, the first: ${JSON.stringify(differences[0])}`,
    );
  }
  if (pendingHours > 0) throw new CliError(`${plural(pendingHours, 'hour')} are still to drain.`);
  say(`Verified: ${plural(hours, 'snapshot')} equal the sums of their raw rows, to the last digit.`);
}

/** Prints costs by workspace. */
export async function showCosts(ledger: Ledger): Promise<void> {
  const [rows, total] = await Promise.all([readCosts(ledger, {}), readTotal(ledger, {})]);
  print(`\n${formatTable(columnsOf(false, 'USD', [...rows, total]), rows, total)}\n`);
}

/** Prints the counts, the worked example and the times. @returns whether all figures are what they must be */
export function showFigures(
  figures: Figures,
  times: { backfill_ms: number; began_ms: number },
  memory_mb: number | null,
): void {
  const { workspaceId, hour } = demoFigures.workedExample;
  const { calls, conversations, twilioSnapshots, elevenlabsSnapshots, workedExample: example } = figures;
  print(
    `Snapshots   ${twilioSnapshots} of ${plural(calls, 'call')}, ${elevenlabsSnapshots} of ${plural(conversations, 'conversation')}`,
  );
  if (example !== null) {
    print(`Example     workspace ${workspaceId}, hour ${hour}:`);
    print(`            ${example.calls} calls, cost ${example.callCost}, ${example.callSeconds} s`);
    print(
      `            ${example.conversations} conversations, ${example.credits} credits = ` +
        `${example.llmCharge} + ${example.callCharge}, ${example.conversationSeconds} s`,
    );
  }
  const whole_ms = Date.now() - times.began_ms;
  print(`Time        backfill ${formatDuration(times.backfill_ms)}, everything ${formatDuration(whole_ms)}`);
  if (memory_mb !== null) print(`Memory      the worker had ${memory_mb} MB at most`);
}

/** @throws CliError when a figure is not what it must be */
export function checkFigures(figures: Figures): void {
  const wrong = differingFigures(figures);
  if (wrong.length > 0) throw new CliError(`Figures of the demonstration differ: ${wrong.join('; ')}`);
}
