/** What docker-compose.yml, the Dockerfile and the keys promise, read from the files. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../database/package-root.js';
import {
  interpolate,
  lastStageOf,
  readCompose,
  readDockerfile,
  readRootFile,
  variablesIn,
  type ComposeService,
} from './support/compose.js';

const { services } = readCompose();
const composeText = readRootFile('docker-compose.yml');
const dockerfile = readDockerfile(readRootFile('Dockerfile'));
const lastStage = lastStageOf(readRootFile('Dockerfile'));
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
  it('has every part: database, API, Temporal with its web page, worker, server, migrations and schedule', () => {
    const parts = [
      'postgres',
      'roles',
      'migrate',
      'postgrest',
      'api',
      'temporal',
      'temporal-web',
      'worker',
      'serve',
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
    // The server's: no worker checks a signature.
    const wanted = environmentVariables.filter(
      (name) => /^(TWILIO|ELEVENLABS)_/.test(name) && name !== 'ELEVENLABS_WEBHOOK_SECRET',
    );
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
