// The simulator as a process of its own: starts the fake providers, prints their addresses as one line of JSON.
import { parseArgs } from 'node:util';
import { demoCredentials, demoWorld } from './demo-data.js';
import { generateWorld, type GenerateOptions } from './generate.js';
import { startSimulator } from './server.js';
import { prepareUsage } from './usage.js';
import { World } from './world.js';

const usage = `usage: simulator [--port PORT] [--data demo|empty|generate:CALLS:DAYS[:FROM]] [--latency-ms MS] [--max-concurrent N]
       [--conversations N] [--earlier CALLS:CONVERSATIONS:DAYS] [--rendered]`;

/** @throws RangeError when the description names no world. */
function worldOf(data: string, conversations: number, earlier: GenerateOptions['earlier']): World {
  if (data === 'demo') return demoWorld();
  if (data === 'empty') return new World();
  const match = /^generate:(\d+):(\d+)(?::(\d{4}-\d{2}-\d{2}))?$/.exec(data);
  if (match === null)
    throw new RangeError(`--data ${JSON.stringify(data)} is none of demo, empty, generate:CALLS:DAYS.`);
  const [, calls = '0', days = '1', from] = match;
  const size = { calls: Number(calls), conversations, days: Number(days) };
  return generateWorld({
    ...size,
    ...(from === undefined ? {} : { from }),
    ...(earlier === undefined ? {} : { earlier }),
  });
}

/** @throws RangeError when the text is none. */
function earlierOf(text: string | undefined): GenerateOptions['earlier'] {
  if (text === undefined) return undefined;
  const match = /^(\d{1,9}):(\d{1,9}):(\d{1,4})$/.exec(text);
  if (match === null)
    throw new RangeError(`--earlier ${JSON.stringify(text)} is not CALLS:CONVERSATIONS:DAYS.`);
  return { calls: Number(match[1]), conversations: Number(match[2]), days: Number(match[3]) };
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
      // More of both before the first day of a generated world.
      earlier: { type: 'string' },
      // The texts of all calls are made, and usage is added up, at the start, for benchmarks.
      rendered: { type: 'boolean', default: false },
    },
  });
  const conversations = wholeNumber('conversations', values.conversations);
  const world = worldOf(values.data, conversations, earlierOf(values.earlier));
  if (values.rendered) {
    prepareUsage(world);
    world.renderCalls();
  }
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
