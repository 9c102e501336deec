/** Runs files of tests in a copy of the tree, and tells whether one failed, and which. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

/** A break that makes a test wait without an end is stopped by the tests' own limits, long before this. */
const limit_ms = 15 * 60_000;

/**
 * @param cases how many random worlds the laws are tried on; the seed is always the same, so that a result can be had again
 * @returns `killed` and the test that failed; `survived`; or `unclear`, when the tests could not run to a result
 */
export async function runTests(dir, files, cases = 100) {
  const report = path.join(dir, 'mutation-report.json');
  rmSync(report, { force: true });
  const began = Date.now();
  const args = [
    'run',
    '--bail',
    '1',
    '--maxWorkers',
    '1',
    '--reporter=json',
    `--outputFile=${report}`,
    ...files,
  ];
  const said = await vitest(dir, args, {
    CASES: String(cases),
    SEED: '1',
    FIRST_FAILURE: '1',
    KEPT_STACK: stackOf(dir),
  });
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  return { ...judge(dir, report, said), seconds };
}

/** Starts the servers that all runs share: most of what a run of a few tests takes would be their start. */
export function startStack(dir) {
  return stack(dir, 'start', '--data-dir', stackOf(dir));
}

export function stopStack(dir) {
  return stack(dir, 'stop', '--delete', '--data-dir', stackOf(dir));
}

function stackOf(dir) {
  return path.join(dir, '.hourledger-kept');
}

function stack(dir, ...args) {
  const cli = path.join(dir, 'bin', 'hourledger.mjs');
  const { status, stderr } = spawnSync(process.execPath, [cli, 'stack', ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`hourledger stack ${args[0]} failed: ${lastLines(stderr)}`);
}

function vitest(dir, args, env) {
  const program = path.join(dir, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [program, ...args], { cwd: dir, env: { ...process.env, ...env } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const timer = setTimeout(() => child.kill('SIGINT'), limit_ms);
  const interrupt = () => child.kill('SIGINT');
  process.once('SIGINT', interrupt);
  return new Promise((resolve) => {
    child.on('close', () => {
      clearTimeout(timer);
      process.off('SIGINT', interrupt);
      resolve(said);
    });
  });
}

function judge(dir, report, said) {
  let results;
  try {
    results = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return { outcome: 'unclear', by: `no test ran: ${lastLines(said)}` };
  }
  for (const { name, assertionResults } of results.testResults) {
    const failed = assertionResults.find(({ status }) => status === 'failed');
    if (failed !== undefined)
      return { outcome: 'killed', by: `${failed.fullName} (${path.relative(dir, name)})` };
  }
  // What fails before a test begins is more likely a break that cannot work than a law that was noticed.
  if (!results.success || results.numPassedTests === 0) {
    const messages = results.testResults.map(({ message }) => message).join(' ');
    return { outcome: 'unclear', by: `no test failed, but: ${lastLines(messages + said)}` };
  }
  return { outcome: 'survived', by: 'no test noticed' };
}

function lastLines(text) {
  return text.trim().replaceAll(/\s+/g, ' ').slice(-300);
}
