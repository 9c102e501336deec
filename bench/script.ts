/** The baseline script as a process: it warms up when it starts, and waits until its turn has come. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { stopProcess } from '../client/demo/processes.js';
import { packageRoot } from '../database/package-root.js';
import type { BaselineInput, BaselineResult } from './baseline-twilio.js';
import { whenStopping } from './system.js';

export interface Script {
  /** Reads what is measured, to its end. @throws Error when it fails */
  run(): Promise<BaselineResult>;
  stop(): Promise<void>;
}

/**
 * Starts the script, and returns when it has warmed up.
 * @param warmUpCalls how many calls it must read then
 * @throws Error when it ends, or reads another number
 */
export async function startScript(input: Required<BaselineInput>, warmUpCalls: number): Promise<Script> {
  const program = path.join(packageRoot(), 'dist', 'bench', 'baseline-twilio.js');
  const child = spawn(process.execPath, [program, JSON.stringify(input)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const stop = whenStopping(() => stopProcess(child));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<BaselineResult> => {
    const line = await lines.next();
    if (line.done === true) throw new Error('The script ended before it was done; see above.');
    return JSON.parse(line.value) as BaselineResult;
  };
  const { calls } = await next();
  if (calls !== warmUpCalls) throw new Error(`The script warmed up with ${calls} of ${warmUpCalls} calls.`);
  const run = () => {
    child.stdin.end('go\n');
    return next();
  };
  return { run, stop };
}
