/** What the workflows take that people start when they are in doubt: regenerate, clear, reclassify, reconcile. */
import * as z from 'zod/mini';
import { dayOf } from './calendar.js';
import {
  checkRange,
  day,
  dayHelp,
  InvalidInputError,
  parse,
  quote,
  source,
  sourceHelp,
  type FieldHelp,
} from './input-check.js';

const phoneNumbers_max = 1000;
/** As the ledger reads addresses: digits, alone or after a plus, or as the user part of a SIP or SIPS URI. */
const phoneNumberPattern = /^(\+?[0-9]+$|sips?:\+?[0-9]+([;@]|$))/i;

const workspaceId = z.int().check(z.minimum(1), z.maximum(2_147_483_647));
const range = {
  source,
  workspaceId: z.optional(workspaceId),
  from: z.optional(day),
  to: z.optional(day),
};

const regenerateSchema = z.strictObject(range);
const clearSchema = z.strictObject({ ...range, confirm: z.literal(true) });
const reclassifySchema = z.strictObject({
  phoneNumbers: z.optional(z.array(z.string()).check(z.minLength(1), z.maxLength(phoneNumbers_max))),
});
const askHintedSchema = z.strictObject({ source });
const reconcileSchema = z.strictObject({ source, from: day, to: day });

/** What a person gives to `regenerateSnapshots`. */
export type RegenerateInput = z.input<typeof regenerateSchema>;
/** What a person gives to `clearSnapshots`. */
export type ClearInput = z.input<typeof clearSchema>;
/** What a person gives to `reclassify`. */
export type ReclassifyInput = z.input<typeof reclassifySchema>;
/** What a person gives to `reconcile`. */
export type ReconcileInput = z.input<typeof reconcileSchema>;
/** What a webhook, or a person, gives to `askHinted`. */
export type AskHintedInput = z.input<typeof askHintedSchema>;

const rangeHelp: Record<keyof RegenerateInput, FieldHelp> = {
  source: sourceHelp,
  workspaceId: {
    not: 'which is no number of a workspace',
    give: 'Give a whole number from 1 on, or leave it out for all workspaces.',
  },
  from: dayHelp,
  to: dayHelp,
};

const clearHelp: Record<keyof ClearInput, FieldHelp> = {
  ...rangeHelp,
  confirm: {
    not: 'which does not confirm that the snapshots are to be deleted',
    give: 'Give "confirm": true.',
  },
};

const reclassifyHelp: Record<keyof ReclassifyInput, FieldHelp> = {
  phoneNumbers: {
    not: `which is no list of 1 to ${phoneNumbers_max} phone numbers`,
    give: 'Give numbers such as ["+12025550110"], or leave it out for all records.',
  },
};

const reconcileHelp: Record<keyof ReconcileInput, FieldHelp> = {
  source: sourceHelp,
  from: dayHelp,
  to: dayHelp,
};

/**
 * Checks what was given to `regenerateSnapshots`.
 * @throws InvalidInputError
 */
export function parseRegenerateInput(input: unknown): RegenerateInput {
  const example = '{"source": "twilio", "from": "2025-08-01", "to": "2025-10-31"}';
  const request = parse('regenerateSnapshots', regenerateSchema, rangeHelp, example, input);
  checkRange('regenerateSnapshots', request.from, request.to);
  return request;
}

/**
 * Checks what was given to `clearSnapshots`.
 * @throws InvalidInputError
 */
export function parseClearInput(input: unknown): ClearInput {
  const example = '{"source": "twilio", "workspaceId": 4, "confirm": true}';
  const request = parse('clearSnapshots', clearSchema, clearHelp, example, input);
  checkRange('clearSnapshots', request.from, request.to);
  return request;
}

/**
 * Checks what was given to `reclassify`; nothing at all is an empty object.
 * @throws InvalidInputError
 */
export function parseReclassifyInput(input: unknown): ReclassifyInput {
  const example = '{} or {"phoneNumbers": ["+12025550110"]}';
  const given = input === undefined ? {} : input;
  const request = parse('reclassify', reclassifySchema, reclassifyHelp, example, given);
  for (const number of request.phoneNumbers ?? []) {
    if (phoneNumberPattern.test(number)) continue;
    throw new InvalidInputError(
      `reclassify: "phoneNumbers" has ${quote(number)}, which is no phone number. ` +
        'Give its digits, with or without a plus, such as +12025550110.',
    );
  }
  return request;
}

/**
 * Checks what was given to `askHinted`.
 * @throws InvalidInputError
 */
export function parseAskHintedInput(input: unknown): AskHintedInput {
  return parse('askHinted', askHintedSchema, { source: sourceHelp }, '{"source": "elevenlabs"}', input);
}

/**
 * Checks what was given to `reconcile`.
 * @param now a day that begins later than this is refused
 * @throws InvalidInputError
 */
export function parseReconcileInput(input: unknown, now: Date): ReconcileInput {
  const example = '{"source": "twilio", "from": "2025-10-01", "to": "2025-10-31"}';
  const request = parse('reconcile', reconcileSchema, reconcileHelp, example, input);
  checkRange('reconcile', request.from, request.to);
  const today = dayOf(now);
  if (request.to > today) {
    throw new InvalidInputError(
      `reconcile: "to" is "${request.to}", which is in the future (today is ${today} in UTC). Give a day up to ${today}.`,
    );
  }
  return request;
}
