/** `migrate`: brings a Postgres to the current schema. */
import type { Command } from 'commander';
import { CliError } from '../cli-error.js';
import { connections } from '../context.js';
import { addExample, addJsonOption, type JsonOption } from '../options.js';
import { plural, printResult } from '../output.js';

export function addMigrate(program: Command): void {
  const command = program
    .command('migrate')
    .description('bring the Postgres of DATABASE_URL, or else the embedded one, to the current schema');
  addJsonOption(addExample(command, 'migrate')).action(async ({ json }: JsonOption) => {
    const { migrate, adoptionLines } = await import('../../database/migrate.js');
    const { readEnvironment } = await import('../../settings/environment.js');
    const { LEDGER_CURRENCY, DEFAULT_WORKSPACE_ID } = readEnvironment();
    const { applied, adoption } = await migrate(await databaseUrl(), {
      ledgerCurrency: LEDGER_CURRENCY ?? null,
      defaultWorkspaceId: DEFAULT_WORKSPACE_ID ?? null,
    });
    const lines = applied.map((file) => `applied ${file}`);
    if (adoption !== null) lines.push(...adoptionLines(adoption));
    const summary =
      applied.length === 0 ? 'The schema is current.' : `${plural(applied.length, 'migration')} applied.`;
    printResult(json, { applied, adoption }, () => [...lines, summary].join('\n'));
  });
}

/** DATABASE_URL alone is enough: a database is migrated before anything else of it is there. */
async function databaseUrl(): Promise<string> {
  const { readEnvironment } = await import('../../settings/environment.js');
  const url = readEnvironment().DATABASE_URL ?? (await connections()).databaseUrl;
  if (url !== null) return url;
  throw new CliError('DATABASE_URL is missing: set it to the postgres:// URL of the database to migrate.', 2);
}
