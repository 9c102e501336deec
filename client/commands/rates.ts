/** `rates`: what an ElevenLabs credit costs, from an instant on. */
import type { Command } from 'commander';
import { openLedger, readPages } from '../context.js';
import { addExample, addGroup, addJsonOption, instantOption, type JsonOption } from '../options.js';
import { formatTable, printResult, type Column } from '../output.js';

interface Rate {
  validFrom: string;
  /** US dollars for one credit, exact. */
  usdPerCredit: string;
}

interface RateOptions extends JsonOption {
  from: string;
}

const columns: Column<Rate>[] = [
  { title: 'From', key: 'valid_from', value: ({ validFrom }) => validFrom },
  { title: 'USD per credit', key: 'usd_per_credit', value: (rate) => rate.usdPerCredit, align: 'right' },
];

export function addRates(program: Command): void {
  const rates = addGroup(program, 'rates', 'what an ElevenLabs credit costs, in US dollars', 'rates list');
  const list = rates.command('list').description('list the rates, the newest first');
  addJsonOption(addExample(list, 'rates list')).action(async ({ json }: JsonOption) => {
    const ledger = await openLedger();
    const rows = await readPages<Rate>(ledger, 'list_rates', {}, ({ validFrom }) => validFrom);
    printResult(json, rows, () => formatTable(columns, rows));
  });
  const add = rates
    .command('add')
    .description('say what a credit costs from an instant on, until the next rate')
    .argument('<usd_per_credit>', 'US dollars for one credit, in plain digits')
    .requiredOption('--from <instant>', 'first instant of the rate', instantOption('--from'));
  addJsonOption(addExample(add, 'rates add 0.00003 --from 2025-01-01T00:00:00Z')).action(
    async (usdPerCredit: string, { json, from }: RateOptions) => {
      const ledger = await openLedger();
      const args = { p_usd_per_credit: usdPerCredit, p_from: from };
      const added = await ledger.call<Rate & { inserted: boolean }>('add_rate', args);
      const done = added.inserted ? 'Added' : 'Unchanged';
      printResult(json, added, () => `${done}: a credit costs ${priceOf(added)}.`);
    },
  );
  const remove = rates
    .command('remove')
    .description('remove a rate; the one before it holds on')
    .requiredOption('--from <instant>', 'first instant of the rate', instantOption('--from'));
  addJsonOption(addExample(remove, 'rates remove --from 2025-01-01T00:00:00Z')).action(
    async ({ json, from }: RateOptions) => {
      const ledger = await openLedger();
      const removed = await ledger.call<Rate>('remove_rate', { p_from: from });
      printResult(json, removed, () => `Removed: a credit cost ${priceOf(removed)}.`);
    },
  );
}

function priceOf({ usdPerCredit, validFrom }: Rate): string {
  return `${usdPerCredit} US dollars from ${validFrom} on`;
}
