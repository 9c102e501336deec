/** Costs as the report and the demonstration show them. Money is the text that the database wrote: nothing computes with it. */
import type { Day } from '../activities/types.js';
import type { Ledger } from '../database/ledger.js';
import { readPages } from './context.js';
import type { Column } from './output.js';

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

/** Costs by workspace and period, all pages. */
export function readCosts(ledger: Ledger, query: CostQuery): Promise<CostLine[]> {
  const args = { ...rangeOf(query), p_by: query.by === 'none' ? null : (query.by ?? null) };
  // Without periods the lines are ordered by the workspace alone; the empty text keeps the comparison from being null.
  return readPages<CostLine>(ledger, 'report_costs', args, ({ period, workspaceId }) => ({
    period: period ?? '',
    workspaceId,
  }));
}

/** The same in one line, summed by the database. */
export async function readTotal(ledger: Ledger, query: CostQuery): Promise<CostLine> {
  const sums = await ledger.call<CostLine>('report_total', rangeOf(query));
  return { ...sums, period: null, workspaceId: null, workspace: 'Total' };
}

function rangeOf({ from, to, workspace }: CostQuery): Record<string, unknown> {
  return { p_from: from ?? null, p_to: to ?? null, p_workspace: workspace ?? null };
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
