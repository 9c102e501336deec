/** Starts the real parts once for the whole suite, in a folder of their own, and removes them at its end. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../database/migrate.js';
import { packageRoot } from '../../database/package-root.js';
import { build } from '../../scripts/build.mjs';
import { startStack, stopStack } from '../../stack/index.js';
import { prepareRoles } from '../../stack/postgres.js';
import { terminate } from '../../stack/processes.js';
import { readState, type KnownProcess } from '../../stack/state.js';
import './suite.js';

const templateName = `hourledger_template_${process.pid}`;
/** Set by scripts/test-mutation.mjs, which runs the suite hundreds of times: a stack that runs already, and stays. */
const keptStack = process.env['KEPT_STACK'];

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await buildOrWarn();
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'hourledger-test-')));
  const dataDir = keptStack ?? path.join(dir, 'stack');
  mkdirSync(restFolder(dir));
  const teardown = async () => {
    await endLeftovers(dir);
    if (keptStack === undefined) await stopStack(dataDir);
    else await dropTemplate(keptStack);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const info = await startStack({ dataDir });
    const secrets = readState(dataDir)?.secrets;
    if (secrets === undefined) throw new Error('The stack has started without a state.');
    await makeTemplate(info.databaseUrl, secrets.authenticatorPassword);
    project.provide('suite', {
      dir,
      dataDir,
      adminUrl: info.databaseUrl,
      templateName,
      authenticatorPassword: secrets.authenticatorPassword,
      jwtSecret: secrets.jwtSecret,
      serviceRoleKey: info.supabaseServiceRoleKey,
      anonKey: info.supabaseAnonKey,
      temporalAddress: info.temporalAddress,
    });
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

/**
 * The gateway and the worker run as processes of their own, from dist/. `npm test` has built before, and fails when it
 * cannot; vitest called by hand goes on with the build of before, so that half a change can be tested.
 */
async function buildOrWarn(): Promise<void> {
  try {
    await build();
  } catch (error) {
    if (!existsSync(path.join(packageRoot(), 'dist', 'stack', 'proxy-main.js'))) throw error;
    process.stderr.write('The build fails; the tests run with the dist/ of before.\n');
  }
}

/** Nobody may connect to the template, not even autovacuum: a database that is in use cannot be cloned. */
async function makeTemplate(adminUrl: string, authenticatorPassword: string): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    await admin.query(`create database ${templateName}`);
    const url = new URL(adminUrl);
    url.pathname = `/${templateName}`;
    await prepareRoles(url.href, authenticatorPassword);
    await migrate(url.href);
    await admin.query(`alter database ${templateName} with is_template true allow_connections false`);
  } finally {
    await admin.end();
  }
}

async function dropTemplate(dataDir: string): Promise<void> {
  const { databaseUrl } = await startStack({ dataDir });
  const admin = new pg.Client({ connectionString: databaseUrl });
  await admin.connect();
  try {
    await admin.query(`update pg_database set datistemplate = false where datname = $1`, [templateName]);
    await admin.query(`drop database if exists ${templateName} with (force)`);
  } finally {
    await admin.end();
  }
}

/** Where tests note the servers that they have started, so that none outlives the suite. */
export function restFolder(dir: string): string {
  return path.join(dir, 'rest');
}

async function endLeftovers(dir: string): Promise<void> {
  if (!existsSync(restFolder(dir))) return;
  const notes = readdirSync(restFolder(dir)).filter((name) => name.endsWith('.json'));
  for (const note of notes) {
    const known = JSON.parse(readFileSync(path.join(restFolder(dir), note), 'utf8')) as KnownProcess;
    await terminate(known, ['SIGTERM'], 5_000);
  }
}
