/** The two commands install and build what is missing, and nothing the second time. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../database/package-root.js';
import { nodeProblem } from '../../scripts/install.mjs';

/** Where packages are missing after all, a stand-in for npm fails, so that a test never changes node_modules. */
function run(...args: string[]) {
  const script = path.join(packageRoot(), 'scripts', 'run.mjs');
  const env = {
    ...process.env,
    npm_execpath: path.join(packageRoot(), 'test', 'scripts', 'failing', 'npm-cli.cjs'),
  };
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env, timeout: 60_000 });
}

it('installs nothing, and says nothing, where everything is there', () => {
  expect(run('install')).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

it('passes arguments on and the exit code back', () => {
  // Neither of these runs a test: a suite that started itself would never end.
  const help = run('test', '--help');
  expect(help).toMatchObject({ status: 0, stdout: expect.stringContaining('vitest/') as string });
  expect(run('test', '--config', '/nonexistent/vitest.config.ts').status).toBe(1);
});

it('refuses a command that it does not know, and a Node.js that is too old, in one line', () => {
  expect(run('tset')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^Unknown command "tset"[^\n]*\n$/) as string,
  });
  expect(nodeProblem('18.19.1')).toMatch(/needs Node\.js 20 or newer, and this is 18\.19\.1/);
  expect(nodeProblem('20.11.0')).toBeNull();
});
