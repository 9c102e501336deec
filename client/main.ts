/**
 * The `hourledger` command line: its commands, how errors are told, and the exit codes.
 *
 * 0: done. 1: the work failed, or what was checked does not hold. 2: the input was wrong, and nothing was changed.
 * Nothing heavy is imported here: each command loads what it needs when it runs.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../database/package-root.js';
import { describeError, oneLine } from './cli-error.js';
import { addAgents } from './commands/agents.js';
import { addBackfill } from './commands/backfill.js';
import { addBackfillControls } from './commands/control.js';
import { addDoctor } from './commands/doctor.js';
import { addFind } from './commands/find.js';
import { addMigrate } from './commands/migrate.js';
import { addPhones } from './commands/phones.js';
import { addRates } from './commands/rates.js';
import { addReclassify } from './commands/reclassify.js';
import { addReconcile } from './commands/reconcile.js';
import { addRegenerate } from './commands/regenerate.js';
import { addReport } from './commands/report.js';
import { addSchedule } from './commands/schedule.js';
import { addServe } from './commands/serve.js';
import { addSettings } from './commands/settings.js';
import { addStack } from './commands/stack.js';
import { addStatus } from './commands/status.js';
import { addSync } from './commands/sync.js';
import { addVerify } from './commands/verify.js';
import { addWorker } from './commands/worker.js';
import { addWorkspaces } from './commands/workspaces.js';
import { embeddedDataDir } from './context.js';
import { addExample } from './options.js';
import { say } from './output.js';

/** Every command, for the command line and for tests that look through them. */
export function createProgram(): Command {
  const program = new Command('hourledger')
    .description('An exact hourly cost ledger of voice traffic: Twilio calls and ElevenLabs conversations.')
    .version(version(), '--version', 'print the version')
    .helpOption('--help', 'show this help')
    .helpCommand(false)
    .exitOverride()
    // Commander's own errors take two lines where it has a suggestion.
    .configureOutput({ outputError: (text, write) => write(`${oneLine(text)}\n`) });
  addExample(program, 'stack start', 'backfill --source twilio --from 2025-08-01 --to 2025-10-31', 'report');
  const commands = [
    ...[
      addStack,
      addWorker,
      addServe,
      addMigrate,
      addBackfill,
      addSync,
      addStatus,
      addBackfillControls,
      addVerify,
    ],
    ...[addRegenerate, addReclassify, addReconcile],
    ...[addReport, addSchedule, addPhones, addWorkspaces, addAgents, addRates, addSettings],
    ...[addFind, addDoctor],
  ];
  for (const add of commands) add(program);
  return program;
}

function version(): string {
  const file = path.join(packageRoot(), 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** Runs one command line, and sets the exit code. */
async function run(argv: readonly string[]): Promise<void> {
  // Who closes a pipe early, such as `head`, has seen enough.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit();
      throw error;
    });
  }
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help that was asked for and the version end well; all else of commander's is about the input.
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    const { line, exitCode } = describeError(error, embeddedDataDir());
    say(`error: ${line}`);
    process.exitCode = exitCode;
  }
}

await run(process.argv);
