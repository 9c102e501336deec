/** Checking what people give to workflows: strictly, and with one line that names the value and the remedy. */
import * as z from 'zod/mini';
import type { Source } from '../activities/types.js';
import { isCalendarDay, isInstant } from './calendar.js';

/** Every source there is, for messages and for the command line. */
export const sources = ['twilio', 'elevenlabs'] as const satisfies readonly Source[];

/** Input that can never work; its message is one line that names the value and the remedy. */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
}

export const day = z.string().check(z.refine((text) => isCalendarDay(text)));
export const instant = z.string().check(z.refine((text) => isInstant(text)));
export const source = z.enum(sources);

/** What is said of a field that is wrong: what the value is not, and what to give instead. */
export interface FieldHelp {
  not: string;
  give: string;
}

export const dayHelp = { not: 'which is no calendar day', give: 'Give a UTC day as YYYY-MM-DD.' };
export const sourceHelp = { not: 'which is no source', give: `The sources are ${list(sources)}.` };

/**
 * Checks an input against its schema, and fills in the defaults.
 * @param example of a whole input, for the message
 * @throws InvalidInputError
 */
export function parse<Schema extends z.core.$ZodType>(
  workflow: string,
  schema: Schema,
  help: Record<string, FieldHelp>,
  example: string,
  input: unknown,
): z.output<Schema> {
  if (input === undefined) {
    throw new InvalidInputError(
      `${workflow}: the input is missing. Give one JSON object, such as ${example}.`,
    );
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    const fact = `the input is ${quote(input)}, which is no JSON object`;
    throw new InvalidInputError(`${workflow}: ${fact}. Give one, such as ${example}.`);
  }
  const result = z.safeParse(schema, input);
  if (result.success) return result.data;
  // A misspelt field leaves the right one missing too; naming what was typed tells more.
  const { issues } = result.error;
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  throw new InvalidInputError(`${workflow}: ${describeIssue(issue, help, input)}`);
}

function describeIssue(
  issue: z.core.$ZodIssue | undefined,
  help: Record<string, FieldHelp>,
  input: object,
): string {
  if (issue?.code === 'unrecognized_keys' && issue.path.length === 0) {
    const names = issue.keys.map((key) => quote(key)).join(', ');
    return `there is no field ${names}. The fields are ${list(Object.keys(help))}.`;
  }
  const field = String(issue?.path[0]);
  const { not, give } = help[field] ?? { not: 'which cannot be used', give: 'Leave it out.' };
  const value = (input as Record<string, unknown>)[field];
  if (value === undefined) return `"${field}" is missing. ${give}`;
  return `"${field}" is ${quote(value)}, ${not}. ${give}`;
}

/** A value as JSON on one line, cut where it gets long. */
export function quote(value: unknown): string {
  const text = value === undefined ? 'undefined' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** `one, two and three`. */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`;
}

/**
 * Refuses a range that ends before it begins; both ends may be missing.
 * @throws InvalidInputError
 */
export function checkRange(workflow: string, from: string | undefined, to: string | undefined): void {
  if (from === undefined || to === undefined || from <= to) return;
  throw new InvalidInputError(
    `${workflow}: "from" is "${from}", which is after "to", "${to}". Give the earlier day as "from".`,
  );
}
