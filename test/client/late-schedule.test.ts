/** What `status` and `doctor` say of a schedule whose last run failed, was late, or never came, on the real Temporal. */
import type { ScheduleHandle } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { checkSchedule } from '../../client/schedule-check.js';
import { applySchedule, describeSchedule, scheduleId, summarizeSchedule } from '../../client/schedule.js';
import type { TemporalSession } from '../../client/temporal.js';
import { generateWorld } from '../../simulator/generate.js';
import { startSystem, type System } from '../support/system.js';
import { waitFor } from '../support/wait-for.js';
import { hourledger } from './cli.js';

const hour_ms = 3_600_000;
/** Half an hour away, so that no run is due by itself while a test runs. */
const minute = String((new Date().getUTCMinutes() + 30) % 60).padStart(2, '0');
const longAgo = new Date(`2025-10-04T00:${minute}:00.000Z`);

let system: System;
let session: TemporalSession;
let schedule: ScheduleHandle;

beforeAll(async () => {
  // Without any credentials a scheduled run fails as soon as a worker takes it up.
  system = await startSystem({
    world: generateWorld({ calls: 1, days: 1, from: '2025-08-01' }),
    sources: [],
  });
  const { address, namespace } = system.temporal;
  session = { client: system.client, namespace, address, webUrl: null, close: () => Promise.resolve() };
});

afterAll(() => system.close());

beforeEach(async () => {
  await applySchedule(session, `${Number(minute)} * * * *`);
  schedule = system.client.schedule.getHandle(scheduleId);
});

afterEach(() => schedule.delete());

/** The line of `status` or `doctor` that begins so. */
async function lineOf(command: 'status' | 'doctor', begin: RegExp): Promise<string> {
  const { stdout } = await hourledger([command], system.env);
  return stdout.split('\n').find((line) => begin.test(line)) ?? '';
}

const statusLines = () => Promise.all([lineOf('status', /^schedule /), lineOf('status', /^last run /)]);
const doctorLine = () => lineOf('doctor', /^.{4} {2}schedule /);

/** Starts a run now, or as if it had been due at some time before; returns its id once the schedule knows it. */
async function startRun(due?: Date): Promise<string> {
  if (due === undefined) await schedule.trigger();
  else await schedule.backfill({ start: new Date(due.getTime() - 1000), end: due, overlap: 'ALLOW_ALL' });
  const { action } = await waitFor(async () => (await schedule.describe()).info.recentActions.at(-1));
  return action.workflow.workflowId;
}

it('says that a schedule which has just been made waits for its first run', async () => {
  expect((await statusLines())[0]).toMatch(/^schedule +next run [^,]*$/);
  expect(await doctorLine()).toMatch(/^ok {4}schedule +active, no run yet/);
});

it('says that it is paused, and why', async () => {
  await schedule.pause('ElevenLabs is down');
  expect((await statusLines())[0]).toBe('schedule    paused (ElevenLabs is down)');
  expect(await doctorLine()).toMatch(
    /^FAIL {2}schedule +paused \(ElevenLabs is down\) -> hourledger schedule/,
  );
});

it('says that the last run started long after it was due', async () => {
  const id = await startRun(longAgo);
  const [, lastRun] = await statusLines();
  expect(lastRun).toMatch(
    /^last run +daily-sync-\S+, due 2025-10-04T00:\d\d:00.000Z, late \(started 20\S+\): running/,
  );
  expect(await doctorLine()).toMatch(
    /^note {2}schedule +daily-sync-\S+, due 2025-10-04T00:\d\d:00.000Z, late/,
  );
  await system.client.workflow.getHandle(id).terminate();
});

it('says that the last run ended badly', async () => {
  const id = await startRun(longAgo);
  await system.client.workflow.getHandle(id).terminate('for a test');
  expect((await statusLines())[1]).toMatch(/: terminated: for a test$/);
  expect(await doctorLine()).toMatch(/^FAIL {2}schedule +daily-sync-.*: terminated: for a test -> /);
});

it('says that a run which was due has not started, be it the first', async () => {
  const later = new Date(Date.now() + 3 * hour_ms);
  const due = (await describeSchedule(session))?.info.nextActionTimes[0];
  const summary = await summarizeSchedule(session, later);
  expect(summary).toMatchObject({ overdue: true, overdueSince: due?.toISOString(), lastRun: null });
  expect(await checkSchedule(session, later)).toMatchObject({
    state: 'failed',
    fact: expect.stringContaining(`the run due ${due?.toISOString() ?? ''} has not started`) as string,
    remedy: expect.stringContaining('hourledger sync') as string,
  });
});

it('says so also after runs that went well, and not within ten minutes', async () => {
  const id = await startRun();
  await system.client.workflow.getHandle(id).terminate();
  const due = (await describeSchedule(session))?.info.nextActionTimes[0]?.getTime() ?? 0;
  const within = await summarizeSchedule(session, new Date(due + 9 * 60_000));
  expect(within).toMatchObject({ overdue: false, overdueSince: null });
  const behind = await summarizeSchedule(session, new Date(due + 11 * 60_000));
  expect(behind).toMatchObject({ overdue: true, overdueSince: new Date(due).toISOString() });
});

it('says that a run is held up by the one before it, which does not end', async () => {
  const id = await startRun();
  const later = new Date(Date.now() + 3 * hour_ms);
  const { fact, state } = await checkSchedule(session, later);
  expect(state).toBe('failed');
  expect(fact).toMatch(/^the run due \S+ has not started: \S+ is still running, since 20\S+Z$/);
  expect(fact).toContain(id);
  await system.client.workflow.getHandle(id).terminate();
});

it('takes no time before the schedule was changed for missed, and none of a pause', async () => {
  await startRun(longAgo);
  await schedule.pause();
  const later = new Date(Date.now() + 3 * hour_ms);
  expect(await summarizeSchedule(session, later)).toMatchObject({ overdue: false, paused: true });
  await schedule.unpause();
  const { overdueSince } = (await summarizeSchedule(session, later)) ?? {};
  expect(Date.parse(overdueSince ?? '')).toBeGreaterThan(Date.now());
});

it('names the failure of the last run', async () => {
  const worker = await system.startWorker();
  const id = await startRun();
  await system.client.workflow
    .getHandle(id)
    .result()
    .catch(() => undefined);
  expect((await statusLines())[1]).toMatch(/: failed: "twilio" is off: set TWILIO_ACCOUNT_SID/);
  expect(await doctorLine()).toMatch(
    /^FAIL {2}schedule +daily-sync-.*: failed: "twilio" is off.* -> look at the run/,
  );
  const { code } = await hourledger(['doctor'], system.env);
  expect(code).toBe(1);
  await worker.kill('SIGTERM');
});
