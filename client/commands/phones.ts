/** `phones`: which workspace a phone number belongs to, and from when to when. */
import type { Command } from 'commander';
import { openLedger, readPages } from '../context.js';
import {
  addExample,
  addGroup,
  addJsonOption,
  instantOption,
  workspaceOption,
  type JsonOption,
} from '../options.js';
import { formatTable, plural, print, printJson, printResult, type Column } from '../output.js';
import type { PhoneRow } from '../phones-file.js';

interface Phone {
  key?: unknown;
  phoneNumber: string;
  workspaceId: number;
  workspace: string;
  isPrimary: boolean;
  validFrom: string | null;
  validTo: string | null;
  inConflict: boolean;
}

interface UnmappedNumber {
  key?: unknown;
  phoneNumber: string;
  records: number;
  calls: number;
  conversations: number;
  first: string;
  last: string;
  /** In the ledger's currency, exact. */
  cost: string;
}

interface Imported {
  inserted: number;
  updated: number;
  unchanged: number;
}

interface PhoneOptions extends JsonOption {
  workspace?: number;
  from?: string;
  to?: string;
  at?: string;
  primary?: boolean;
}

const phoneColumns: Column<Phone>[] = [
  { title: 'Number', key: 'phone_number', value: ({ phoneNumber }) => phoneNumber },
  { title: 'Workspace', key: 'workspace_id', value: ({ workspaceId }) => workspaceId, align: 'right' },
  { title: 'Name', key: 'workspace', value: ({ workspace }) => workspace },
  { title: 'From', key: 'valid_from', value: ({ validFrom }) => validFrom ?? 'always' },
  { title: 'Until', key: 'valid_to', value: ({ validTo }) => validTo ?? 'still' },
  {
    title: '',
    key: 'remark',
    value: ({ isPrimary, inConflict }) => (inConflict ? 'in conflict' : isPrimary ? 'primary' : ''),
  },
];

const unmappedColumns: Column<UnmappedNumber>[] = [
  { title: 'Number', key: 'phone_number', value: ({ phoneNumber }) => phoneNumber },
  { title: 'Calls', key: 'calls', value: ({ calls }) => calls, align: 'right' },
  {
    title: 'Conversations',
    key: 'conversations',
    value: ({ conversations }) => conversations,
    align: 'right',
  },
  { title: 'Cost', key: 'cost', value: ({ cost }) => cost, align: 'right' },
  { title: 'First', key: 'first', value: ({ first }) => first },
  { title: 'Last', key: 'last', value: ({ last }) => last },
];

export function addPhones(program: Command): void {
  const phones = addGroup(
    program,
    'phones',
    'which workspace a phone number belongs to, and from when to when',
    'phones list',
    'phones import numbers.csv',
  );
  addList(phones);
  addAdd(phones);
  addEnd(phones);
  addImport(phones);
  addUnmapped(phones);
}

function addList(phones: Command): void {
  const command = phones
    .command('list')
    .description('list the numbers')
    .option('--workspace <n>', 'of this workspace only', workspaceOption('--workspace'));
  addJsonOption(addExample(command, 'phones list --workspace 4')).action(
    async ({ json, workspace }: PhoneOptions) => {
      const ledger = await openLedger();
      const args = { p_workspace: workspace ?? null };
      const rows = withoutKeys(await readPages<Phone>(ledger, 'list_phones', args, ({ key }) => key));
      printResult(json, rows, () => formatTable(phoneColumns, rows));
    },
  );
}

function addAdd(phones: Command): void {
  const command = phones
    .command('add')
    .description('give a number to a workspace; its records follow by themselves')
    .argument('<number>', 'its digits, such as +12025550110')
    .requiredOption('--workspace <n>', 'the workspace', workspaceOption('--workspace'))
    .option('--from <instant>', 'first instant of the ownership (default: always)', instantOption('--from'))
    .option('--to <instant>', 'first instant after it (default: none)', instantOption('--to'))
    .option('--primary', 'the number that the workspace is known by');
  addJsonOption(
    addExample(command, 'phones add +12025550110 --workspace 4 --from 2025-10-01T00:00:00Z'),
  ).action(async (number: string, { json, workspace = 0, from, to, primary = false }: PhoneOptions) => {
    const row: PhoneRow = {
      line: null,
      phoneNumber: number.trim(),
      workspaceId: workspace,
      isPrimary: primary,
      validFrom: from ?? null,
      validTo: to ?? null,
    };
    const result = await importRows([row]);
    const done = result.inserted > 0 ? 'Added' : result.updated > 0 ? 'Changed' : 'Unchanged';
    printResult(json, result, () => `${done}: ${row.phoneNumber} belongs to workspace ${workspace}.`);
  });
}

function addEnd(phones: Command): void {
  const command = phones
    .command('end')
    .description("end a workspace's ownership of a number; its later records follow by themselves")
    .argument('<number>', 'its digits, such as +12025550110')
    .option('--at <instant>', 'first instant after the ownership (default: now)', instantOption('--at'));
  addJsonOption(addExample(command, 'phones end +12025550110 --at 2025-10-15T00:00:00Z')).action(
    async (number: string, { json, at }: PhoneOptions) => {
      const ledger = await openLedger();
      const ended = await ledger.call<Phone>('end_phone', { p_number: number.trim(), p_at: at ?? null });
      printResult(json, ended, () => {
        const until = ended.validTo ?? '';
        return `${ended.phoneNumber} belongs to workspace ${ended.workspaceId} (${ended.workspace}) until ${until}.`;
      });
    },
  );
}

function addImport(phones: Command): void {
  const command = phones
    .command('import')
    .description('add the numbers of a CSV file, all of them or none')
    .argument('<file>', 'with the header phone_number,workspace_id[,is_primary][,valid_from][,valid_to]');
  addJsonOption(addExample(command, 'phones import numbers.csv')).action(
    async (file: string, { json }: JsonOption) => {
      const { readPhonesFile } = await import('../phones-file.js');
      const result = await importRows(await readPhonesFile(file));
      const { inserted, updated, unchanged } = result;
      printResult(
        json,
        result,
        () => `${plural(inserted, 'number')} added, ${updated} changed, ${unchanged} unchanged.`,
      );
    },
  );
}

function addUnmapped(phones: Command): void {
  const command = phones
    .command('unmapped')
    .description('list the numbers that had no owner for records, busiest first');
  addJsonOption(addExample(command, 'phones unmapped')).action(async ({ json }: JsonOption) => {
    const ledger = await openLedger();
    const rows = withoutKeys(
      await readPages<UnmappedNumber>(ledger, 'list_unmapped_numbers', {}, ({ key }) => key),
    );
    if (json === true) printJson(rows);
    else if (rows.length === 0) print('Every number has an owner.');
    else
      print(
        `${formatTable(unmappedColumns, rows)}\nGive one to a workspace with: hourledger phones add NUMBER --workspace N`,
      );
  });
}

async function importRows(rows: PhoneRow[]): Promise<Imported> {
  const ledger = await openLedger();
  return ledger.call<Imported>('import_phones', { p_rows: rows });
}

/** The keys of lines are for reading the next page only. */
function withoutKeys<Row extends { key?: unknown }>(rows: Row[]): Row[] {
  for (const row of rows) delete row.key;
  return rows;
}
