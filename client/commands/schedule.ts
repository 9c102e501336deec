/** `schedule`: the daily sync on a Temporal schedule. */
import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { withTemporal } from '../context.js';
import { addExample, addGroup, addJsonOption, type JsonOption } from '../options.js';
import { printResult, say } from '../output.js';
import type { ScheduleSummary } from '../schedule.js';
import type { TemporalSession } from '../temporal.js';

const missing = () => new CliError('There is no schedule. Create it with: hourledger schedule apply');

export function addSchedule(program: Command): void {
  const schedule = addGroup(program, 'schedule', 'the daily sync on a Temporal schedule', 'schedule apply');
  addApply(schedule);
  addShow(schedule);
  addPauseAndResume(schedule);
  addRemove(schedule);
}

function addApply(schedule: Command): void {
  const command = schedule
    .command('apply')
    .description('create the schedule, or bring it to what it is to be; a second time changes nothing')
    .option('--cron <expression>', 'when, in UTC (default: "0 0 * * *", midnight)');
  addJsonOption(addExample(command, 'schedule apply', "schedule apply --cron '30 * * * *'")).action(
    async ({ cron, json }: JsonOption & { cron?: string }) => {
      await withTemporal(async (session) => {
        const { applySchedule, defaultCron, summarizeSchedule } = await import('../schedule.js');
        const result = await applySchedule(session, cron?.trim().replaceAll(/\s+/g, ' ') ?? defaultCron);
        const summary = await summarizeSchedule(session);
        printResult(json, { result, ...summary }, () =>
          [result, ...(summary === null ? [] : [describeSummary(summary)])].join('\n'),
        );
      });
    },
  );
}

function addShow(schedule: Command): void {
  const command = schedule.command('show').description('show the schedule, its next run and its last');
  addJsonOption(addExample(command, 'schedule show')).action(async ({ json }: JsonOption) => {
    await withTemporal(async (session) => {
      const { summarizeSchedule } = await import('../schedule.js');
      const summary = await summarizeSchedule(session);
      if (summary === null) throw missing();
      const { describeLastRun } = await import('../schedule.js');
      const { lastRun } = summary;
      printResult(json, summary, () =>
        [
          describeSummary(summary),
          `last run   ${lastRun === null ? 'none yet' : describeLastRun(lastRun)}`,
        ].join('\n'),
      );
    });
  });
}

function addPauseAndResume(schedule: Command): void {
  const pause = schedule
    .command('pause')
    .description('start no further run until resumed')
    .option('--note <text>', 'why, for whoever finds it paused');
  addJsonOption(addExample(pause, "schedule pause --note 'ElevenLabs is down'")).action(
    async ({ note, json }: JsonOption & { note?: string }) => {
      await change(json, 'Paused.', (session, id) =>
        session.client.schedule.getHandle(id).pause(note ?? 'Paused with: hourledger schedule pause'),
      );
    },
  );
  const resume = schedule
    .command('resume')
    .description('go on after a pause; the next run takes up what was left out');
  addJsonOption(addExample(resume, 'schedule resume')).action(async ({ json }: JsonOption) => {
    await change(json, 'Resumed.', (session, id) =>
      session.client.schedule.getHandle(id).unpause('Resumed with: hourledger schedule resume'),
    );
  });
}

async function change(
  json: boolean | undefined,
  done: string,
  act: (session: TemporalSession, scheduleId: string) => Promise<void>,
): Promise<void> {
  await withTemporal(async (session) => {
    const { describeSchedule, scheduleId, summarizeSchedule } = await import('../schedule.js');
    if ((await describeSchedule(session)) === null) throw missing();
    await act(session, scheduleId);
    const summary = await summarizeSchedule(session);
    printResult(json, summary, () =>
      [done, ...(summary === null ? [] : [describeSummary(summary)])].join('\n'),
    );
  });
}

function addRemove(schedule: Command): void {
  const command = schedule.command('remove').description('delete the schedule; runs under way go on');
  addJsonOption(addExample(command, 'schedule remove')).action(async ({ json }: JsonOption) => {
    await withTemporal(async (session) => {
      const { describeSchedule, scheduleId } = await import('../schedule.js');
      if ((await describeSchedule(session)) === null) throw missing();
      await session.client.schedule.getHandle(scheduleId).delete();
      printResult(json, { scheduleId, removed: true }, () => `Removed ${scheduleId}.`);
      say('Create it again with: hourledger schedule apply');
    });
  });
}

function describeSummary(summary: ScheduleSummary): string {
  const { cron, timezone, paused, note, overlap, catchupWindow_ms, nextRunAt } = summary;
  return [
    `schedule   ${summary.scheduleId}`,
    `times      ${cron ?? 'edited elsewhere; see Temporal Web'} (${timezone})`,
    `state      ${paused ? 'paused' : 'active'}${note === null ? '' : ` (${note})`}`,
    `overlap    ${overlap}, catching up ${catchupWindow_ms / 3_600_000} h`,
    `next run   ${paused ? 'none while paused' : (nextRunAt ?? 'none')}`,
  ].join('\n');
}
