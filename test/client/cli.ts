/** Runs the real command line as a process of its own. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What bin/hourledger.mjs runs once it has seen that the build is current, as the suite has. */
export const program = fileURLToPath(new URL('../../dist/client/main.js', import.meta.url));

/** Runs `hourledger` with these arguments, and nothing but this environment and PATH. */
export async function hourledger(args: string[], env: NodeJS.ProcessEnv): Promise<CliResult> {
  const { PATH } = process.env;
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...(PATH === undefined ? {} : { PATH }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

/** The same with `--json`; fails unless standard output is exactly one JSON document. */
export async function hourledgerJson<T>(args: string[], env: NodeJS.ProcessEnv): Promise<T> {
  const { stdout } = await hourledger([...args, '--json'], env);
  return JSON.parse(stdout) as T;
}
