/** `reclassify`: has records assigned to their workspaces anew. */
import type { Command } from 'commander';
import type { ReclassifySummary } from '../../workflows/reclassify.js';
import { addExample, addJsonOption, type JsonOption } from '../options.js';
import { plural, print, printJson, say } from '../output.js';

export function addReclassify(program: Command): void {
  const command = program
    .command('reclassify')
    .description('assign records anew, as a change of the mapping does by itself')
    .argument('[numbers...]', 'only what these numbers decide (default: all records)');
  addJsonOption(addExample(command, 'reclassify', 'reclassify +12025550110')).action(runReclassify);
}

async function runReclassify(numbers: string[], { json }: JsonOption): Promise<void> {
  const [{ parseReclassifyInput }, { reclassifyId, runOperation }] = await Promise.all([
    import('../../workflows/operations-input.js'),
    import('../operations.js'),
  ]);
  const input = parseReclassifyInput(numbers.length === 0 ? {} : { phoneNumbers: numbers });
  const ended = await runOperation<ReclassifySummary>(
    {
      workflowType: 'reclassify',
      workflowId: reclassifyId(numbers),
      input,
      summary: numbers.length === 0 ? 'all records' : plural(numbers.length, 'number'),
    },
    json === true,
  );
  if (ended === null) return;
  const { records, setAside } = ended.result;
  if (json === true) printJson({ workflowId: ended.workflowId, ...ended.result });
  else if (records === null) print(`Assigned what ${plural(numbers.length, 'number')} decide anew.`);
  else print(`Assigned ${plural(records, 'record')} anew.`);
  for (const line of setAside) say(`set aside: ${line}`);
}
