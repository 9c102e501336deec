// The simulator as a process: one line of JSON says where it is, SIGTERM ends it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { demoCredentials } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';

let folder: string;
let program: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hourledger-simulator-'));
  program = join(folder, 'main.mjs');
  const entry = new URL('../../simulator/main.ts', import.meta.url).pathname;
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', outfile: program });
});

afterAll(() => rmSync(folder, { recursive: true }));

test('it prints its addresses, answers, and ends on SIGTERM', async () => {
  const child = spawn(process.execPath, [program, '--data', 'generate:10:2:2025-03-01'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const printed = JSON.parse(line.toString()) as { twilioUrl: string; calls: number; pid: number };
  expect(printed).toMatchObject({ calls: 10, pid: child.pid });
  expect((await fetch(`${printed.twilioUrl}/v1/convai/conversations`)).status).toBe(401);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a generated world has as many conversations as it is told, and serves rendered calls as others', async () => {
  const args = [
    ...['--data', 'generate:10:2:2025-03-01', '--conversations', '7'],
    ...['--earlier', '5:3:1', '--rendered'],
  ];
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const printed = JSON.parse(line.toString()) as { twilioUrl: string; calls: number; conversations: number };
  expect(printed).toMatchObject({ calls: 15, conversations: 10 });
  const { accountSid, authToken } = demoCredentials.twilio;
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;
  const url = `${printed.twilioUrl}/2010-04-01/Accounts/${accountSid}/Calls.json`;
  const answer = await fetch(url, { headers: { authorization } });
  const served = ((await answer.json()) as { calls: object[] }).calls;
  const size = { calls: 10, conversations: 7, days: 2, from: '2025-03-01' };
  const world = generateWorld({ ...size, earlier: { calls: 5, conversations: 3, days: 1 } });
  expect(served).toEqual(world.callTexts().map((text) => JSON.parse(text) as object));
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('earlier records change nothing of the others', () => {
  const size = { calls: 20, conversations: 20, days: 2, from: '2025-03-01' };
  const alone = generateWorld(size);
  const both = generateWorld({ ...size, earlier: { calls: 6, conversations: 4, days: 3 } });
  expect(both.callTexts().slice(0, 20)).toEqual(alone.callTexts());
  expect(both.conversationTexts().slice(0, 20)).toEqual(alone.conversationTexts());
  const days = new Set(
    both
      .callTexts()
      .slice(20)
      .map((text) => /"start_time":"\w+, (\d\d \w+)/.exec(text)?.[1]),
  );
  expect([...days].sort()).toEqual(['26 Feb', '27 Feb', '28 Feb']);
});

test('data that it does not know is refused with exit code 2', async () => {
  const child = spawn(process.execPath, [program, '--data', 'everything'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [message] = (await once(child.stderr, 'data')) as [Buffer];
  expect(message.toString()).toContain('--data "everything" is none of demo, empty, generate:CALLS:DAYS');
  expect(await once(child, 'exit')).toEqual([2, null]);
});
