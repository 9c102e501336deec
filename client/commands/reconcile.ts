/** `reconcile`: the provider's own figures of each day beside the ledger's, and what explains a drift. */
import type { Command } from 'commander';
import type { Day, Source } from '../../activities/types.js';
import type { ReconcileSummary } from '../../workflows/reconcile.js';
import { openLedger, readPages } from '../context.js';
import {
  addExample,
  addJsonOption,
  checkRange,
  dayOption,
  sourceOption,
  type JsonOption,
} from '../options.js';
import { formatTable, plural, print, printJson, say, type Column } from '../output.js';

interface ReconcileOptions extends JsonOption {
  source: Source;
  from: Day;
  to: Day;
}

/** A day as the function `read_reconciliation` gives it; costs are texts. */
interface ReconciledDay {
  day: Day;
  providerRecords: number;
  ledgerRecords: number;
  driftRecords: number;
  providerCost: string | null;
  ledgerCost: string | null;
  driftCost: string | null;
  currency: string;
  explanation: Record<string, unknown>;
}

const columns: Column<ReconciledDay>[] = [
  { title: 'Day', key: 'day', value: ({ day }) => day },
  {
    title: 'There',
    key: 'provider_records',
    value: ({ providerRecords }) => providerRecords,
    align: 'right',
  },
  { title: 'Here', key: 'ledger_records', value: ({ ledgerRecords }) => ledgerRecords, align: 'right' },
  { title: 'Drift', key: 'drift_records', value: ({ driftRecords }) => driftRecords, align: 'right' },
  { title: 'Cost there', key: 'provider_cost', value: ({ providerCost }) => providerCost, align: 'right' },
  { title: 'Cost here', key: 'ledger_cost', value: ({ ledgerCost }) => ledgerCost, align: 'right' },
  { title: 'Drift', key: 'drift_cost', value: ({ driftCost }) => driftCost, align: 'right' },
  { title: 'Currency', key: 'currency', value: ({ currency }) => currency },
];

export function addReconcile(program: Command): void {
  const command = program
    .command('reconcile')
    .description("hold each day against the provider's own figures (exit code 1 when a drift remains)")
    .requiredOption('--source <source>', 'twilio or elevenlabs', sourceOption('--source'))
    .requiredOption('--from <day>', 'first UTC day, YYYY-MM-DD', dayOption('--from'))
    .requiredOption('--to <day>', 'last UTC day', dayOption('--to'));
  const example = 'reconcile --source twilio --from 2025-10-01 --to 2025-10-31';
  addJsonOption(addExample(command, example)).action(runReconcile);
}

async function runReconcile({ source, from, to, json }: ReconcileOptions): Promise<void> {
  checkRange(from, to);
  const [{ parseReconcileInput }, { rangeId, runOperation }] = await Promise.all([
    import('../../workflows/operations-input.js'),
    import('../operations.js'),
  ]);
  const input = parseReconcileInput({ source, from, to }, new Date());
  const operation = {
    workflowType: 'reconcile',
    workflowId: rangeId('reconcile', input),
    input,
    summary: `${source}, ${from} to ${to}`,
  } as const;
  const ended = await runOperation<ReconcileSummary>(operation, json === true);
  if (ended === null) return;
  const ledger = await openLedger();
  const of = { p_source: source, p_from: from, p_to: to };
  const days = await readPages<ReconciledDay>(ledger, 'read_reconciliation', of, ({ day }) => day);
  const { drifting, fetchedAgain } = ended.result;
  if (json === true) printJson({ workflowId: ended.workflowId, ...ended.result, figures: days });
  else {
    print(formatTable(columns, days));
    for (const { day, explanation } of days) {
      if (drifting.includes(day)) print(`${day}: ${JSON.stringify(explanation)}`);
    }
  }
  say(
    `Compared ${plural(days.length, 'day')}: ${fetchedAgain} fetched again, ${drifting.length} drift still.`,
  );
  if (drifting.length > 0) process.exitCode = 1;
}
