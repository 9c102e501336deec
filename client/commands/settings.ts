/** `settings`: the settings of the ledger. */
import type { Command } from 'commander';
import { openLedger } from '../context.js';
import { addExample, addGroup, addJsonOption, type JsonOption } from '../options.js';
import { formatTable, printResult, type Column } from '../output.js';

type Setting = [key: string, value: string | number];

interface ChangedSetting {
  key: string;
  before: string | number;
  value: string | number;
}

const columns: Column<Setting>[] = [
  { title: 'Setting', key: 'key', value: ([key]) => key },
  { title: 'Value', key: 'value', value: ([, value]) => value },
];

export function addSettings(program: Command): void {
  const settings = addGroup(program, 'settings', 'the settings of the ledger', 'settings list');
  const list = settings.command('list').description('list the settings');
  addJsonOption(addExample(list, 'settings list')).action(async ({ json }: JsonOption) => {
    const ledger = await openLedger();
    const values = await ledger.call<Record<string, string | number>>('read_settings');
    printResult(json, values, () => formatTable(columns, Object.entries(values)));
  });
  const set = settings
    .command('set')
    .description('change a setting; what depends on it is computed anew by the worker')
    .argument('<key>', 'ledger_currency, default_workspace_id or lookback_days')
    .argument('<value>');
  addJsonOption(addExample(set, 'settings set lookback_days 3')).action(
    async (key: string, value: string, { json }: JsonOption) => {
      const ledger = await openLedger();
      const changed = await ledger.call<ChangedSetting>('set_setting', { p_key: key, p_value: value });
      printResult(json, changed, () =>
        changed.before === changed.value
          ? `Unchanged: ${key} is ${changed.value}.`
          : `Set ${key} from ${changed.before} to ${changed.value}.`,
      );
    },
  );
}
