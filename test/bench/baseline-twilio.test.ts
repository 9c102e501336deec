/** The script that hourledger is measured against does its work right: a baseline that leaves something out proves nothing. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
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

it('stores each call once with its JSON, and its hours are the sums', async () => {
  const outfile = path.join(folder, 'baseline.mjs');
  const entry = path.join(packageRoot(), 'bench', 'baseline-twilio.ts');
  const settings = { bundle: true, platform: 'node', format: 'esm', packages: 'external' } as const;
  await build({ entryPoints: [entry], outfile, ...settings });
  await seedMapping(db, demoMapping);
  const world = generateWorld({ calls: 2_345, days: 3 });
  const credentials = structuredClone(demoCredentials);
  const simulator = await startSimulator({ world, credentials });
  try {
    const { accountSid, authToken } = demoCredentials.twilio;
    const where = { databaseUrl: db.databaseUrl, baseUrl: simulator.twilioUrl, accountSid, authToken };
    const input = JSON.stringify({ ...where, from: '2025-01-01', to: '2025-01-03' });
    const { stdout } = await promisify(execFile)(process.execPath, [outfile, input]);
    expect((JSON.parse(stdout) as BaselineResult).calls).toBe(2_345);
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
