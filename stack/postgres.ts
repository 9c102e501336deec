/** The embedded PostgreSQL: makes its cluster, starts it, finds it again after a crash, stops it. */
import { execFile, execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { totalmem } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { packageRoot } from '../database/package-root.js';
import { nativePostgres } from './native-postgres.js';
import { choosePort, requirePort } from './ports.js';
import {
  identityOf,
  isAlive,
  lastLine,
  spawnDetached,
  terminate,
  waitHealthy,
  waitUntil,
} from './processes.js';
import { StackError } from './stack-error.js';
import { databaseUrlOf, stackPaths, type KnownProcess, type StackState } from './state.js';
import { chooseRunAs, giveTo, letPass, type RunAs } from './unprivileged.js';

const run = promisify(execFile);
/** Recovery after a crash replays at most max_wal_size; this is far more than it takes. */
const start_ms = 120_000;
/** How long a fast shutdown, with its checkpoint, may take before it is done the hard way. */
const stop_ms = 20_000;

/**
 * A sixteenth of the machine's memory, within limits: ids come in random order, so that a big table's index of them is
 * either in here or read page by page. Memory is taken only as pages come in.
 */
const sharedBuffers_mb = Math.round(Math.min(1024, Math.max(256, totalmem() / 2 ** 20 / 16)));

/**
 * Beyond the defaults: loopback only and no socket file, nothing for replication, and room for a bulk load between two
 * checkpoints. fsync, full_page_writes and synchronous_commit stay on: a commit that Postgres forgot and Temporal
 * remembers would be a lost page.
 */
const serverSettings = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'max_connections=200',
  `shared_buffers=${sharedBuffers_mb}MB`,
  'wal_level=minimal',
  'max_wal_senders=0',
  'max_wal_size=2GB',
  'checkpoint_timeout=15min',
  'jit=off',
  // A statement that fails may hold a whole page of records; the log is no place for them.
  'log_min_error_statement=panic',
  'timezone=UTC',
  'log_timezone=UTC',
];

/** Starts PostgreSQL unless it runs, and returns when it answers a query. `save` is called when something is to be remembered. */
export async function ensurePostgres(dataDir: string, state: StackState, save: () => void): Promise<void> {
  const paths = stackPaths(dataDir);
  const logFile = path.join(paths.logs, 'postgres.log');
  const known = isAlive(state.processes.postgres) ? state.processes.postgres : findRunning(paths.postgres);
  if (known !== null) {
    state.processes.postgres = known;
    save();
    await waitHealthy('PostgreSQL', known, logFile, () => answers(state), start_ms);
    return;
  }
  const native = nativePostgres();
  const runAs = chooseRunAs(dataDir, native);
  letPass(dataDir, runAs);
  if (existsSync(paths.postgres)) giveTo(paths.postgres, runAs);
  else await initialize(dataDir, native, runAs, state.secrets.databasePassword);
  await launch(dataDir, native, runAs, state, save);
}

/** The pid in postmaster.pid is ours only when that process has our folder as its own; it may be a stranger by now. */
function findRunning(folder: string): KnownProcess | null {
  const pid = postmasterPid(folder);
  if (pid === null) return null;
  const identity = identityOf(pid);
  return identity !== null && worksIn(pid, folder) ? { pid, identity } : null;
}

function postmasterPid(folder: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path.join(folder, 'postmaster.pid'), 'utf8'), 10);
    return pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

/** PostgreSQL's processes have their data folder as working directory; elsewhere than on Linux the command line tells. */
function worksIn(pid: number, folder: string): boolean {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).includes(
        `-D ${folder} `,
      );
    }
    const isPostgres = readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('postgres');
    return isPostgres && readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch {
    return false;
  }
}

/** Makes the cluster aside and renames it, so that a cluster that is there is a whole one. */
async function initialize(dataDir: string, native: string, runAs: RunAs, password: string): Promise<void> {
  const folder = stackPaths(dataDir).postgres;
  // Named after this process: the initdb of one that was killed may still be at work in its own.
  for (const name of readdirSync(dataDir)) {
    if (/^postgres\..*\.new$/.test(name))
      rmSync(path.join(dataDir, name), { recursive: true, force: true, maxRetries: 5 });
  }
  const aside = `${folder}.${process.pid}.new`;
  mkdirSync(aside, { mode: 0o700 });
  // initdb wants an empty folder for the cluster, and the password in a file that it can read.
  const cluster = path.join(aside, 'cluster');
  const passwordFile = path.join(aside, 'password');
  mkdirSync(cluster, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  giveTo(aside, runAs);
  const options = [
    '--pgdata',
    cluster,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
  ];
  // Sorted by bytes, the same on every machine; letters still have their upper and lower case.
  options.push('--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
  const [command, ...args] = [...runAs.prefix, path.join(native, 'bin', 'initdb'), ...options];
  try {
    await run(command ?? '', args, {
      cwd: '/',
      env: serverEnvironment(),
      ...(runAs.uid === undefined ? {} : { uid: runAs.uid }),
      ...(runAs.gid === undefined ? {} : { gid: runAs.gid }),
    });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? '';
    throw new StackError(
      `PostgreSQL's data cannot be made in "${folder}": ${said.trim() || String(error)}`,
      1,
      { cause: error },
    );
  }
  renameSync(cluster, folder);
  rmSync(aside, { recursive: true, force: true });
}

/**
 * No PG… variable of the person's shell may reach the server. A merge handles texts of megabytes again and again: left to
 * itself, glibc gives their memory back to the system and asks for it anew each time, a page fault for every 4 kB
 * (https://man7.org/linux/man-pages/man3/mallopt.3.html). So each connection may keep up to 64 MB of what it once needed.
 */
function serverEnvironment(): NodeJS.ProcessEnv {
  return {
    ...{ PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...{ MALLOC_MMAP_THRESHOLD_: String(32 * 2 ** 20), MALLOC_TRIM_THRESHOLD_: String(64 * 2 ** 20) },
  };
}

async function launch(
  dataDir: string,
  native: string,
  runAs: RunAs,
  state: StackState,
  save: () => void,
): Promise<void> {
  const paths = stackPaths(dataDir);
  const logFile = path.join(paths.logs, 'postgres.log');
  const isFirst = state.ports.postgres === undefined;
  // More than one try only where the reason passes: a port that was taken first, orphans of a killed server.
  for (let tries = 1; ; tries++) {
    if (isFirst) state.ports.postgres = await choosePort(Object.values(state.ports));
    const port = state.ports.postgres ?? 0;
    if (!isFirst) await requirePort(port, 'PostgreSQL');
    // Left by a crash: findRunning() has seen that the process it names, if there is one, is not this server.
    rmSync(path.join(paths.postgres, 'postmaster.pid'), { force: true });
    const settings = [...serverSettings, `port=${port}`].flatMap((setting) => ['-c', setting]);
    const [command = '', ...args] = [
      ...runAs.prefix,
      path.join(native, 'bin', 'postgres'),
      '-D',
      paths.postgres,
      ...settings,
    ];
    const { uid, gid } = runAs;
    const user = uid === undefined || gid === undefined ? {} : { uid, gid };
    const started = await spawnDetached({
      command,
      args,
      env: serverEnvironment(),
      logFile,
      cwd: '/',
      ...user,
    });
    state.processes.postgres = started;
    save();
    try {
      await waitHealthy('PostgreSQL', started, logFile, () => answers(state), start_ms);
      return;
    } catch (error) {
      const said = lastLines(logFile);
      const passes = said.includes('shared memory block') || (isFirst && said.includes('could not bind'));
      if (isAlive(started) || !passes || tries >= 5) throw error;
      await endOrphans(paths.postgres);
    }
  }
}

function lastLines(logFile: string): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8').slice(-1500) : lastLine(logFile);
}

/** A killed server's children end by themselves, but one that is in a long query only after it. */
async function endOrphans(folder: string): Promise<void> {
  const orphans = () => {
    if (process.platform !== 'linux') return [];
    const pids = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    return pids
      .filter((pid) => worksIn(pid, folder))
      .map((pid) => ({ pid, identity: identityOf(pid) ?? '' }));
  };
  if (await waitUntil(() => orphans().length === 0, 2_000)) return;
  await Promise.all(orphans().map((orphan) => terminate(orphan, ['SIGQUIT'], 2_000)));
}

async function answers(state: StackState): Promise<boolean> {
  const client = new pg.Client({ connectionString: databaseUrlOf(state), connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch (error) {
    // Our own port answers, but does not know our password: that is not our server, and waiting does not help.
    if ((error as { code?: string }).code === '28P01') {
      throw new StackError(
        `Another PostgreSQL answers on port ${state.ports.postgres ?? 0}: stop it and start again.`,
        2,
      );
    }
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Makes Supabase's roles in a database, with this data directory's password for the one that PostgREST logs in as. */
export async function prepareRoles(databaseUrl: string, authenticatorPassword: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const done = await client.query(
      `select from pg_catalog.pg_roles where rolname = 'authenticator' and to_regclass('supabase_migrations.schema_migrations') is not null`,
    );
    if (done.rowCount !== 0) return;
    // The lock is for databases of one server that are prepared side by side: roles belong to the server.
    await client.query('begin; select pg_catalog.pg_advisory_xact_lock(26739)');
    await client.query(readFileSync(path.join(packageRoot(), 'stack', 'roles.sql'), 'utf8'));
    await client.query(`alter role authenticator password ${pg.escapeLiteral(authenticatorPassword)}`);
    await client.query('commit');
  } finally {
    await client.end();
  }
}

/** Stops PostgreSQL, also one that this data directory has lost sight of. */
export async function stopPostgres(dataDir: string, known: KnownProcess | undefined): Promise<void> {
  const folder = stackPaths(dataDir).postgres;
  // SIGINT is PostgreSQL's fast shutdown: sessions are ended, everything is written. SIGQUIT leaves recovery to the next start.
  const server = isAlive(known) ? known : findRunning(folder);
  if (server !== null) await terminate(server, ['SIGINT', 'SIGQUIT'], stop_ms);
  await endOrphans(folder);
}
