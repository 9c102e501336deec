/** Twilio's calls end to end, against a script without durability: how much of its speed is left, and what a record costs. */
import { isDeepStrictEqual } from 'node:util';
import { verifyLedger } from '../client/verification.js';
import { demoCredentials } from '../simulator/demo-data.js';
import { parseBackfillInput, type BackfillRequest } from '../workflows/input.js';
import { daysFrom, runBackfill, warmUp, type Days } from './backfill.js';
import type { BaselineResult } from './baseline-twilio.js';
import { cpuBetween, peakMemory_mb, perThousand, readCpu } from './cpu.js';
import { medians, spreadOf, type Figure } from './figures.js';
import { readHistory, type History } from './history.js';
import type { Options } from './options.js';
import { beginProfile, writeFunctionTimes, writeProfileSummary } from './profile.js';
import { startScript, type Script } from './script.js';
import { readSpace, type Space } from './space.js';
import { startProvider, startSystem, type BenchWorker, type Provider, type System } from './system.js';

interface Case {
  id: string;
  calls: number;
  days: number;
  target: number;
}

/** What one run reads: the calls that are measured, and those of the days before, which both sides read first. */
interface Plan extends Case {
  warmUp: { calls: number; days: number };
}

const cases: readonly Case[] = [
  { id: 'usual-days', calls: 50_000, days: 30, target: 0.7 },
  { id: 'thin-days', calls: 57_952, days: 92, target: 0.6 },
  { id: 'thick-days', calls: 500_000, days: 10, target: 0.8 },
];
/** A twentieth of the whole, to see that everything works. */
const quickShare = 0.05;
const secondTarget = 1.5;
const firstDay = '2025-01-01';
const warmUpCalls_max = 10_000;
/** Of the days that are measured. */
const warmUpShare = 0.2;

/** Processor time by process, in milliseconds. */
type Cpu = Record<'provider' | 'worker' | 'gateway' | 'postgrest' | 'postgres' | 'temporal', number>;

interface ProductRun {
  wall_ms: number;
  cpu: Cpu;
  history: History;
}

interface Run {
  baseline: BaselineResult & { cpu: Record<'script' | 'provider' | 'postgres', number> };
  first: ProductRun;
  second: ProductRun;
  space: Space;
  workerPeak_mb: number;
}

/** @returns for each case how fast the first run was, and for each how much faster the second */
export async function benchIngestion(options: Options): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const one of cases) {
    if (options.cases.length > 0 && !options.cases.includes(one.id)) continue;
    const plan = planOf(options.quick ? { ...one, calls: Math.round(one.calls * quickShare) } : one);
    options.log(`${plan.calls} calls in ${plan.days} days: making them`);
    const provider = await startProvider(
      ...['--data', `generate:${plan.calls}:${plan.days}:${firstDay}`],
      ...['--earlier', `${plan.warmUp.calls}:0:${plan.warmUp.days}`, '--rendered'],
    );
    const runs: Run[] = [];
    for (let number = 0; number < options.runs; number += 1) {
      runs.push(await runOnce(plan, provider, number, options));
    }
    await provider.stop();
    figures.push(...figuresOf(plan, runs));
  }
  return figures;
}

/** Days of the same thickness to warm up with; where a single one would be too much, one thinner day. */
function planOf(one: Case): Plan {
  const perDay = one.calls / one.days;
  const wanted = Math.min(warmUpCalls_max / perDay, one.days * warmUpShare);
  const days = Math.max(1, Math.round(wanted));
  return { ...one, warmUp: { calls: Math.min(warmUpCalls_max, Math.round(days * perDay)), days } };
}

/**
 * One pair on one fresh stack. Both sides warm up before either is measured, and who goes first alternates: the first one has
 * to extend files that the second one finds.
 */
async function runOnce(one: Plan, provider: Provider, number: number, options: Options): Promise<Run> {
  const system = await startSystem(options.profileDir);
  let script: Script | undefined;
  try {
    const productFirst = number % 2 === 1;
    const worker = await system.startWorker('twilio', provider);
    await warmUp(system, 'twilio', warmUpOf(one));
    script = await startScript(inputOf(one, provider, system), one.warmUp.calls);
    const early = productFirst ? null : await runBaseline(one, provider, system, script);
    const profile = await profileOf(system, options);
    const first = await runProduct(one, provider, system, worker, 'failed');
    await profile(`${one.id}-${number + 1}-first`);
    const space = await readSpace(system.database, one.calls + one.warmUp.calls);
    const second = await runProduct(one, provider, system, worker, 'completed');
    await profile(`${one.id}-${number + 1}-second`);
    const workerPeak_mb = peakMemory_mb(worker.pid);
    await worker.stop();
    if (options.profileDir !== null) writeProfileSummary(options.profileDir);
    const baseline = early ?? (await runBaseline(one, provider, system, script));
    await verify(one, system);
    options.log(describe(one, number, baseline, first, second));
    return { baseline, first, second, space, workerPeak_mb };
  } finally {
    await script?.stop();
    await system.stop();
  }
}

/** Writes down where the time of a run went, if that is wanted. */
async function profileOf(
  { database }: System,
  { profileDir }: Options,
): Promise<(name: string) => Promise<void>> {
  if (profileDir === null) return () => Promise.resolve();
  await beginProfile(database, profileDir);
  return (name) => writeFunctionTimes(database, profileDir, name);
}

function inputOf(one: Plan, provider: Provider, system: System): Parameters<typeof startScript>[0] {
  const { accountSid, authToken } = demoCredentials.twilio;
  const { databaseUrl } = system.info;
  const where = { databaseUrl, baseUrl: provider.url, accountSid, authToken };
  return { ...where, ...rangeOf(one), warmUp: warmUpOf(one) };
}

async function runBaseline(
  one: Plan,
  provider: Provider,
  system: System,
  script: Script,
): Promise<Run['baseline']> {
  const pids = { provider: provider.pid, postgres: system.pids.postgres };
  await system.database.query('checkpoint');
  const before = readCpu(pids);
  const result = await script.run();
  if (result.calls !== one.calls) throw new Error(`The baseline read ${result.calls} of ${one.calls} calls.`);
  return { ...result, cpu: { script: result.cpu_ms, ...cpuBetween(before, readCpu(pids)) } };
}

async function runProduct(
  one: Case,
  provider: Provider,
  system: System,
  worker: BenchWorker,
  reprocess: BackfillRequest['reprocess'],
): Promise<ProductRun> {
  const pids = { provider: provider.pid, worker: worker.pid, ...system.pids };
  const request = parseBackfillInput({ source: 'twilio', ...rangeOf(one), reprocess }, new Date());
  await system.database.query('checkpoint');
  const before = readCpu(pids);
  const { workflowId, wall_ms } = await runBackfill(system, request);
  const cpu = cpuBetween(before, readCpu(pids));
  return { wall_ms, cpu, history: await readHistory(system, workflowId) };
}

/**
 * Looks at all that both sides have, what they warmed up with as well.
 * @throws Error when a snapshot differs from its raw rows, from the baseline's hours, or is missing
 */
async function verify(one: Plan, system: System): Promise<void> {
  const { differing, pendingHours } = await verifyLedger(system.ledger);
  if (differing > 0 || pendingHours > 0) {
    throw new Error(`Not verified: ${differing} fields differ, ${pendingHours} hours are still to drain.`);
  }
  const { rows } = await system.database.query<Record<'calls' | 'earlier' | 'differing', string>>(`
    select coalesce(sum(s.total_calls) filter (where s.snapshot_date >= '${firstDay}T00:00:00Z'), 0) as calls,
      coalesce(sum(s.total_calls) filter (where s.snapshot_date < '${firstDay}T00:00:00Z'), 0) as earlier,
      count(*) filter (where (s.total_calls, s.total_cost, s.total_duration)
        is distinct from (b.calls, b.price, b.duration)) as differing
    from twilio_snapshots s full join bench_baseline.hourly b
      on b.workspace_id = s.workspace_id and b.hour = s.snapshot_date`);
  const [found] = rows;
  const wanted = { calls: String(one.calls), earlier: String(one.warmUp.calls), differing: '0' };
  if (!isDeepStrictEqual({ ...found }, wanted)) {
    throw new Error(`The snapshots and the baseline's hours differ: ${JSON.stringify(found)}`);
  }
}

function rangeOf({ days }: Case): Days {
  return daysFrom(firstDay, 0, days);
}

function warmUpOf({ warmUp: { days } }: Plan): Days {
  return daysFrom(firstDay, -days, days);
}

function describe(
  one: Case,
  number: number,
  baseline: Run['baseline'],
  first: ProductRun,
  second: ProductRun,
): string {
  const rate = (wall_ms: number): string => `${Math.round((one.calls / wall_ms) * 1000)}/s`;
  const ratio = (baseline.wall_ms / first.wall_ms).toFixed(3);
  return `run ${number + 1}: script ${rate(baseline.wall_ms)}, first ${rate(first.wall_ms)} (${ratio}), second ${rate(second.wall_ms)}`;
}

function figuresOf(one: Case, runs: Run[]): Figure[] {
  const rate = (wall_ms: number): number => (one.calls / wall_ms) * 1000;
  const speed = (what: string, of: (run: Run) => number) => ({
    unit: 'calls/s',
    what,
    value: spreadOf(runs.map((run) => rate(of(run)))),
  });
  const first = speed('backfill of days never read', (run) => run.first.wall_ms);
  const second = speed('the same backfill again, everything unchanged', (run) => run.second.wall_ms);
  const title = `${one.calls.toLocaleString('en')} calls in ${one.days} days`;
  const historyOf = ({ history }: ProductRun) => ({
    workflows: history.workflows,
    eventsPerDay: history.events / one.days,
    bytesPerDay: Math.round(history.bytes / one.days),
    activities: history.activities,
  });
  const [run] = runs;
  return [
    {
      id: `ingestion/${one.id}`,
      title: `Twilio, ${title}`,
      ratio: spreadOf(runs.map(({ baseline, first }) => baseline.wall_ms / first.wall_ms)),
      better: 'higher',
      target: one.target,
      product: first,
      baseline: speed('plain script', ({ baseline }) => baseline.wall_ms),
      details: {
        cpuMsPerThousand: medians(runs.map(({ first }) => perThousand(first.cpu, one.calls))),
        baselineCpuMsPerThousand: medians(runs.map(({ baseline }) => perThousand(baseline.cpu, one.calls))),
        history: run && historyOf(run.first),
        space: run?.space,
        workerPeakMb: spreadOf(runs.map(({ workerPeak_mb }) => workerPeak_mb)),
      },
    },
    {
      id: `ingestion/${one.id}/again`,
      title: `Twilio, ${title}, again`,
      ratio: spreadOf(runs.map(({ first, second }) => first.wall_ms / second.wall_ms)),
      better: 'higher',
      target: secondTarget,
      product: second,
      baseline: first,
      details: {
        cpuMsPerThousand: medians(runs.map(({ second }) => perThousand(second.cpu, one.calls))),
        history: run && historyOf(run.second),
      },
    },
  ];
}
