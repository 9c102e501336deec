/** `doctor`: checks each part and setting; one line each, with the remedy where it does not hold. */
import type { Command } from 'commander';
import type { Check } from '../check.js';
import { addExample, addJsonOption, type JsonOption } from '../options.js';
import { plural, printResult, say } from '../output.js';

const signs: Record<Check['state'], string> = { ok: 'ok  ', warning: 'note', failed: 'FAIL' };

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'check each part and setting, with the remedy for what is wrong (exit code 1 when something is)',
    );
  addJsonOption(addExample(command, 'doctor')).action(async ({ json }: JsonOption) => {
    const { runChecks } = await import('../checks.js');
    const checks = await runChecks();
    const width = Math.max(...checks.map(({ name }) => name.length));
    printResult(json, checks, () =>
      checks
        .map(({ name, state, fact, remedy }) => {
          const line = `${signs[state]}  ${name.padEnd(width)}  ${fact}`;
          return remedy === null ? line : `${line} -> ${remedy}`;
        })
        .join('\n'),
    );
    const failed = checks.filter(({ state }) => state === 'failed').length;
    if (failed === 0) return;
    say(`error: ${plural(failed, 'check')} failed.`);
    process.exitCode = 1;
  });
}
