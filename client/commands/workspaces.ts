/** `workspaces`: the customers that voice traffic is assigned to. */
import type { Command } from 'commander';
import { openLedger, readPages } from '../context.js';
import { addExample, addGroup, addJsonOption, workspaceOption, type JsonOption } from '../options.js';
import { formatTable, printResult, type Column } from '../output.js';

interface Workspace {
  id: number;
  name: string;
  numbers: number;
  agents: number;
  isDefault: boolean;
}

const columns: Column<Workspace>[] = [
  { title: 'Id', key: 'id', value: ({ id }) => id, align: 'right' },
  { title: 'Name', key: 'name', value: ({ name }) => name },
  { title: 'Numbers', key: 'numbers', value: ({ numbers }) => numbers, align: 'right' },
  { title: 'Agents', key: 'agents', value: ({ agents }) => agents, align: 'right' },
  { title: '', key: 'is_default', value: ({ isDefault }) => (isDefault ? 'default' : '') },
];

export function addWorkspaces(program: Command): void {
  const workspaces = addGroup(
    program,
    'workspaces',
    'the customers that voice traffic is assigned to',
    'workspaces list',
  );
  const list = workspaces.command('list').description('list the workspaces');
  addJsonOption(addExample(list, 'workspaces list')).action(async ({ json }: JsonOption) => {
    const ledger = await openLedger();
    const rows = await readPages<Workspace>(ledger, 'list_workspaces', {}, ({ id }) => id);
    printResult(json, rows, () => formatTable(columns, rows));
  });
  const add = workspaces
    .command('add')
    .description('add a workspace')
    .argument('<name>', 'the name that reports show')
    .option('--id <n>', 'its number (default: the next free one)', workspaceOption('--id'));
  addJsonOption(addExample(add, "workspaces add 'Meridian Solar' --id 4")).action(
    async (name: string, { id, json }: JsonOption & { id?: number }) => {
      const ledger = await openLedger();
      const args = { p_name: name, p_id: id ?? null };
      const added = await ledger.call<Pick<Workspace, 'id' | 'name'>>('add_workspace', args);
      printResult(json, added, () => `Added workspace ${added.id} (${added.name}).`);
    },
  );
}
