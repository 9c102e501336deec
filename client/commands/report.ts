/** `report`: what each workspace cost. Money is the text that the database wrote; nothing here computes with it. */
import type { Command } from 'commander';
import type { Day } from '../../activities/types.js';
import type { Ledger } from '../../database/ledger.js';
import { CliError } from '../cli-error.js';
import { openLedger, readPages } from '../context.js';
import {
  addExample,
  addJsonOption,
  checkRange,
  choiceOption,
  dayOption,
  workspaceOption,
  type JsonOption,
} from '../options.js';
import { formatCsv, formatTable, print, printJson, type Column } from '../output.js';

/** Texts are money and credits, exact; null where a credit rate is missing or the currency is another. */
export interface CostLine {
  period: string | null;
  workspaceId: number | null;
  workspace: string;
  calls: number;
  conversations: number;
  callSeconds: number;
  conversationSeconds: number;
  twilioCost: string;
  elevenlabsCredits: string;
  elevenlabsUsd: string | null;
  totalUsd: string | null;
  /** Twilio costs in other currencies than the ledger's, by currency. */
  otherCosts: Record<string, string>;
}

export interface CostQuery {
  from?: Day;
  to?: Day;
  workspace?: number;
  by?: 'hour' | 'day' | 'month' | 'none';
}

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

/** Costs by workspace and period, all pages. */
export function readCosts(ledger: Ledger, query: CostQuery): Promise<CostLine[]> {
  const args = { ...rangeOf(query), p_by: query.by === 'none' ? null : (query.by ?? null) };
  // Without periods the lines are ordered by the workspace alone; the empty text keeps the comparison from being null.
  return readPages<CostLine>(ledger, 'report_costs', args, ({ period, workspaceId }) => ({
    period: period ?? '',
    workspaceId,
  }));
}

async function readTotal(ledger: Ledger, query: CostQuery): Promise<CostLine> {
  const sums = await ledger.call<CostLine>('report_total', rangeOf(query));
  return { ...sums, period: null, workspaceId: null, workspace: 'Total' };
}

function rangeOf({ from, to, workspace }: CostQuery): Record<string, unknown> {
  return { p_from: from ?? null, p_to: to ?? null, p_workspace: workspace ?? null };
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

/** The columns of a report, as the demonstration shows them too. */
export function columnsOf(
  withPeriod: boolean,
  currency: string,
  rows: readonly CostLine[],
): Column<CostLine>[] {
  const others = [...new Set(rows.flatMap(({ otherCosts }) => Object.keys(otherCosts)))].sort();
  const right = 'right' as const;
  const period: Column<CostLine> = { title: 'Period', key: 'period', value: (row) => row.period ?? '' };
  return [
    ...(withPeriod ? [period] : []),
    { title: 'Id', key: 'workspace_id', value: ({ workspaceId }) => workspaceId ?? '', align: right },
    { title: 'Workspace', key: 'workspace', value: ({ workspace }) => workspace },
    { title: 'Calls', key: 'calls', value: ({ calls }) => calls, align: right },
    {
      title: 'Conversations',
      key: 'conversations',
      value: ({ conversations }) => conversations,
      align: right,
    },
    { title: 'Call s', key: 'call_seconds', value: ({ callSeconds }) => callSeconds, align: right },
    { title: 'Conv. s', key: 'conversation_seconds', value: (row) => row.conversationSeconds, align: right },
    { title: `Twilio ${currency}`, key: `twilio_cost`, value: ({ twilioCost }) => twilioCost, align: right },
    {
      title: 'Credits',
      key: 'elevenlabs_credits',
      value: ({ elevenlabsCredits }) => elevenlabsCredits,
      align: right,
    },
    {
      title: 'ElevenLabs USD',
      key: 'elevenlabs_usd',
      value: ({ elevenlabsUsd }) => elevenlabsUsd,
      align: right,
    },
    { title: 'Total USD', key: 'total_usd', value: ({ totalUsd }) => totalUsd, align: right },
    ...others.map((code): Column<CostLine> => ({
      title: `Twilio ${code}`,
      key: `twilio_cost_${code.toLowerCase()}`,
      value: ({ otherCosts }) => otherCosts[code] ?? null,
      align: right,
    })),
  ];
}
