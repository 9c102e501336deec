/** The script that hourledger is measured against does its work right: a baseline that leaves something out proves nothing. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { build } from 'esbuild';
import type { BaselineResult } from '../../bench/baseline-twilio.js';
import { cpuBetween, peakMemory_mb, readCpu } from '../../bench/cpu.js';
import { packageRoot } from '../../database/package-root.js';
import { demoCredentials, demoMapping } from '../../simulator/demo-data.js';
import { generateWorld } from '../../simulator/generate.js';
import { startSimulator } from '../../simulator/server.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { seedMapping } from '../support/system.js';

let folder: string;
let db: TestDatabase;

beforeAll(async () => {
  // Inside the package, so that the script finds its packages.
  folder = mkdtempSync(path.join(packageRoot(), 'node_modules', '.bench-'));
  db = await createTestDatabase();
});

afterAll(async () => {
  rmSync(folder, { recursive: true });
  await db.close();
});

it('warms up, waits, stores each call once with its JSON, and its hours are the sums', async () => {
  const outfile = path.join(folder, 'baseline.mjs');
  const entry = path.join(packageRoot(), 'bench', 'baseline-twilio.ts');
  const settings = { bundle: true, platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({ entryPoints: [entry], outfile, ...settings });
  await seedMapping(db, demoMapping);
  const world = generateWorld({ calls: 2_345, days: 3, earlier: { calls: 111, days: 2 } });
  const credentials = structuredClone(demoCredentials);
  const simulator = await startSimulator({ world, credentials });
  try {
    const { accountSid, authToken } = demoCredentials.twilio;
    const where = { databaseUrl: db.databaseUrl, baseUrl: simulator.twilioUrl, accountSid, authToken };
    const warmUp = { from: '2024-12-30', to: '2024-12-31' };
    const input = JSON.stringify({ ...where, from: '2025-01-01', to: '2025-01-03', warmUp });
    const child = spawn(process.execPath, [outfile, input], { stdio: ['pipe', 'pipe', 'inherit'] });
    const counts: number[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      counts.push((JSON.parse(line) as BaselineResult).calls);
      const stored = await db.query('select count(*)::integer as calls from bench_baseline.calls');
      expect(stored).toEqual([{ calls: counts.reduce((sum, count) => sum + count, 0) }]);
      child.stdin.end('go\n');
    }
    expect(counts).toEqual([111, 2_345]);
  } finally {
    await simulator.stop();
  }
  const [sums] = await db.query(`
    select sum(calls)::integer as calls, sum(price)::text as price, count(distinct workspace_id)::integer as workspaces
    from bench_baseline.hourly`);
  const [raw] = await db.query(`
    select count(*)::integer as calls, (-sum((raw_data ->> 'price')::numeric))::text as price
    from bench_baseline.calls`);
  expect(sums).toEqual({ ...raw, workspaces: demoMapping.workspaces.length });
});

it('what processes have used is read from the system', () => {
  const before = readCpu({ own: process.pid });
  const end_ms = performance.now() + 60;
  while (performance.now() < end_ms);
  const used = cpuBetween(before, readCpu({ own: process.pid }));
  expect(used.own).toBeGreaterThan(0);
  expect(peakMemory_mb(process.pid)).toBeGreaterThan(20);
});
