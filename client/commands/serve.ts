/** `serve`: the HTTP API, until it is told to stop. */
import type { Command } from 'commander';
import { addExample } from '../options.js';

export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .description('serve the HTTP API and the webhooks on PORT (3093) until SIGTERM or Ctrl-C');
  addExample(command, 'serve').action(async () => {
    const { runServer } = await import('../../web/main.js');
    await runServer();
  });
}
