/** `stack`: the embedded Postgres, PostgREST and Temporal of a data directory. */
import type { Command } from 'commander';
import type { StackInfo, StackStatus } from '../../stack/index.js';
import { addExample, addGroup, addJsonOption, type JsonOption } from '../options.js';
import { formatTable, printResult, say, type Column } from '../output.js';

interface StackOptions extends JsonOption {
  dataDir?: string;
  delete?: boolean;
}

export function addStack(program: Command): void {
  const stack = addGroup(
    program,
    'stack',
    'the embedded Postgres, PostgREST and Temporal, in the background',
    'stack start',
  );
  addStart(stack);
  addStackStatus(stack);
  addStop(stack);
}

function addDataDir(command: Command): Command {
  const help = 'the folder that holds everything (default: HOURLEDGER_DATA_DIR, else .hourledger)';
  return addJsonOption(command.option('--data-dir <dir>', help));
}

function addStart(stack: Command): void {
  const command = stack
    .command('start')
    .description('start what is not running, migrated and healthy when the command returns');
  addDataDir(addExample(command, 'stack start --data-dir .hourledger')).action(
    async ({ dataDir, json }: StackOptions) => {
      const { startStack } = await import('../../stack/index.js');
      const info = await startStack({ dataDir, log: say });
      printResult(json, info, () => describeInfo(info));
    },
  );
}

function addStackStatus(stack: Command): void {
  const command = stack
    .command('status')
    .description('show which parts run, and where (exit code 1 unless all do)');
  addDataDir(addExample(command, 'stack status --json')).action(async ({ dataDir, json }: StackOptions) => {
    const { stackStatus } = await import('../../stack/index.js');
    const status = stackStatus(dataDir);
    const { info, ...rest } = status;
    printResult(json, { ...rest, ...info }, () => describeStatus(status));
    if (status.state !== 'running') {
      say('Start what does not run with: npx hourledger stack start');
      process.exitCode = 1;
    }
  });
}

function addStop(stack: Command): void {
  const command = stack
    .command('stop')
    .description('stop all parts; the data stays')
    .option('--delete', 'remove the data, too');
  addDataDir(addExample(command, 'stack stop', 'stack stop --delete')).action(
    async ({ dataDir, json, delete: deleteData = false }: StackOptions) => {
      const { stopStack } = await import('../../stack/index.js');
      const result = await stopStack(dataDir, { deleteData });
      printResult(json, result, () => {
        const stopped =
          result.stopped.length === 0 ? 'Nothing was running.' : `Stopped ${result.stopped.join(', ')}.`;
        return result.deleted ? `${stopped} The data is removed.` : stopped;
      });
    },
  );
}

function describeInfo(info: StackInfo): string {
  return [
    `The stack in ${info.dataDir} is running.`,
    // Without the password; it is in the JSON, as the keys are.
    `  Postgres      ${new URL(info.databaseUrl).host}`,
    `  Supabase API  ${info.supabaseUrl}`,
    `  Temporal      ${info.temporalAddress} (namespace ${info.temporalNamespace})`,
    `  Temporal Web  ${info.temporalWebUrl}`,
    'Passwords and keys: npx hourledger stack status --json',
    'Next: npx hourledger worker',
  ].join('\n');
}

function describeStatus({ dataDir, state, parts, info, logsDir }: StackStatus): string {
  const columns: Column<StackStatus['parts'][number]>[] = [
    { title: 'Part', key: 'part', value: ({ part }) => part },
    { title: 'State', key: 'state', value: ({ running }) => (running ? 'running' : 'stopped') },
    { title: 'Pid', key: 'pid', value: ({ pid }) => pid, align: 'right' },
    { title: 'Port', key: 'port', value: ({ port }) => port, align: 'right' },
  ];
  const lines = [`The stack in ${dataDir}: ${state}.`];
  if (state !== 'never started') lines.push(formatTable(columns, parts), `Logs: ${logsDir}`);
  if (info !== null) lines.push(`Temporal Web: ${info.temporalWebUrl}`);
  return lines.join('\n');
}
