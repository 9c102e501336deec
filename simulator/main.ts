// The simulator as a process of its own: starts the fake providers, prints their addresses as one line of JSON.
import { parseArgs } from 'node:util';
import { demoCredentials, demoWorld } from './demo-data.js';
import { generateWorld } from './generate.js';
import { startSimulator } from './server.js';
import { World } from './world.js';

const usage = `usage: simulator [--port PORT] [--data demo|empty|generate:CALLS:DAYS[:FROM]] [--latency-ms MS] [--max-concurrent N]`;

/** @throws RangeError when the description names no world. */
function worldOf(data: string): World {
  if (data === 'demo') return demoWorld();
  if (data === 'empty') return new World();
  const match = /^generate:(\d+):(\d+)(?::(\d{4}-\d{2}-\d{2}))?$/.exec(data);
  if (match === null)
    throw new RangeError(`--data ${JSON.stringify(data)} is none of demo, empty, generate:CALLS:DAYS.`);
  const [, calls = '0', days = '1', from] = match;
  return generateWorld({ calls: Number(calls), days: Number(days), ...(from === undefined ? {} : { from }) });
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
    },
  });
  const maxConcurrent = values['max-concurrent'];
  const simulator = await startSimulator({
    world: worldOf(values.data),
    port: wholeNumber('port', values.port),
    latencyMs: wholeNumber('latency-ms', values['latency-ms']),
    credentials: demoCredentials,
    maxConcurrent: maxConcurrent === undefined ? undefined : wholeNumber('max-concurrent', maxConcurrent),
  });
  const { twilioUrl, elevenLabsUrl, world } = simulator;
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
