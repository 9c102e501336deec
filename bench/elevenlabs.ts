/** ElevenLabs' conversations, one request each: how near to the provider's own floor they come, and how often it refuses. */
import { verifyLedger } from '../client/verification.js';
import { parseBackfillInput } from '../workflows/input.js';
import { daysFrom, runBackfill, warmUp } from './backfill.js';
import { cpuBetween, perThousand, readCpu } from './cpu.js';
import { medians, spreadOf, type Figure } from './figures.js';
import type { Options } from './options.js';
import { writeProfileSummary } from './profile.js';
import { startProvider, startSystem, type Provider, type System } from './system.js';

interface Case {
  id: string;
  conversations: number;
  /** More requests at once than this are answered with 429. */
  allowed: number;
  workers: number;
  /** At most so many times the floor. */
  target: number;
}

const cases: readonly Case[] = [
  { id: 'wide', conversations: 10_000, allowed: 20, workers: 1, target: 1.1 },
  { id: 'wide-two-workers', conversations: 10_000, allowed: 20, workers: 2, target: 1.1 },
  { id: 'narrow', conversations: 5_000, allowed: 6, workers: 1, target: 1.3 },
  { id: 'narrow-two-workers', conversations: 5_000, allowed: 6, workers: 2, target: 1.3 },
];
const firstDay = '2025-01-01';
const days = { count: 10, ...daysFrom(firstDay, 0, 10) };
/** As many as one child workflow takes, which is what one worker works on at a time. */
const warmUpDaysPerWorker = 2;
const latency_ms = 50;
const retryAfter_s = 1;
const quickShare = 0.1;
const refusedTarget = 0.01;

interface Requests {
  answered: number;
  refused: number;
  /** At this moment. */
  underWay: number;
}

interface Run {
  wall_ms: number;
  floor_ms: number;
  refusedShare: number;
  /** Of the requests that the provider allows at once, how many were under way, from the first one to the last. */
  inUsePercent: number;
  /** Before the first request was seen, and after the last one, in milliseconds. */
  edges_ms: { start: number; end: number };
  cpuMsPerThousand: Record<
    'provider' | 'workers' | 'gateway' | 'postgrest' | 'postgres' | 'temporal',
    number
  >;
}

/** @returns for each case the time as a multiple of the floor, and the share of requests that were refused */
export async function benchElevenlabs(options: Options): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const one of cases) {
    if (options.cases.length > 0 && !options.cases.includes(one.id)) continue;
    const conversations = options.quick ? one.conversations * quickShare : one.conversations;
    const runs: Run[] = [];
    for (let number = 1; number <= options.runs; number += 1) {
      const run = await runOnce({ ...one, conversations }, options);
      options.log(
        `${one.id}, run ${number}: ${(run.wall_ms / run.floor_ms).toFixed(3)} of the floor, ` +
          `${(run.refusedShare * 100).toFixed(2)}% refused, ${run.inUsePercent}% of the allowed requests under way, ` +
          `${run.edges_ms.start} ms before the first, ${run.edges_ms.end} ms after the last`,
      );
      runs.push(run);
    }
    figures.push(...figuresOf({ ...one, conversations }, runs));
  }
  return figures;
}

async function runOnce(one: Case, { profileDir }: Options): Promise<Run> {
  const size = `generate:0:${days.count}:${days.from}`;
  const provider = await startProvider(
    ...['--data', size, '--conversations', String(one.conversations)],
    ...['--earlier', `0:${warmUpConversations(one)}:${warmUpDays(one)}`],
    ...['--latency-ms', String(latency_ms)],
  );
  const limits = { maxConcurrent: one.allowed, retryAfterSeconds: retryAfter_s };
  await order(provider, 'faults', { limits: { elevenlabs: limits } });
  const system = await startSystem(profileDir);
  try {
    const workers = [];
    for (let number = 0; number < one.workers; number += 1) {
      workers.push(await system.startWorker('elevenlabs', provider));
    }
    await warmUp(system, 'elevenlabs', daysFrom(firstDay, -warmUpDays(one), warmUpDays(one)));
    const pids = Object.fromEntries(workers.map(({ pid }, index) => [`worker${index}`, pid]));
    const before = readCpu({ provider: provider.pid, ...system.pids, ...pids });
    const { wall_ms, answered, refused, inUsePercent, edges_ms } = await backfill(one, provider, system);
    const cpu = cpuBetween(before, readCpu({ provider: provider.pid, ...system.pids, ...pids }));
    for (const worker of workers) await worker.stop();
    if (profileDir !== null) writeProfileSummary(profileDir);
    await verify(one, system);
    return {
      wall_ms,
      floor_ms: (answered * latency_ms) / one.allowed,
      refusedShare: refused / (answered + refused),
      inUsePercent,
      edges_ms,
      cpuMsPerThousand: perThousand(cpu, one.conversations),
    };
  } finally {
    await system.stop();
    await provider.stop();
  }
}

/** Days as thick as those that are measured, before them: until their end the rate has settled, and is kept. */
function warmUpDays({ workers }: Case): number {
  return warmUpDaysPerWorker * workers;
}

function warmUpConversations(one: Case): number {
  return Math.round((one.conversations / days.count) * warmUpDays(one));
}

/** Runs it to its end, and counts what the provider was asked meanwhile. */
async function backfill(one: Case, provider: Provider, system: System) {
  const request = parseBackfillInput({ source: 'elevenlabs', from: days.from, to: days.to }, new Date());
  const before = await readRequests(provider);
  const looks: Look[] = [];
  const began_ms = performance.now();
  const { wall_ms } = await runBackfill(system, request, async () => {
    const now = await readRequests(provider);
    looks.push({ at_ms: performance.now(), underWay: now.underWay });
  });
  const after = await readRequests(provider);
  const during = looksDuring(looks);
  const inUsePercent = Math.round((meanUnderWay(during) / one.allowed) * 100);
  const edge = (look: Look | undefined) => Math.round((look?.at_ms ?? began_ms) - began_ms);
  const edges_ms = { start: edge(during[0]), end: Math.round(wall_ms) - edge(during.at(-1)) };
  return {
    ...{ wall_ms, inUsePercent, edges_ms },
    answered: after.answered - before.answered,
    refused: after.refused - before.refused,
  };
}

interface Look {
  at_ms: number;
  underWay: number;
}

/** From the first look that saw a request to the last. */
function looksDuring(looks: Look[]): Look[] {
  const seen = looks.map(({ underWay }) => underWay > 0);
  return looks.slice(seen.indexOf(true), seen.lastIndexOf(true) + 1);
}

/** By time. What else the machine does blurs it less than the wall clock. */
function meanUnderWay(during: Look[]): number {
  let sum = 0;
  during.forEach(({ at_ms }, index) => {
    const before = during[index - 1];
    if (before !== undefined) sum += before.underWay * (at_ms - before.at_ms);
  });
  return sum / ((during.at(-1)?.at_ms ?? 0) - (during[0]?.at_ms ?? 0));
}

interface Counts {
  byOutcome: Record<string, number>;
}

/** The requests up to now, lists and details together. */
async function readRequests(provider: Provider): Promise<Requests> {
  const answer = await fetch(`${provider.url}/_simulator/stats`);
  const { requests, underWay } = (await answer.json()) as {
    requests: Record<'conversations' | 'conversation', Counts>;
    underWay: { elevenlabs: number };
  };
  const both = [requests.conversations, requests.conversation];
  const sum = (outcome: string) =>
    both.reduce((total, { byOutcome }) => total + (byOutcome[outcome] ?? 0), 0);
  return { answered: sum('200'), refused: sum('429'), underWay: underWay.elevenlabs };
}

async function order(provider: Provider, what: string, orders: object): Promise<void> {
  const answer = await fetch(`${provider.url}/_simulator/${what}`, {
    method: 'POST',
    body: JSON.stringify(orders),
  });
  if (!answer.ok) throw new Error(`The fake providers refused an order: ${await answer.text()}`);
}

async function verify(one: Case, system: System): Promise<void> {
  const { differing, pendingHours } = await verifyLedger(system.ledger);
  const { rows } = await system.database.query<{ stored: number }>(
    'select count(*)::integer as stored from elevenlabs_conversations',
  );
  if (differing > 0 || pendingHours > 0 || rows[0]?.stored !== one.conversations + warmUpConversations(one)) {
    throw new Error(
      `Not verified: ${differing} fields differ, ${pendingHours} hours wait, ${rows[0]?.stored ?? 0} stored.`,
    );
  }
}

function figuresOf(one: Case, runs: Run[]): Figure[] {
  const workers = one.workers === 1 ? 'one worker' : `${one.workers} workers`;
  const title = `ElevenLabs, ${one.conversations.toLocaleString('en')} conversations, ${one.allowed} at once, ${workers}`;
  const seconds = (what: string, of: (run: Run) => number) => ({
    unit: 's',
    what,
    value: spreadOf(runs.map((run) => of(run) / 1000)),
  });
  const floor = `requests x ${latency_ms} ms / ${one.allowed}`;
  return [
    {
      id: `elevenlabs/${one.id}`,
      title,
      ratio: spreadOf(runs.map(({ wall_ms, floor_ms }) => wall_ms / floor_ms)),
      better: 'lower',
      target: one.target,
      product: seconds('backfill of days never read', ({ wall_ms }) => wall_ms),
      baseline: seconds(floor, ({ floor_ms }) => floor_ms),
      details: {
        cpuMsPerThousand: medians(runs.map((run) => run.cpuMsPerThousand)),
        inUsePercent: runs.map(({ inUsePercent }) => inUsePercent),
        edgesMs: runs.map(({ edges_ms }) => edges_ms),
      },
    },
    {
      id: `elevenlabs/${one.id}/refused`,
      title: `${title}: refused once settled`,
      ratio: spreadOf(runs.map(({ refusedShare }) => refusedShare)),
      better: 'lower',
      target: refusedTarget,
      product: {
        unit: '%',
        what: 'answered with 429',
        value: spreadOf(runs.map(({ refusedShare }) => refusedShare * 100)),
      },
      baseline: { unit: '%', what: 'all requests', value: spreadOf(runs.map(() => 100)) },
    },
  ];
}
