// The simulator as a process of its own: starts the fake providers, prints their addresses as one line of JSON.
import { parseArgs } from 'node:util';
import { demoCredentials, demoWorld } from './demo-data.js';
import { generateWorld } from './generate.js';
import { startSimulator } from './server.js';
import { World } from './world.js';

const usage = `usage: simulator [--port PORT] [--data demo|empty|generate:CALLS:DAYS[:FROM]] [--latency-ms MS] [--max-concurrent N]
       [--conversations N] [--rendered]`;

/** @throws RangeError when the description names no world. */
function worldOf(data: string, conversations: number): World {
  if (data === 'demo') return demoWorld();
  if (data === 'empty') return new World();
  const match = /^generate:(\d+):(\d+)(?::(\d{4}-\d{2}-\d{2}))?$/.exec(data);
  if (match === null)
    throw new RangeError(`--data ${JSON.stringify(data)} is none of demo, empty, generate:CALLS:DAYS.`);
  const [, calls = '0', days = '1', from] = match;
  const size = { calls: Number(calls), conversations, days: Number(days) };
  return generateWorld({ ...size, ...(from === undefined ? {} : { from }) });
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`--${name} ${JSON.stringify(text)} is no whole number.`);
  return Number(text);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      data: { type: 'string', default: 'demo' },
      'latency-ms': { type: 'string', default: '0' },
      'max-concurrent': { type: 'string' },
      // Conversations of a generated world, beside its calls.
      conversations: { type: 'string', default: '0' },
      // The texts of all calls are made at the start, for benchmarks.
      rendered: { type: 'boolean', default: false },
    },
  });
  const world = worldOf(values.data, wholeNumber('conversations', values.conversations));
  if (values.rendered) world.renderCalls();
  const maxConcurrent = values['max-concurrent'];
  const simulator = await startSimulator({
    world,
    port: wholeNumber('port', values.port),
    latencyMs: wholeNumber('latency-ms', values['latency-ms']),
    credentials: demoCredentials,
    maxConcurrent: maxConcurrent === undefined ? undefined : wholeNumber('max-concurrent', maxConcurrent),
  });
  const { twilioUrl, elevenLabsUrl } = simulator;
  const records = { calls: world.calls.size, conversations: world.conversations.size };
  process.stdout.write(`${JSON.stringify({ twilioUrl, elevenLabsUrl, ...records, pid: process.pid })}\n`);
  const stop = (): void => {
    void simulator.stop().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}\n`);
  process.exitCode = 2;
});
