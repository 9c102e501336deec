/**
 * `npm run demo`: the main job on the embedded parts, from nothing to a verified table, then up until Ctrl-C.
 *
 * `--exit` ends by itself: 0 when every figure is what it must be, else 1.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { sources, type Source } from '../activities/types.js';
import { Ledger } from '../database/ledger.js';
import { connectionsOf } from '../settings/connections.js';
import type { StackInfo } from '../stack/index.js';
import { CliError, describeError } from './cli-error.js';
import { readFigures, seedMapping } from './demo/figures.js';
import * as job from './demo/job.js';
import * as processes from './demo/processes.js';
import { leavingOnInterrupt } from './interrupt.js';
import { print, say } from './output.js';
import { applySchedule, defaultCron } from './schedule.js';
import { connectTemporal, type TemporalSession } from './temporal.js';

// Other parts of the client never load these two.
const { demoCredentials } = await import('../simulator/demo-data.js');
const { startStack, stopStack } = await import('../stack/index.js');

const usage = `usage: npm run demo [-- --exit] [--data-dir DIR]

  --exit          end when the job is done, in a fresh data directory that is removed afterwards
  --data-dir DIR  keep the data here (default: .hourledger-demo, or a fresh one with --exit)

Example:
  $ npm run demo -- --exit`;

interface DemoOptions {
  exit: boolean;
  dataDir: string;
  /** The data directory is a fresh one, and goes at the end. */
  temporary: boolean;
}

/** Everything that was started, to be stopped in the reverse order. */
interface Started {
  info?: StackInfo;
  simulator?: processes.Simulator;
  worker?: processes.Worker;
  session?: TemporalSession;
}

/** Variables that lead elsewhere; the demonstration must not touch a ledger that is in use. */
const notPassedOn = [
  ...['SUPABASE_URL', 'NEXT_PUBLIC_SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY', 'POSTGREST_URL'],
  ...['DATABASE_URL', 'LEDGER_CURRENCY', 'DEFAULT_WORKSPACE_ID', 'HOURLEDGER_DATA_DIR'],
];

const began_ms = Date.now();

/** @throws CliError (2) for options that there are not */
function readOptions(): DemoOptions | null {
  try {
    const { values } = parseArgs({
      options: { exit: { type: 'boolean' }, 'data-dir': { type: 'string' }, help: { type: 'boolean' } },
    });
    if (values.help === true) return null;
    const { exit = false } = values;
    const given = values['data-dir'];
    const temporary = exit && given === undefined;
    const fallback = () =>
      temporary ? mkdtempSync(path.join(tmpdir(), 'hourledger-demo-')) : '.hourledger-demo';
    return { exit, temporary, dataDir: path.resolve(given ?? fallback()) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CliError(`${message} See: npm run demo -- --help`, 2, { cause: error });
  }
}

/** The sources that no credentials are set for. */
function fakedSources(): Source[] {
  const isSet = (name: string) => (process.env[name] ?? '').trim() !== '';
  const real: Record<Source, boolean> = {
    twilio: isSet('TWILIO_ACCOUNT_SID'),
    elevenlabs: isSet('ELEVENLABS_API_KEY'),
  };
  return sources.filter((source) => !real[source]);
}

function environmentOf(
  dataDir: string,
  faked: readonly Source[],
  simulator: processes.Simulator,
): NodeJS.ProcessEnv {
  const { twilio, elevenlabs } = demoCredentials;
  const isPassedOn = (name: string) => !notPassedOn.includes(name) && !name.startsWith('TEMPORAL_');
  const passed = Object.entries(process.env).filter(([name]) => isPassedOn(name));
  return {
    ...Object.fromEntries(passed),
    HOURLEDGER_DATA_DIR: dataDir,
    ...(faked.includes('twilio') && {
      TWILIO_ACCOUNT_SID: twilio.accountSid,
      TWILIO_AUTH_TOKEN: twilio.authToken,
      TWILIO_BASE_URL: simulator.twilioUrl,
    }),
    ...(faked.includes('elevenlabs') && {
      ELEVENLABS_API_KEY: elevenlabs.apiKey,
      ELEVENLABS_BASE_URL: simulator.elevenLabsUrl,
    }),
  };
}

async function run(options: DemoOptions, started: Started, leave: AbortSignal): Promise<void> {
  const { dataDir } = options;
  const faked = fakedSources();
  say(`Starting Postgres, PostgREST and Temporal in ${dataDir}, and the fake providers …`);
  const info = await startStack({ dataDir, log: say });
  started.info = info;
  const logs = path.join(info.dataDir, 'logs');
  const [simulator] = await Promise.all([
    processes.startSimulator(path.join(logs, 'simulator.log')),
    seedMapping(info.databaseUrl),
  ]);
  started.simulator = simulator;
  const environment = environmentOf(info.dataDir, faked, simulator);
  const worker = processes.startWorker(environment, path.join(logs, 'worker.log'));
  started.worker = worker;
  const where = connectionsOf(info, info.dataDir);
  const session = await connectTemporal(where);
  started.session = session;
  say(`Schedule: ${await applySchedule(session, defaultCron)}. Temporal Web: ${info.temporalWebUrl}`);
  await job.waitForWorker(session, worker);
  const backfillBegan_ms = Date.now();
  await job.backfillAll(session, faked, leave);
  const backfill_ms = Date.now() - backfillBegan_ms;
  const ledger = new Ledger(where);
  await job.verifyAll(ledger);
  await job.showCosts(ledger);
  const figures = await readFigures(info.databaseUrl);
  job.showFigures(figures, { backfill_ms, began_ms }, processes.peakMemory_mb(worker.child));
  if (faked.length === sources.length) job.checkFigures(figures);
  if (!options.exit) await stayUp(info, worker, leave);
}

/** Says what to look at and what to type, and waits for Ctrl-C. */
async function stayUp(info: StackInfo, worker: processes.Worker, leave: AbortSignal): Promise<void> {
  const here = path.relative(process.cwd(), info.dataDir) || info.dataDir;
  const prefix = `HOURLEDGER_DATA_DIR=${here} npx hourledger`;
  const input = `'{"source": "twilio", "from": "2025-10-01", "to": "2025-10-07", "reprocess": "completed"}'`;
  print(`
Open        ${info.temporalWebUrl}  (Temporal Web: workflows and the schedule)
Type        ${prefix} status
            ${prefix} report --by month
            ${prefix} phones unmapped
            ${prefix} doctor
            temporal workflow start --address ${info.temporalAddress} --task-queue hourledger --type backfill \\
              --workflow-id my-backfill --input ${input}
Query       the databaseUrl of: npx hourledger stack status --json --data-dir ${here}
            select * from communication_costs where workspace_id = 4 order by snapshot_date;

Up until Ctrl-C. The data stays in ${here}; remove it with: npx hourledger stack stop --delete --data-dir ${here}`);
  await new Promise<void>((resolve) => {
    leave.addEventListener('abort', () => resolve(), { once: true });
    if (leave.aborted) resolve();
    worker.child.once('exit', () => {
      if (!leave.aborted) say(`The worker has ended; see ${worker.logFile}`);
    });
    // Nothing else need be under way, and a promise alone keeps no process alive.
    const alive = setInterval(() => undefined, 60_000);
    leave.addEventListener('abort', () => clearInterval(alive), { once: true });
  });
}

async function stopAll(options: DemoOptions, started: Started): Promise<void> {
  const { worker, simulator, session } = started;
  if (worker !== undefined) await processes.stopProcess(worker.child);
  await session?.close();
  if (simulator !== undefined) await processes.stopProcess(simulator.child);
  await stopStack(options.dataDir, { deleteData: options.temporary });
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === null) {
    print(usage);
    return;
  }
  const started: Started = {};
  await leavingOnInterrupt(async (leave) => {
    try {
      await run(options, started, leave);
    } catch (error) {
      if (!leave.aborted) throw error;
    } finally {
      say('Stopping …');
      await stopAll(options, started);
    }
  });
}

try {
  await main();
} catch (error) {
  const { line, exitCode } = describeError(error, null);
  say(`error: ${line}`);
  process.exitCode = exitCode;
}
