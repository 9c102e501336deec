/** `find`: the records of a number, a call or a conversation, their workspace, and why it is that one. */
import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { openLedger } from '../context.js';
import { addExample, addJsonOption, countOption, type JsonOption } from '../options.js';
import { plural, print, printJson } from '../output.js';

interface Owner {
  phoneNumber: string;
  workspaceId: number;
  workspace: string;
  validFrom: string | null;
  validTo: string | null;
  inConflict: boolean;
}

interface FoundRecord {
  kind: 'call' | 'conversation';
  id: string;
  date: string;
  status: string | null;
  direction: string | null;
  from: string | null;
  to: string | null;
  seconds: number | null;
  /** Exact; null while unknown. */
  cost: string | null;
  currency: string | null;
  workspaceId: number;
  workspace: string;
  rule: string;
  /** The facts have changed, and the record is still to move. */
  isPending: boolean;
  decision: { rule: string; workspaceId: number; why: string };
}

interface Found {
  what: string;
  records: FoundRecord[];
  more: number;
  /** False: there are at least so many more. */
  isMoreExact: boolean;
  owners: Owner[];
  rejected: { source: string; id: string | null; day: string | null; reason: string }[];
}

interface FindOptions extends JsonOption {
  limit: number;
  after?: string;
}

const limit_max = 200;

export function addFind(program: Command): void {
  const command = program
    .command('find')
    .description('the records of a number, a call or a conversation, their workspace, and why it is that one')
    .argument('<what>', "a number, a call's SID or a conversation's id")
    .option('--limit <n>', `how many records, at most ${limit_max}`, countOption('--limit', limit_max), 20)
    .option('--after <id>', 'go on behind this record');
  addJsonOption(addExample(command, 'find +12025550110', 'find CA0123456789 --json')).action(
    async (what: string, { json, limit, after }: FindOptions) => {
      const ledger = await openLedger();
      const args = { p_what: what, p_after: after ?? null, p_limit: limit };
      const found = await ledger.call<Found>('find_records', args);
      if (json === true) printJson(found);
      else if (!isEmpty(found)) print(textOf(found));
      if (!isEmpty(found)) return;
      const remedy = 'Was its day read? See: hourledger status';
      throw new CliError(`no number, call or conversation "${found.what}" is known here. ${remedy}`);
    },
  );
}

function isEmpty({ records, owners, rejected }: Found): boolean {
  return records.length + owners.length + rejected.length === 0;
}

function textOf(found: Found): string {
  const { what, records, more, isMoreExact, owners, rejected } = found;
  const lines = [
    ...owners.map((owner) => `${owner.phoneNumber} belongs to ${ownershipOf(owner)}`),
    ...rejected.map(({ source, id, reason }) => `${source} ${id ?? ''} was rejected: ${reason}`),
    ...records.flatMap(linesOf),
  ];
  if (records.length === 0) lines.push('No records.');
  const last = records.at(-1);
  if (more > 0 && last !== undefined) {
    const atLeast = isMoreExact ? '' : 'at least ';
    lines.push(`${atLeast}${plural(more, 'more record')}: hourledger find ${what} --after ${last.id}`);
  }
  return lines.join('\n');
}

function ownershipOf({ workspaceId, workspace, validFrom, validTo, inConflict }: Owner): string {
  const from = validFrom === null ? '' : ` from ${validFrom}`;
  const to = validTo === null ? '' : ` until ${validTo}`;
  return `workspace ${workspaceId} (${workspace})${from}${to}${inConflict ? ', in conflict: it maps nothing' : ''}`;
}

function linesOf(record: FoundRecord): string[] {
  const { kind, id, date, status, from, to, cost, currency, decision } = record;
  const price = cost === null ? 'no cost yet' : `${cost} ${currency ?? ''}`.trim();
  const lines = [
    `${date}  ${kind} ${id}  ${from ?? '-'} -> ${to ?? '-'}  ${status ?? 'no status'}, ${price}`,
    `    workspace ${record.workspaceId} (${record.workspace}), ${record.rule}: ${decision.why}`,
  ];
  if (record.isPending)
    lines.push(`    still to move to workspace ${decision.workspaceId} (${decision.rule}) by a worker`);
  return lines;
}
