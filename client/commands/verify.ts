/** `verify`: recomputes every snapshot from its raw rows and compares to the last digit. */
import type { Command } from 'commander';
import { openLedger } from '../context.js';
import { addExample, addJsonOption, type JsonOption } from '../options.js';
import { formatTable, plural, print, printJson, say, type Column } from '../output.js';
import type { Difference } from '../verification.js';

const columns: Column<Difference>[] = [
  { title: 'Source', key: 'source', value: ({ source }) => source },
  { title: 'Workspace', key: 'workspace_id', value: ({ workspaceId }) => workspaceId, align: 'right' },
  { title: 'Hour', key: 'hour', value: ({ hour }) => hour },
  { title: 'Field', key: 'field', value: ({ field }) => field },
  { title: 'Raw rows', key: 'expected', value: ({ expected }) => expected ?? 'none', align: 'right' },
  { title: 'Snapshot', key: 'stored', value: ({ stored }) => stored ?? 'none', align: 'right' },
];

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('compare every snapshot with the sum of its raw rows (exit code 1 when one differs)');
  addJsonOption(addExample(command, 'verify')).action(async ({ json }: JsonOption) => {
    const ledger = await openLedger();
    const { verifyLedger } = await import('../verification.js');
    const result = await verifyLedger(ledger);
    const { hours, pendingHours, clearedHours, differences, differing } = result;
    if (json === true) printJson(result);
    else if (differences.length > 0) print(formatTable(columns, differences));
    const write = json === true ? say : print;
    write(
      `Checked ${plural(hours, 'snapshot')}: ${differing === 0 ? 'all equal their raw rows' : `${plural(differing, 'field')} differ`}.`,
    );
    if (pendingHours > 0)
      write(`${plural(pendingHours, 'hour')} still to drain; a running worker does it by itself.`);
    if (clearedHours > 0)
      write(`${plural(clearedHours, 'hour')} cleared on purpose; regenerate brings their snapshots back.`);
    if (differing === 0) return;
    say(
      'error: snapshots differ from their raw rows. "hourledger regenerate --source S" computes them anew; if nobody had changed them by hand, report this.',
    );
    process.exitCode = 1;
  });
}
