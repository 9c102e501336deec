/** `pause`, `resume` and `cancel`, of backfills that are running. */
import type { Command } from 'commander';
import type { BackfillFilter } from '../backfills.js';
import { CliError } from '../cli-error.js';
import { withTemporal } from '../context.js';
import {
  addExample,
  addJsonOption,
  checkRange,
  dayOption,
  sourceOption,
  type JsonOption,
} from '../options.js';
import { printResult, say } from '../output.js';

interface Control {
  name: 'pause' | 'resume' | 'cancel';
  description: string;
  done: string;
}

const controls: Control[] = [
  { name: 'pause', description: 'let running backfills start no further day', done: 'Paused' },
  { name: 'resume', description: 'let paused backfills go on', done: 'Resumed' },
  {
    name: 'cancel',
    description: 'end running backfills; days under way are finished first',
    done: 'Asked to end, when the days under way are finished:',
  },
];

export function addBackfillControls(program: Command): void {
  for (const control of controls) {
    const command = program
      .command(control.name)
      .description(control.description)
      .option('--source <source>', 'of this source only', sourceOption('--source'))
      .option('--from <day>', 'with this first day only', dayOption('--from'))
      .option('--to <day>', 'with this last day only', dayOption('--to'));
    addJsonOption(addExample(command, control.name, `${control.name} --source twilio`)).action(
      (options: BackfillFilter & JsonOption) => apply(control, options),
    );
  }
}

async function apply(
  { name, done }: Control,
  { json, ...filter }: BackfillFilter & JsonOption,
): Promise<void> {
  checkRange(filter.from, filter.to);
  await withTemporal(async (session) => {
    const { findBackfills } = await import('../backfills.js');
    const found = await findBackfills(session, filter);
    if (found.length === 0) {
      const narrowed = Object.keys(filter).length > 0;
      const remedy = 'See what runs with: hourledger status';
      throw new CliError(`No backfill is running${narrowed ? ' that fits these options' : ''}. ${remedy}`);
    }
    const acted: string[] = [];
    for (const { workflowId } of found) {
      const handle = session.client.workflow.getHandle(workflowId);
      try {
        await (name === 'cancel' ? handle.cancel() : handle.signal(name));
        acted.push(workflowId);
      } catch (error) {
        // It ended between the list and now.
        if (!(error instanceof Error) || error.name !== 'WorkflowNotFoundError') throw error;
        say(`${workflowId} has ended meanwhile.`);
      }
    }
    printResult(json, { action: name, workflowIds: acted }, () =>
      acted.map((id) => `${done} ${id}`).join('\n'),
    );
    if (acted.length === 0) process.exitCode = 1;
  });
}
