/** How long things take to begin: the command line, a worker, the stack. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../database/package-root.js';
import { spreadOf, type Figure, type Spread } from './figures.js';
import type { Options } from './options.js';
import { startProvider, startSystem } from './system.js';

const run = promisify(execFile);
const cli = path.join(packageRoot(), 'bin', 'hourledger.mjs');
/** A single start of a process says little: the median of so many is one run. */
const startsPerRun = 11;
const helpTarget_ms = 150;
/** Node.js does with it what it must do for every program. */
const emptyProgram = ['--eval', '0'];
/** What a worker cannot do without, and what takes most of its start. */
const loadSdks = ['--input-type=module', '--eval', `import '@temporalio/worker'; import 'twilio';`];

/** @returns figures of the command line, the worker and the stack */
export async function benchStarting(options: Options): Promise<Figure[]> {
  const help: Pair[] = [];
  const worker: Pair[] = [];
  const stack: StackStart[] = [];
  for (let number = 1; number <= options.runs; number += 1) {
    help.push(await startsOfHelp());
    worker.push(await startsOfWorker());
    stack.push(await startsOfStack());
    const [one, two, three] = [help.at(-1), worker.at(-1), stack.at(-1)];
    options.log(
      `run ${number}: --help ${one?.product_ms.toFixed(0) ?? ''} ms, worker ${two?.product_ms.toFixed(0) ?? ''} ms, ` +
        `stack ${three?.fromNothing_ms.toFixed(0) ?? ''} ms from nothing`,
    );
  }
  return [
    figure('help', 'hourledger --help', help, 'node --eval 0', helpTarget_ms),
    figure('worker', 'A worker, until it polls', worker, 'importing the SDKs alone'),
    ...stackFigures(stack),
  ];
}

interface Pair {
  product_ms: number;
  baseline_ms: number;
}

interface StackStart {
  fromNothing_ms: number;
  afterStop_ms: number;
  whileRunning_ms: number;
}

async function startsOfHelp(): Promise<Pair> {
  const product: number[] = [];
  const baseline: number[] = [];
  for (let start = 0; start < startsPerRun; start += 1) {
    product.push(await timeOf([cli, '--help']));
    baseline.push(await timeOf(emptyProgram));
  }
  return { product_ms: spreadOf(product).median, baseline_ms: spreadOf(baseline).median };
}

/** Until it polls its task queues, so that it takes the first task of a workflow at once. */
async function startsOfWorker(): Promise<Pair> {
  const provider = await startProvider('--data', 'empty');
  const system = await startSystem();
  try {
    const baseline_ms = await timeOf(loadSdks);
    const began_ms = performance.now();
    const worker = await system.startWorker('twilio', provider);
    const product_ms = performance.now() - began_ms;
    await worker.stop();
    return { product_ms, baseline_ms };
  } finally {
    await system.stop();
    await provider.stop();
  }
}

async function startsOfStack(): Promise<StackStart> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'hourledger-bench-'));
  const stack = (...args: string[]) => timeOf([cli, 'stack', ...args, '--data-dir', dataDir]);
  try {
    const fromNothing_ms = await stack('start');
    await stack('stop');
    const afterStop_ms = await stack('start');
    const whileRunning_ms = await stack('start');
    return { fromNothing_ms, afterStop_ms, whileRunning_ms };
  } finally {
    await stack('stop', '--delete');
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** How long a process lasts. @throws when it fails */
async function timeOf(args: string[]): Promise<number> {
  const began_ms = performance.now();
  await run(process.execPath, args, { cwd: packageRoot() });
  return performance.now() - began_ms;
}

function figure(id: string, title: string, pairs: Pair[], what: string, target_ms?: number): Figure {
  return {
    id: `start/${id}`,
    title,
    ratio: spreadOf(pairs.map(({ product_ms, baseline_ms }) => product_ms / baseline_ms)),
    better: 'lower',
    target: null,
    ...(target_ms === undefined ? {} : { productTarget: target_ms }),
    product: { unit: 'ms', what: title, value: spreadOf(pairs.map(({ product_ms }) => product_ms)) },
    baseline: { unit: 'ms', what, value: spreadOf(pairs.map(({ baseline_ms }) => baseline_ms)) },
  };
}

function stackFigures(starts: StackStart[]): Figure[] {
  const seconds = (of: (start: StackStart) => number): Spread =>
    spreadOf(starts.map((start) => of(start) / 1000));
  const baseline = {
    unit: 's',
    what: 'from nothing',
    value: seconds(({ fromNothing_ms }) => fromNothing_ms),
  };
  const warm = (id: string, title: string, of: (start: StackStart) => number): Figure => ({
    id: `start/${id}`,
    title,
    ratio: spreadOf(starts.map((start) => of(start) / start.fromNothing_ms)),
    better: 'lower',
    target: null,
    product: { unit: 's', what: title, value: seconds(of) },
    baseline,
  });
  return [
    warm('stack-after-stop', 'stack start, after a stop', ({ afterStop_ms }) => afterStop_ms),
    warm('stack-running', 'stack start, while it runs', ({ whileRunning_ms }) => whileRunning_ms),
  ];
}
