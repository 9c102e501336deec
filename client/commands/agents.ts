/** `agents`: which workspace an ElevenLabs agent belongs to. */
import type { Command } from 'commander';
import { openLedger, readPages } from '../context.js';
import { addExample, addGroup, addJsonOption, workspaceOption, type JsonOption } from '../options.js';
import { formatTable, printResult, type Column } from '../output.js';

interface Agent {
  agentId: string;
  workspaceId: number;
  workspace: string;
}

const columns: Column<Agent>[] = [
  { title: 'Agent', key: 'agent_id', value: ({ agentId }) => agentId },
  { title: 'Workspace', key: 'workspace_id', value: ({ workspaceId }) => workspaceId, align: 'right' },
  { title: 'Name', key: 'workspace', value: ({ workspace }) => workspace },
];

interface AgentOptions extends JsonOption {
  workspace?: number;
}

export function addAgents(program: Command): void {
  const agents = addGroup(program, 'agents', 'which workspace an ElevenLabs agent belongs to', 'agents list');
  const list = agents
    .command('list')
    .description('list the agents')
    .option('--workspace <n>', 'of this workspace only', workspaceOption('--workspace'));
  addJsonOption(addExample(list, 'agents list')).action(async ({ json, workspace }: AgentOptions) => {
    const ledger = await openLedger();
    const args = { p_workspace: workspace ?? null };
    const rows = await readPages<Agent>(ledger, 'list_agents', args, ({ agentId }) => agentId);
    printResult(json, rows, () => formatTable(columns, rows));
  });
  const add = agents
    .command('add')
    .description('give an agent to a workspace; its conversations follow by themselves')
    .argument('<agent>', 'its id, as ElevenLabs shows it')
    .requiredOption('--workspace <n>', 'the workspace', workspaceOption('--workspace'));
  addJsonOption(addExample(add, 'agents add agent_01jx3k5m7 --workspace 4')).action(
    async (agent: string, { json, workspace }: AgentOptions) => {
      const ledger = await openLedger();
      const args = { p_agent_id: agent, p_workspace: workspace };
      const added = await ledger.call<Agent & { inserted: boolean }>('add_agent', args);
      const where = `workspace ${added.workspaceId} (${added.workspace})`;
      printResult(json, added, () =>
        added.inserted
          ? `Gave agent ${added.agentId} to ${where}.`
          : `Unchanged: agent ${added.agentId} belongs to ${where}.`,
      );
    },
  );
  const remove = agents
    .command('remove')
    .description('take an agent from its workspace; its conversations are assigned anew by themselves')
    .argument('<agent>', 'its id, as ElevenLabs shows it');
  addJsonOption(addExample(remove, 'agents remove agent_01jx3k5m7')).action(
    async (agent: string, { json }: JsonOption) => {
      const ledger = await openLedger();
      const removed = await ledger.call<Agent>('remove_agent', { p_agent_id: agent });
      const where = `workspace ${removed.workspaceId} (${removed.workspace})`;
      printResult(json, removed, () => `Took agent ${removed.agentId} from ${where}.`);
    },
  );
}
