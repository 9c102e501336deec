/** docker-compose.yml and the Dockerfile: what they promise, and what they run, run here on the embedded parts. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../database/package-root.js';
import { choosePort } from '../stack/ports.js';
import { postgrestProgram } from '../stack/postgrest.js';
import { findTemporal } from '../stack/temporal-executable.js';
import {
  interpolate,
  readCompose,
  readDockerfile,
  readRootFile,
  variablesIn,
  type ComposeService,
} from './support/compose.js';
import { suite } from './support/suite.js';
import { waitFor } from './support/wait-for.js';

const { services } = readCompose();
const composeText = readRootFile('docker-compose.yml');
const dockerfile = readDockerfile(readRootFile('Dockerfile'));
const lastStage = dockerfile.filter(({ stage }) => stage === Math.max(...dockerfile.map((one) => one.stage)));
const names = Object.keys(services);
const isOneShot = (service: ComposeService) => service.restart?.startsWith('on-failure') === true;

/** Settings whose value is a secret and stands in the file, or has a default. */
function spelledSecrets(environment: Record<string, string>): string[] {
  return Object.entries(environment).flatMap(([name, value]) => {
    const isSecret = /PASSWORD|PWD|SECRET|TOKEN|KEY$/.test(name);
    const isUrlWithPassword = /:\/\/[^/]*:[^/]*@/.test(value);
    if (!isSecret && !isUrlWithPassword) return [];
    const password = isUrlWithPassword
      ? (/:\/\/[^:]*:([^@]*(?:\$\{[^}]*\})?)@/.exec(value)?.[1] ?? '')
      : value;
    // A provider without credentials is off, so those alone may be empty.
    return /^\$\{\w+:(\?[^}]+|-)\}$/.test(password) ? [] : [`${name}: ${value}`];
  });
}

describe('docker-compose.yml', () => {
  it('has every part: database, API, Temporal with its web page, worker, migrations and schedule', () => {
    const parts = [
      'postgres',
      'roles',
      'migrate',
      'postgrest',
      'api',
      'temporal',
      'temporal-web',
      'worker',
      'schedule',
    ];
    expect(names).toEqual(expect.arrayContaining(parts));
  });

  it('pins the tag of every image', () => {
    const loose = (images: string[]) => images.filter((image) => !/:v?\d+\.\d+(\.\d+)?$/.test(image));
    const foreign = Object.values(services).filter(({ build }) => build === undefined);
    expect(foreign.length).toBeGreaterThan(4);
    expect(loose(foreign.map(({ image }) => image))).toEqual([]);
    expect(loose(['postgres:latest', 'postgres', 'postgres:18'])).toHaveLength(3);
  });

  it('has no default passwords', () => {
    for (const { environment = {} } of Object.values(services))
      expect(spelledSecrets(environment)).toEqual([]);
    const broken = {
      POSTGRES_PASSWORD: 'postgres',
      JWT_SECRET: '${JWT_SECRET:-secret}',
      URL: 'postgres://a:b@c/d',
    };
    expect(spelledSecrets(broken)).toHaveLength(3);
    expect(() => interpolate(services['postgres']?.environment?.['POSTGRES_PASSWORD'] ?? '', {})).toThrow(
      /make-keys/,
    );
  });

  it('publishes ports on loopback only', () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(3);
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('checks the health of what stays up, restarts it, and starts nothing before what it needs', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service.restart, `${name} has no restart policy`).toMatch(/^(unless-stopped|on-failure:\d+)$/);
      if (!isOneShot(service)) expect(service.healthcheck, `${name} has no health check`).toBeDefined();
      for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
        const fits = isOneShot(services[needed]!) ? 'service_completed_successfully' : 'service_healthy';
        expect(condition, `${name} waits for ${needed}`).toBe(fits);
      }
      if (name !== 'postgres') expect(service.depends_on, `${name} waits for nothing`).toBeDefined();
    }
  });

  it('has every variable explained in .env.example', () => {
    const example = readRootFile('.env.example');
    const unexplained = (text: string) =>
      variablesIn(text).flatMap(({ name }) =>
        new RegExp(`^(# )?${name}=`, 'm').test(example) ? [] : [name],
      );
    expect(variablesIn(composeText).length).toBeGreaterThan(15);
    expect(unexplained(composeText)).toEqual([]);
    expect(unexplained('${NOBODY_KNOWS:-}')).toEqual(['NOBODY_KNOWS']);
  });

  it('gives the worker every variable of a provider', async () => {
    const { environmentVariables } = await import('../settings/environment.js');
    const wanted = environmentVariables.filter((name) => /^(TWILIO|ELEVENLABS)_/.test(name));
    expect(Object.keys(services['worker']?.environment ?? {})).toEqual(expect.arrayContaining(wanted));
  });

  it('has scripts that a shell can read', () => {
    const scripts = Object.values(services).filter(({ entrypoint }) => entrypoint?.[0] === '/bin/sh');
    expect(scripts).toHaveLength(2);
    for (const { command = [] } of scripts) {
      const checked = spawnSync('sh', ['-n', '-c', interpolate(command.join('\n'), {})], {
        encoding: 'utf8',
      });
      expect(checked.stderr).toBe('');
    }
  });
});

describe('the Dockerfile', () => {
  it('has several stages, and the last one is small and not root', () => {
    expect(Math.max(...dockerfile.map(({ stage }) => stage))).toBeGreaterThanOrEqual(2);
    expect(lastStage.findLast(({ name }) => name === 'USER')?.rest).toBe('node');
    expect(lastStage.some(({ rest }) => /\bnpm (ci|install|run)\b/.test(rest))).toBe(false);
    expect(dockerfile.some(({ rest }) => rest.includes('--omit=dev'))).toBe(true);
    for (const { rest } of dockerfile.filter(({ name }) => name === 'FROM'))
      expect(rest).toMatch(/:\d+\.\d+\.\d+-/);
  });

  it('copies nothing that is a secret or made by hand', () => {
    const ignored = readRootFile('.dockerignore').split('\n');
    expect(ignored).toEqual(
      expect.arrayContaining(['.env', '.env.*', '.git', 'node_modules', 'dist', '.hourledger']),
    );
  });
});

describe('make-keys', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hourledger-keys-'));
  const file = path.join(folder, '.env');
  const makeKeys = () =>
    execFileSync(process.execPath, [path.join(packageRoot(), 'scripts', 'make-keys.mjs'), file], {
      encoding: 'utf8',
    });
  const read = (name: string) =>
    new RegExp(`^${name}=(.*)$`, 'm').exec(readFileSync(file, 'utf8'))?.[1] ?? '';
  afterAll(() => rmSync(folder, { recursive: true }));

  it('fills in what .env.example leaves empty, for its owner only, and prints no secret', () => {
    cpSync(path.join(packageRoot(), '.env.example'), file);
    const said = makeKeys();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    for (const name of ['POSTGRES_PASSWORD', 'AUTHENTICATOR_PASSWORD'])
      expect(read(name)).toMatch(/^[0-9a-f]{48}$/);
    expect(said).not.toContain(read('JWT_SECRET'));
    const [header = '', claims = '', signature] = read('SUPABASE_SERVICE_ROLE_KEY').split('.');
    const expected = createHmac('sha256', read('JWT_SECRET'))
      .update(`${header}.${claims}`)
      .digest('base64url');
    expect(signature).toBe(expected);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ role: 'service_role' });
  });

  it('changes nothing the second time', () => {
    const before = readFileSync(file, 'utf8');
    makeKeys();
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});

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
    const env = Object.entries(environment).map(([key, value]) => [key, here(value)]);
    return { argv: argv.map(here), env: { PATH: process.env['PATH'] ?? '', ...Object.fromEntries(env) } };
  }

  async function runOnce(name: string, path = ''): Promise<{ code: number; said: string }> {
    const { argv, env } = invocation(name);
    return run(argv, { ...env, PATH: `${path}:${env['PATH'] ?? ''}` });
  }

  function run(argv: string[], env: Record<string, string>): Promise<{ code: number; said: string }> {
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

  it('needs nothing that the image does not hold', () => {
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
