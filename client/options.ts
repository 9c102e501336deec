/** Options that several commands share, checked while the command line is read. Light: `--help` loads this. */
import type { Command } from 'commander';
import { sources, type Day, type Source } from '../activities/types.js';
import { isCalendarDay, isInstant } from '../workflows/calendar.js';
import { CliError } from './cli-error.js';

export interface JsonOption {
  json?: boolean;
}

/** Adds `--json`, which every command has that prints data. */
export function addJsonOption(command: Command): Command {
  return command.option('--json', 'print one JSON document on standard output');
}

/** Adds an example to the help of a command, as every command has one. */
export function addExample(command: Command, ...lines: string[]): Command {
  const title = lines.length === 1 ? 'Example' : 'Examples';
  return command.addHelpText(
    'after',
    `\n${title}:\n${lines.map((line) => `  $ hourledger ${line}`).join('\n')}`,
  );
}

/** Adds a command that has commands of its own. */
export function addGroup(
  program: Command,
  name: string,
  description: string,
  ...examples: string[]
): Command {
  const group = program.command(name).description(description).helpCommand(false);
  return addExample(group, ...examples);
}

/** A parser of `--NAME DAY`. */
export function dayOption(name: string): (text: string) => Day {
  return (text) => {
    if (isCalendarDay(text)) return text;
    throw new CliError(`${name} is "${text}", which is no calendar day. Give a UTC day as YYYY-MM-DD.`, 2);
  };
}

/** A parser of `--NAME INSTANT`. */
export function instantOption(name: string): (text: string) => string {
  return (text) => {
    if (isInstant(text)) return text;
    const remedy = 'Give ISO 8601 with its zone, such as 2025-10-04T00:00:00Z.';
    throw new CliError(`${name} is "${text}", which is no instant. ${remedy}`, 2);
  };
}

/** A parser of `--NAME S`. */
export function sourceOption(name: string): (text: string) => Source {
  return (text) => {
    const source = sources.find((known) => known === text);
    if (source !== undefined) return source;
    const remedy = `The sources are ${sources.join(' and ')}.`;
    throw new CliError(`${name} is "${text}", which is no source. ${remedy}`, 2);
  };
}

/** A parser of `--NAME N` for the number of a workspace. */
export function workspaceOption(name: string): (text: string) => number {
  return (text) => {
    if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
    const remedy = 'Give its number; see: hourledger workspaces list';
    throw new CliError(`${name} is "${text}", which is no workspace. ${remedy}`, 2);
  };
}

/** A parser of `--NAME N` for a count from 1 on. */
export function countOption(name: string, max: number): (text: string) => number {
  return (text) => {
    if (/^[1-9][0-9]{0,8}$/.test(text) && Number(text) <= max) return Number(text);
    throw new CliError(`${name} is "${text}". Give a whole number from 1 to ${max}.`, 2);
  };
}

/** A parser of `--NAME CHOICE`. */
export function choiceOption<T extends string>(name: string, choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((known) => known === text);
    if (choice !== undefined) return choice;
    throw new CliError(`${name} is "${text}", which is none of ${choices.join(', ')}. Give one of these.`, 2);
  };
}

/** Refuses a range that ends before it begins; both ends may be missing. */
export function checkRange(from: Day | undefined, to: Day | undefined): void {
  if (from === undefined || to === undefined || from <= to) return;
  throw new CliError(`--from is "${from}", which is after --to, "${to}". Give the earlier day as --from.`, 2);
}
