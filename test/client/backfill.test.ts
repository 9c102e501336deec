/** Backfills from the command line: progress to the end, attaching, leaving, pausing, cancelling, and exit codes. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateWorld } from '../../simulator/generate.js';
import { startSystem, type System } from '../support/system.js';
import { hourledger, hourledgerJson, program } from './cli.js';

const range = ['--source', 'twilio', '--from', '2025-08-01', '--to', '2025-08-05'];
const workflowId = 'backfill-twilio-2025-08-01-2025-08-05-failed';

let system: System;

beforeAll(async () => {
  system = await startSystem({
    world: generateWorld({ calls: 200, days: 5, from: '2025-08-01' }),
    sources: ['twilio'],
  });
});

afterAll(() => system.close());

describe('without a worker', () => {
  it('says so, and leaving does not stop it', async () => {
    const child = spawn(process.execPath, [program, 'backfill', ...range], { env: system.env });
    const lines: string[] = [];
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    for await (const line of createInterface({ input: child.stderr })) {
      lines.push(line);
      if (line.startsWith('No worker polls')) child.kill('SIGINT');
    }
    expect(await ended).toBe(130);
    expect(lines.join('\n')).toContain(`Started ${workflowId}.`);
    expect(lines.join('\n')).toContain('npx hourledger worker');
    expect(lines.join('\n')).toContain('hourledger cancel --source twilio --from 2025-08-01 --to 2025-08-05');
    const { status } = await system.client.workflow.getHandle(workflowId).describe();
    expect(status.name).toBe('RUNNING');
  });

  it('is found by pause and resume, and not by others that do not fit', async () => {
    const fits = await hourledgerJson(['pause', ...range], system.env);
    expect(fits).toEqual({ action: 'pause', workflowIds: [workflowId] });
    const { code, stderr } = await hourledger(['cancel', '--source', 'elevenlabs'], system.env);
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^error: No backfill is running/) as string,
    });
  });
});

describe('with a worker', () => {
  beforeAll(() => system.startWorker());

  it('attaches to the one that runs, and ends with it', async () => {
    const child = spawn(process.execPath, [program, 'backfill', ...range, '--json'], { env: system.env });
    const printed = text(child.stdout);
    for await (const line of createInterface({ input: child.stderr })) {
      // It is still paused, so it cannot end before this command has found it.
      if (!line.endsWith('attached to it.')) continue;
      expect((await hourledger(['resume'], system.env)).stdout).toBe(`Resumed ${workflowId}\n`);
    }
    expect(JSON.parse(await printed)).toMatchObject({
      workflowId,
      attached: true,
      state: 'completed',
      records: { fetched: 200 },
    });
    const again = await hourledger(['backfill', ...range], system.env);
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/completed after .*\n {2}days +0 completed, 0 open, 0 failed, of 0\n/);
    const verified = await hourledger(['verify'], system.env);
    expect(verified).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('all equal their raw rows') as string,
    });
  });

  it('runs a dry run beside it, under an id of its own', async () => {
    const args = ['backfill', ...range, '--reprocess', 'completed', '--dry-run', '--detach'];
    expect((await hourledger(args, system.env)).stdout).toBe(
      'backfill-twilio-2025-08-01-2025-08-05-completed-dry-run\n',
    );
  });

  it('ends with 1 and the remedy when the source is off', async () => {
    const args = ['backfill', '--source', 'elevenlabs', '--from', '2025-08-01', '--to', '2025-08-01'];
    const { code, stderr } = await hourledger(args, system.env);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*"elevenlabs" is off: set ELEVENLABS_API_KEY/m);
  });

  it('syncs now, as if it were then', async () => {
    const args = ['sync', '--source', 'twilio', '--at', '2025-08-04T02:00:00+02:00'];
    const result = await hourledgerJson<Record<string, unknown>>(args, system.env);
    expect(result).toMatchObject({
      workflowId: 'daily-sync-manual-2025-08-04T00:00:00Z-twilio',
      state: 'completed',
      sources: { twilio: { days: { planned: 3, completed: 3 } } },
    });
  });
});
