/** `worker`: a worker process, until it is told to stop. */
import type { Command } from 'commander';
import { addExample } from '../options.js';

export function addWorker(program: Command): void {
  const command = program
    .command('worker')
    .description('run a worker until SIGTERM or Ctrl-C, then finish what is under way');
  addExample(command, 'worker').action(async () => {
    const { runWorker } = await import('../../worker/main.js');
    await runWorker();
  });
}
