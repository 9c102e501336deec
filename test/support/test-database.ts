/** A database of its own for a test: a clone of the migrated template and, when asked for, its own PostgREST. */
import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import path from 'node:path';
import pg from 'pg';
import { choosePort } from '../../stack/ports.js';
import { launchPostgrest, restAnswers } from '../../stack/postgrest.js';
import { terminate, waitHealthy } from '../../stack/processes.js';
import { createProxy } from '../../stack/proxy.js';
import type { KnownProcess } from '../../stack/state.js';
import { suite } from './suite.js';

export interface Rest {
  supabaseUrl: string;
  postgrestUrl: string;
  serviceRoleKey: string;
  anonKey: string;
}

export interface TestDatabase {
  databaseUrl: string;
  name: string;
  /** Runs one statement on some connection; numeric and bigint come as text. */
  query<Row extends pg.QueryResultRow = Record<string, unknown>>(
    sql: string,
    params?: unknown[],
  ): Promise<Row[]>;
  /** A connection for what must not share one, such as two transactions; to be given back with release(). */
  connect(): Promise<pg.PoolClient>;
  /** PostgREST and its gateway for this database alone; the same ones when called again. */
  startRest(): Promise<Rest>;
  /** Drops the database. @throws Error when a connection was not given back, which the code under test would do too */
  close(): Promise<void>;
}

/** Clones the template: some 50 ms. */
export async function createTestDatabase(options: { template?: string } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(`create database ${name} template ${options.template ?? suite().templateName}`);
  const url = new URL(suite().adminUrl);
  url.pathname = `/${name}`;
  const databaseUrl = url.href;
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 12 });
  pool.on('error', () => undefined);
  let rest: Promise<RunningRest> | undefined;
  return {
    databaseUrl,
    name,
    async query<Row extends pg.QueryResultRow>(sql: string, params: unknown[] = []) {
      return (await pool.query<Row>(sql, params)).rows;
    },
    connect: () => pool.connect(),
    async startRest() {
      rest ??= launchRest(databaseUrl);
      return (await rest).rest;
    },
    async close() {
      const leaked = pool.totalCount - pool.idleCount;
      await (await rest)?.stop();
      if (leaked === 0) await pool.end();
      await asAdmin(`drop database ${name} with (force)`);
      if (leaked > 0) throw new Error(`${leaked} database connections were not given back: release() them.`);
    },
  };
}

async function asAdmin(sql: string): Promise<void> {
  const admin = new pg.Client({ connectionString: suite().adminUrl });
  await admin.connect();
  try {
    await admin.query(sql);
  } finally {
    await admin.end();
  }
}

interface RunningRest {
  rest: Rest;
  stop(): Promise<void>;
}

async function launchRest(databaseUrl: string): Promise<RunningRest> {
  const { dir, authenticatorPassword, jwtSecret, serviceRoleKey, anonKey } = suite();
  for (let tries = 1; ; tries++) {
    const port = await choosePort();
    const postgrestUrl = `http://127.0.0.1:${port}`;
    const note = path.join(dir, 'rest', `${port}.json`);
    const logFile = path.join(dir, 'rest', `${port}.log`);
    const poolSize = 10;
    const known = await launchPostgrest({
      databaseUrl,
      authenticatorPassword,
      jwtSecret,
      port,
      logFile,
      poolSize,
    });
    writeFileSync(note, JSON.stringify(known));
    try {
      const healthy = () => restAnswers(`${postgrestUrl}/`, serviceRoleKey);
      await waitHealthy('PostgREST', known, logFile, healthy, 30_000);
    } catch (error) {
      await terminate(known, [], 5_000);
      // Files of tests run side by side, and each chooses ports for itself.
      if (tries < 3 && String(error).includes('in use')) continue;
      throw error;
    }
    const proxy = createProxy(port);
    const supabaseUrl = `http://127.0.0.1:${await listen(proxy)}`;
    const rest = { supabaseUrl, postgrestUrl, serviceRoleKey, anonKey };
    return { rest, stop: () => stopRest(proxy, known, note) };
  }
}

async function stopRest(proxy: Server, known: KnownProcess, note: string): Promise<void> {
  proxy.closeAllConnections();
  proxy.close();
  await terminate(known, ['SIGTERM'], 5_000);
  rmSync(note, { force: true });
}

/** Listens on a free port of loopback, and returns it. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (typeof address === 'object' && address !== null) resolve(address.port);
    });
  });
}
