/**
 * What `npm run demo`, `npm test` and `npm run bench` run, also as the first thing typed in a fresh clone: installs packages if need be,
 * builds if need be, then runs the demo, the tests or the benchmarks, passing arguments and signals on and the exit code back.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages, nodeProblem } from './install.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const log = (line) => process.stderr.write(`${line}\n`);

/** What each command runs, as arguments of node. */
const commands = {
  demo: () => [path.join(root, 'dist', 'client', 'demo-main.js')],
  bench: () => [path.join(root, 'dist', 'bench', 'main.js')],
  test: () => [path.join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run'],
};

process.exitCode = await main(process.argv.slice(2));

async function main([name, ...args]) {
  const problem = nodeProblem();
  if (problem !== null) return fail(problem, 2);
  if (name === 'install') return ensurePackages({ log });
  const command = commands[name];
  if (command === undefined)
    return fail(`Unknown command "${name ?? ''}": use one of ${Object.keys(commands).join(', ')}.`, 2);
  const installed = ensurePackages({ log });
  if (installed !== 0) return installed;
  try {
    const { build, buildBench } = await import('./build.mjs');
    await build({ log });
    if (name === 'bench') await buildBench();
  } catch (error) {
    return fail(`The build failed: ${error instanceof Error ? error.message : String(error)}`, 1);
  }
  const [program, ...first] = command();
  if (!existsSync(program))
    return fail(`"${path.relative(root, program)}" is missing: this clone is not whole.`, 1);
  return forward([program, ...first, ...args]);
}

function fail(message, code) {
  log(message);
  return code;
}

/** Ctrl-C in a terminal reaches the child by itself; a signal sent to this process alone has to be passed on. */
function forward(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(fail(`Cannot run node: ${error.message}`, 1)));
    child.on('exit', (code, signal) => resolve(code ?? 128 + (constants.signals[signal] ?? 1)));
  });
}
