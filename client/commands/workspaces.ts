/** `workspaces`: the customers that voice traffic is assigned to. */
import type { Command } from 'commander';
import { openLedger, readPages } from '../context.js';
import type { Merge } from '../merge-workspaces.js';
import { addExample, addGroup, addJsonOption, workspaceOption, type JsonOption } from '../options.js';
import { formatTable, plural, printResult, say, type Column } from '../output.js';

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
  addList(workspaces);
  addAdd(workspaces);
  addRename(workspaces);
  addMerge(workspaces);
  addDelete(workspaces);
}

function addList(workspaces: Command): void {
  const list = workspaces.command('list').description('list the workspaces');
  addJsonOption(addExample(list, 'workspaces list')).action(async ({ json }: JsonOption) => {
    const ledger = await openLedger();
    const rows = await readPages<Workspace>(ledger, 'list_workspaces', {}, ({ id }) => id);
    printResult(json, rows, () => formatTable(columns, rows));
  });
}

function addAdd(workspaces: Command): void {
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

function addRename(workspaces: Command): void {
  const command = workspaces
    .command('rename')
    .description('give a workspace another name')
    .argument('<id>', 'its number', workspaceOption('ID'))
    .argument('<name>', 'the name that reports are to show');
  addJsonOption(addExample(command, "workspaces rename 4 'Meridian Energy'")).action(
    async (id: number, name: string, { json }: JsonOption) => {
      const ledger = await openLedger();
      const args = { p_id: id, p_name: name };
      const renamed = await ledger.call<{ id: number; name: string; before: string }>(
        'rename_workspace',
        args,
      );
      printResult(json, renamed, () =>
        renamed.before === renamed.name
          ? `Unchanged: workspace ${id} is ${renamed.name}.`
          : `Renamed workspace ${id} from ${renamed.before} to ${renamed.name}.`,
      );
    },
  );
}

function addMerge(workspaces: Command): void {
  const command = workspaces
    .command('merge')
    .description('move everything of a workspace into another one, and delete it; typed again, it goes on')
    .argument('<id>', 'the workspace that goes', workspaceOption('ID'))
    .requiredOption('--into <n>', 'the workspace that stays', workspaceOption('--into'));
  addJsonOption(addExample(command, 'workspaces merge 5 --into 4')).action(
    async (id: number, { json, into }: JsonOption & { into: number }) => {
      const ledger = await openLedger();
      const { mergeWorkspaces } = await import('../merge-workspaces.js');
      const merge = await mergeWorkspaces(ledger, id, into, (left) => {
        if (left > 0) say(`${plural(left, 'record or snapshot', 'records and snapshots')} still to move.`);
      });
      printResult(json, { from: id, into, ...merge }, () => describeMerge(id, into, merge));
    },
  );
}

function describeMerge(from: number, into: number, { numbers, agents, adopted, conflicts }: Merge): string {
  const moved = [plural(numbers, 'number'), plural(agents, 'agent')];
  if (adopted > 0) moved.push(plural(adopted, 'adopted row'));
  const lines = [`Merged workspace ${from} into ${into}, with ${moved.join(', ')} and all records.`];
  if (conflicts.length > 0)
    lines.push(`Still in conflict, so that they map nothing: ${conflicts.join(', ')}.`);
  return lines.join('\n');
}

function addDelete(workspaces: Command): void {
  const command = workspaces
    .command('delete')
    .description('delete a workspace that has no records, numbers or agents')
    .argument('<id>', 'its number', workspaceOption('ID'));
  addJsonOption(addExample(command, 'workspaces delete 7')).action(
    async (id: number, { json }: JsonOption) => {
      const ledger = await openLedger();
      const deleted = await ledger.call<Pick<Workspace, 'id' | 'name'>>('delete_workspace', { p_id: id });
      printResult(json, deleted, () => `Deleted workspace ${deleted.id} (${deleted.name}).`);
    },
  );
}
