/** What docker compose runs, run here on the embedded parts: the same commands, settings and health checks. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../database/package-root.js';
import { choosePort } from '../stack/ports.js';
import { postgrestProgram } from '../stack/postgrest.js';
import { findTemporal } from '../stack/temporal-executable.js';
import { interpolate, lastStageOf, readCompose, readRootFile } from './support/compose.js';
import { suite } from './support/suite.js';
import { waitFor } from './support/wait-for.js';

const { services } = readCompose();
const lastStage = lastStageOf(readRootFile('Dockerfile'));

interface Ended {
  code: number;
  said: string;
}

describe('what docker compose runs', () => {
  const app = mkdtempSync(path.join(tmpdir(), 'hourledger-image-'));
  const database = `compose_${randomBytes(6).toString('hex')}`;
  const namespace = `compose-${randomBytes(6).toString('hex')}`;
  const started: ChildProcess[] = [];
  let variables: Record<string, string>;
  /** What stands for the names of services and their ports here. */
  let places: [inCompose: string, here: string][];

  beforeAll(async () => {
    layOutImage(app);
    const { adminUrl, authenticatorPassword, jwtSecret, serviceRoleKey, temporalAddress } = suite();
    await asAdmin(`create database ${database}`);
    const { host, password } = new URL(adminUrl);
    const [rest, api, ready] = [await choosePort(), await choosePort(), await choosePort()];
    const server = await choosePort();
    variables = {
      POSTGRES_PASSWORD: password,
      AUTHENTICATOR_PASSWORD: authenticatorPassword,
      JWT_SECRET: jwtSecret,
      SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey,
      TWILIO_ACCOUNT_SID: 'ACcompose',
      TWILIO_AUTH_TOKEN: 'token',
    };
    places = [
      ['postgres:5432/postgres', `${host}/${database}`],
      ['postgrest:3000', `127.0.0.1:${rest}`],
      ['0.0.0.0:3001', `127.0.0.1:${api}`],
      ['127.0.0.1:3001', `127.0.0.1:${api}`],
      ['3093', String(server)],
      ['api:3001', `127.0.0.1:${api}`],
      ['3000', String(rest)],
      ['3002', String(ready)],
      ['temporal:7233', temporalAddress],
      ['--namespace default', `--namespace ${namespace}`],
      ['default', namespace],
    ];
  });

  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL');
    await asAdmin(`drop database if exists ${database} with (force)`);
    rmSync(app, { recursive: true, force: true });
  });

  function here(text: string): string {
    const filled = interpolate(text, variables);
    const place = places.find(([inCompose]) => filled.includes(inCompose));
    return place === undefined ? filled : filled.replaceAll(place[0], place[1]);
  }

  /** The command line and environment of a service, its image's entry point included. */
  function invocation(name: string): { argv: string[]; env: Record<string, string> } {
    const { entrypoint, command, build, environment = {} } = services[name]!;
    const instruction = (wanted: string): string[] =>
      JSON.parse(lastStage.find((one) => one.name === wanted)?.rest ?? '[]') as string[];
    const own = build === undefined ? [] : instruction('ENTRYPOINT');
    const argv = [...(entrypoint ?? own), ...(command ?? instruction('CMD'))];
    const env = Object.entries(environment).map(([key, value]): [string, string] => [key, here(value)]);
    return { argv: argv.map(here), env: { PATH: process.env['PATH'] ?? '', ...Object.fromEntries(env) } };
  }

  async function runOnce(name: string, path = ''): Promise<Ended> {
    const { argv, env } = invocation(name);
    return run(argv, { ...env, PATH: `${path}:${env['PATH'] ?? ''}` });
  }

  function run(argv: string[], env: Record<string, string>): Promise<Ended> {
    const [command = '', ...args] = argv;
    const child = spawn(command, args, { cwd: app, env, stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return new Promise((resolve) => child.on('close', (code) => resolve({ code: code ?? -1, said })));
  }

  /** The health check's own command, with the environment of its service. */
  async function isHealthy(name: string): Promise<boolean> {
    const [kind, ...argv] = services[name]?.healthcheck?.test ?? [];
    expect(kind).toBe('CMD');
    const { code } = await run(argv.map(here), invocation(name).env);
    return code === 0;
  }

  function start(name: string, argv = invocation(name).argv): ChildProcess {
    const [command = '', ...args] = argv;
    const child = spawn(command, args, {
      cwd: app,
      env: invocation(name).env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    started.push(child);
    return child;
  }

  it('makes the roles and migrates, and does both again without a change', async () => {
    expect(await runOnce('roles')).toMatchObject({ code: 0 });
    const first = await runOnce('migrate');
    expect(first).toMatchObject({ code: 0 });
    expect(first.said).toContain('applied 0001_');
    expect(await runOnce('roles')).toMatchObject({ code: 0 });
    const second = await runOnce('migrate');
    expect(second).toMatchObject({ code: 0 });
    expect(second.said).toContain('current');
  });

  it('serves the API under /rest/v1, healthy when PostgREST is there and not before', async () => {
    start('api');
    expect(await isHealthy('api')).toBe(false);
    start('postgrest', [postgrestProgram()]);
    await waitFor(() => isHealthy('api'), { what: 'the health check of the API' });
  });

  it('makes the namespace of Temporal, once', async () => {
    const folder = path.dirname(await findTemporal(() => undefined));
    expect(await runOnce('temporal-namespace', folder)).toMatchObject({ code: 0 });
    const second = await runOnce('temporal-namespace', folder);
    expect(second).toMatchObject({ code: 0 });
    expect(second.said).not.toContain('registered');
  });

  it('runs a worker that is healthy by its own check, makes the schedule, and drains when it is told to stop', async () => {
    await waitFor(
      async () => (await run(invocation('schedule').argv, invocation('schedule').env)).code === 0,
      {
        what: 'the new namespace',
      },
    );
    const again = await runOnce('schedule');
    expect(again.code).toBe(0);
    expect(again.said).toMatch(/unchanged/i);
    expect(await isHealthy('worker')).toBe(false);
    const worker = start('worker');
    let log = '';
    worker.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
    await waitFor(() => isHealthy('worker'), { what: 'the health check of the worker', limit_ms: 40_000 });
    worker.kill('SIGTERM');
    await waitFor(() => worker.exitCode !== null, { what: 'the worker to stop', limit_ms: 40_000 });
    expect(worker.exitCode, log).toBe(0);
    expect(log).toContain('Worker has stopped');
  });

  it('runs a server that is healthy by its own check, and ends when it is told to stop', async () => {
    expect(await isHealthy('serve')).toBe(false);
    const server = start('serve');
    await waitFor(() => isHealthy('serve'), { what: 'the health check of the server', limit_ms: 40_000 });
    server.kill('SIGTERM');
    await waitFor(() => server.exitCode !== null, { what: 'the server to stop' });
    expect(server.exitCode).toBe(0);
  });

  it('has no sources beside it, as in the image', () => {
    expect(existsSync(path.join(app, 'client'))).toBe(false);
    expect(existsSync(path.join(app, 'scripts'))).toBe(false);
  });
});

/** The files of the last stage, at their places, and the packages beside them. */
function layOutImage(app: string): void {
  for (const { rest } of lastStage.filter(({ name }) => name === 'COPY')) {
    const words = rest.split(' ').filter((word) => !word.startsWith('--'));
    const target = words.at(-1) ?? '';
    for (const word of words.slice(0, -1)) {
      const file = word.replace(/^\/app\//, '');
      const to = path.join(app, target === './' ? path.basename(file) : target);
      mkdirSync(path.dirname(to), { recursive: true });
      if (file === 'node_modules') symlinkSync(path.join(packageRoot(), file), to);
      else cpSync(path.join(packageRoot(), file), to, { recursive: true });
    }
  }
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
