/** What each workflow takes: one JSON object, checked strictly, and one line for people when it is wrong. */
import * as z from 'zod/mini';
import type { Day } from '../activities/types.js';
import { dayOf } from './calendar.js';
import { defaultMaxParallelDays, limitOfParallelDays } from './day-window.js';
import {
  checkRange,
  day,
  dayHelp,
  instant,
  InvalidInputError,
  list,
  parse,
  quote,
  source,
  sourceHelp,
  sources,
  type FieldHelp,
} from './input-check.js';

export { InvalidInputError, sources } from './input-check.js';

export const orders = ['newest-first', 'oldest-first'] as const;
export const reprocessChoices = ['none', 'failed', 'completed'] as const;

/** The earliest day there can be: ElevenLabs counts seconds from here. */
const earliestDay: Day = '1970-01-01';
const lookbackDays_max = 365;

const backfillSchema = z.strictObject({
  source,
  from: day,
  to: day,
  order: z._default(z.enum(orders), 'newest-first'),
  maxParallelDays: z._default(
    z.int().check(z.minimum(1), z.maximum(limitOfParallelDays)),
    defaultMaxParallelDays,
  ),
  reprocess: z._default(z.enum(reprocessChoices), 'failed'),
  dryRun: z._default(z.boolean(), false),
});

const dailySyncSchema = z.strictObject({
  sources: z.optional(z.array(source).check(z.minLength(1))),
  lookbackDays: z.optional(z.int().check(z.minimum(0), z.maximum(lookbackDays_max))),
  nominalTime: z.optional(instant),
});

const ingestDaysSchema = z.strictObject({
  source,
  days: z.array(day).check(z.minLength(1), z.maxLength(limitOfParallelDays)),
  run: z.strictObject({ workflowId: z.string(), runId: z.string() }),
  askSettled: z._default(z.boolean(), false),
  dryRun: z._default(z.boolean(), false),
  reportEvery_ms: z._default(z.nullable(z.int().check(z.minimum(0))), null),
});

/** What a person gives to `backfill`. */
export type BackfillInput = z.input<typeof backfillSchema>;
/** The same with its defaults filled in. */
export type BackfillRequest = z.output<typeof backfillSchema>;
/** What a person, or the schedule, gives to `dailySync`. */
export type DailySyncInput = z.input<typeof dailySyncSchema>;
/** The same, each source once and the nominal time in UTC. */
export type DailySyncRequest = z.output<typeof dailySyncSchema>;
/** What a backfill or a daily sync gives to `ingestDays`. */
export type IngestDaysInput = z.input<typeof ingestDaysSchema>;
/** The same with its defaults filled in. */
export type IngestDaysRequest = z.output<typeof ingestDaysSchema>;

const yesNoHelp = { not: 'which is neither true nor false', give: 'Give true or false.' };
const maxParallelDaysHelp = {
  not: `which is no whole number from 1 to ${limitOfParallelDays}`,
  give: `Give how many days may be under way at once, for example ${defaultMaxParallelDays}.`,
};

const backfillHelp: Record<keyof BackfillInput, FieldHelp> = {
  source: sourceHelp,
  from: dayHelp,
  to: dayHelp,
  order: { not: 'which is no order', give: `The orders are ${list(orders)}.` },
  maxParallelDays: maxParallelDaysHelp,
  reprocess: { not: 'which is no choice', give: `The choices are ${list(reprocessChoices)}.` },
  dryRun: yesNoHelp,
};

const dailySyncHelp: Record<keyof DailySyncInput, FieldHelp> = {
  sources: {
    not: 'which is no list of sources',
    give: `Give a list of ${list(sources)}, or leave it out for all that are configured.`,
  },
  lookbackDays: {
    not: `which is no whole number from 0 to ${lookbackDays_max}`,
    give: "Give how many days before the window are read again, or leave it out for the ledger's setting.",
  },
  nominalTime: {
    not: 'which is no instant',
    give: 'Give an ISO 8601 instant with its zone, for example "2025-10-04T00:00:00Z".',
  },
};

const ingestDaysHelp: Record<keyof IngestDaysInput, FieldHelp> = {
  source: sourceHelp,
  days: { not: 'which is no list of 1 to 100 calendar days', give: 'Give UTC days as YYYY-MM-DD.' },
  run: { not: 'which is no run', give: 'Give {"workflowId": "...", "runId": "..."}.' },
  askSettled: yesNoHelp,
  dryRun: yesNoHelp,
  reportEvery_ms: { not: 'which is no number of milliseconds', give: 'Leave it out.' },
};

/**
 * Checks what was given to `backfill`, and fills in the defaults.
 * @param now a day that begins later than this is refused
 * @throws InvalidInputError
 */
export function parseBackfillInput(input: unknown, now: Date): BackfillRequest {
  const example = '{"source": "twilio", "from": "2025-08-01", "to": "2025-10-31"}';
  const request = parse('backfill', backfillSchema, backfillHelp, example, input);
  const today = dayOf(now);
  for (const field of ['from', 'to'] as const) {
    const value = request[field];
    if (value > today) {
      const fact = `which is in the future (today is ${today} in UTC)`;
      throw new InvalidInputError(`backfill: "${field}" is "${value}", ${fact}. Give a day up to ${today}.`);
    }
    if (value < earliestDay) {
      const fact = `which is before ${earliestDay}`;
      throw new InvalidInputError(`backfill: "${field}" is "${value}", ${fact}. Give a later day.`);
    }
  }
  checkRange('backfill', request.from, request.to);
  return request;
}

/**
 * Checks what was given to `dailySync`; nothing at all is an empty object, so that a person can just start it.
 * @param now a nominal time later than this is refused
 * @throws InvalidInputError
 */
export function parseDailySyncInput(input: unknown, now: Date): DailySyncRequest {
  const example = '{} or {"sources": ["twilio"]}';
  const given = input === undefined ? {} : input;
  const request = parse('dailySync', dailySyncSchema, dailySyncHelp, example, given);
  if (request.sources !== undefined) request.sources = [...new Set(request.sources)];
  if (request.nominalTime !== undefined) {
    const nominal = new Date(request.nominalTime);
    if (nominal > now) {
      throw new InvalidInputError(
        `dailySync: "nominalTime" is "${request.nominalTime}", which is in the future ` +
          `(it is ${now.toISOString()}). Give an instant that has passed.`,
      );
    }
    request.nominalTime = nominal.toISOString();
  }
  return request;
}

/**
 * Checks what was given to `ingestDays`.
 * @throws InvalidInputError
 */
export function parseIngestDaysInput(input: unknown): IngestDaysRequest {
  const example =
    '{"source": "twilio", "days": ["2025-08-01"], "run": {"workflowId": "...", "runId": "..."}}';
  return parse('ingestDays', ingestDaysSchema, ingestDaysHelp, example, input);
}

/**
 * Checks what was given to the update `setMaxParallelDays`.
 * @throws InvalidInputError
 */
export function parseMaxParallelDays(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limitOfParallelDays) {
    return value;
  }
  const { not, give } = maxParallelDaysHelp;
  throw new InvalidInputError(`setMaxParallelDays: the value is ${quote(value)}, ${not}. ${give}`);
}
