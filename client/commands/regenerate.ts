/** `regenerate` and `clear`: snapshots computed anew from raw rows, or deleted until something changes. */
import type { Command } from 'commander';
import type { Day, Source } from '../../activities/types.js';
import type { RegenerateInput } from '../../workflows/operations-input.js';
import type { SnapshotSummary } from '../../workflows/workspace-days.js';
import { CliError } from '../cli-error.js';
import { openLedger } from '../context.js';
import {
  addExample,
  addJsonOption,
  checkRange,
  dayOption,
  sourceOption,
  workspaceOption,
  type JsonOption,
} from '../options.js';
import { plural, print, printJson, say } from '../output.js';

interface RangeOptions extends JsonOption {
  source: Source;
  workspace?: number;
  from?: Day;
  to?: Day;
}

interface ClearOptions extends RangeOptions {
  yes?: boolean;
}

export function addRegenerate(program: Command): void {
  const regenerate = program
    .command('regenerate')
    .description('compute snapshots anew from their raw rows; cleared ones are there again');
  addRange(regenerate);
  const example = 'regenerate --source twilio --workspace 4 --from 2025-10-01 --to 2025-10-31';
  addJsonOption(addExample(regenerate, example)).action(runRegenerate);
  const clear = program
    .command('clear')
    .description('delete snapshots; an hour comes back when a record of it changes, or by regenerate');
  addRange(clear).option('--yes', 'do it; without this, only say what would be deleted');
  addJsonOption(addExample(clear, 'clear --source elevenlabs --from 2025-10-01 --yes')).action(runClear);
}

function addRange(command: Command): Command {
  return command
    .requiredOption('--source <source>', 'twilio or elevenlabs', sourceOption('--source'))
    .option('--workspace <number>', 'this workspace only', workspaceOption('--workspace'))
    .option('--from <day>', 'first UTC day, YYYY-MM-DD (default: the first there is)', dayOption('--from'))
    .option('--to <day>', 'last UTC day (default: the last there is)', dayOption('--to'));
}

function requestOf({ source, workspace, from, to }: RangeOptions): RegenerateInput {
  checkRange(from, to);
  return {
    source,
    ...(workspace === undefined ? {} : { workspaceId: workspace }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

async function runRegenerate(options: RangeOptions): Promise<void> {
  const input = requestOf(options);
  await checkWorkspace(options.workspace);
  const { rangeId, runOperation } = await import('../operations.js');
  const ended = await runOperation<SnapshotSummary>(
    {
      workflowType: 'regenerateSnapshots',
      workflowId: rangeId('regenerate', input),
      input,
      summary: describe(input),
    },
    options.json === true,
  );
  if (ended === null) return;
  const { days, snapshots, setAside } = ended.result;
  if (options.json === true) printJson({ workflowId: ended.workflowId, ...ended.result });
  else print(`Computed ${plural(snapshots, 'snapshot')} of ${plural(days, 'workspace day')} anew.`);
  for (const line of setAside) say(`set aside: ${line}`);
}

interface Counted {
  snapshots: number;
  workspaces: number;
  first: string | null;
  last: string | null;
}

async function runClear(options: ClearOptions): Promise<void> {
  const input = requestOf(options);
  const ledger = await checkWorkspace(options.workspace);
  const { snapshots, workspaces, first, last } = await ledger.call<Counted>('count_snapshots', {
    p_source: input.source,
    p_workspace: input.workspaceId ?? null,
    p_from: input.from ?? null,
    p_to: input.to ?? null,
  });
  const span = first === null || last === null ? '' : `, from ${first} to ${last}`;
  const what = `${plural(snapshots, `${input.source} snapshot`)} of ${plural(workspaces, 'workspace')}${span}`;
  if (options.yes !== true) {
    throw new CliError(`this would delete ${what}. Records stay. To do it, add --yes.`, 2);
  }
  say(`Deleting ${what}. Records stay; regenerate brings the snapshots back.`);
  const { rangeId, runOperation } = await import('../operations.js');
  const ended = await runOperation<SnapshotSummary>(
    {
      workflowType: 'clearSnapshots',
      workflowId: rangeId('clear', input),
      input: { ...input, confirm: true },
      summary: describe(input),
    },
    options.json === true,
  );
  if (ended === null) return;
  if (options.json === true) printJson({ workflowId: ended.workflowId, ...ended.result });
  else print(`Cleared ${plural(ended.result.snapshots, 'snapshot')}.`);
}

async function checkWorkspace(workspace: number | undefined) {
  const ledger = await openLedger();
  if (workspace !== undefined) await ledger.call('check_workspace', { p_workspace: workspace });
  return ledger;
}

function describe({ source, workspaceId, from, to }: RegenerateInput): string {
  const who = workspaceId === undefined ? 'all workspaces' : `workspace ${workspaceId}`;
  return `${source}, ${who}, ${from ?? 'from the first day'} to ${to ?? 'the last day'}`;
}
