/** `report`: what each workspace cost. Money is the text that the database wrote; nothing here computes with it. */
import type { Command } from 'commander';
import type { Ledger } from '../../database/ledger.js';
import { CliError } from '../cli-error.js';
import { openLedger } from '../context.js';
import { columnsOf, readCosts, readTotal, type CostQuery } from '../costs.js';
import {
  addExample,
  addJsonOption,
  checkRange,
  choiceOption,
  dayOption,
  workspaceOption,
  type JsonOption,
} from '../options.js';
import { formatCsv, formatTable, print, printJson } from '../output.js';

interface ReportOptions extends CostQuery, JsonOption {
  format?: 'table' | 'csv' | 'json';
}

export function addReport(program: Command): void {
  const command = program
    .command('report')
    .description('show costs by workspace')
    .option('--from <day>', 'first UTC day (default: the beginning)', dayOption('--from'))
    .option('--to <day>', 'last UTC day (default: the end)', dayOption('--to'))
    .option('--workspace <n>', 'of this workspace only', workspaceOption('--workspace'))
    .option(
      '--by <period>',
      'hour, day, month or none (default)',
      choiceOption('--by', ['hour', 'day', 'month', 'none']),
    )
    .option(
      '--format <format>',
      'table (default), csv or json',
      choiceOption('--format', ['table', 'csv', 'json']),
    );
  const example = 'report --from 2025-10-01 --to 2025-10-31 --by day --format csv';
  addJsonOption(addExample(command, 'report', example)).action(async (options: ReportOptions) => {
    checkRange(options.from, options.to);
    if (options.json === true && options.format !== undefined && options.format !== 'json') {
      throw new CliError(`--format is "${options.format}" beside --json. Give one of the two.`, 2);
    }
    await runReport(options);
  });
}

async function runReport(options: ReportOptions): Promise<void> {
  const ledger = await openLedger();
  const format = options.json === true ? 'json' : (options.format ?? 'table');
  const [rows, total, settings] = await Promise.all([
    readCosts(ledger, options),
    readTotal(ledger, options),
    ledger.call<{ ledger_currency: string }>('read_settings'),
  ]);
  if (rows.length === 0) await requireWorkspace(ledger, options.workspace);
  const currency = settings.ledger_currency;
  const { from = null, to = null, workspace = null, by = 'none' } = options;
  const columns = columnsOf(by !== 'none', currency, [...rows, total]);
  if (format === 'json') printJson({ from, to, workspaceId: workspace, by, currency, rows, total });
  else if (format === 'csv') print(formatCsv(columns, rows));
  else print(formatTable(columns, rows, total));
}

async function requireWorkspace(ledger: Ledger, workspace: number | undefined): Promise<void> {
  if (workspace === undefined) return;
  const [found] = await ledger.call<{ id: number }[]>('list_workspaces', {
    p_after: workspace - 1,
    p_limit: 1,
  });
  if (found?.id === workspace) return;
  throw new CliError(`--workspace is "${workspace}", and there is none. See: hourledger workspaces list`, 2);
}
