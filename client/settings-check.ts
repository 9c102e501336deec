/** Whether the environment's settings are those of the ledger; a worker would refuse to start with others. */
import { sources, type Day } from '../activities/types.js';
import type { Ledger } from '../database/ledger.js';
import { readEnvironment, type Environment } from '../settings/environment.js';
import { CliError } from './cli-error.js';
import { openLedger } from './context.js';

type Given = Pick<Environment, 'LEDGER_CURRENCY' | 'DEFAULT_WORKSPACE_ID'>;

/**
 * What differs, with the remedy, in the words of the worker; null where nothing does. An empty ledger takes what the
 * first worker's environment says. Asks the ledger only where something is set.
 * @throws LedgerError
 */
export async function conflictingSetting(ledger: Ledger, given: Given): Promise<string | null> {
  const { LEDGER_CURRENCY: currency, DEFAULT_WORKSPACE_ID: workspace } = given;
  if (currency === undefined && workspace === undefined) return null;
  const held = await ledger.call<{ ledger_currency: string; default_workspace_id: number }>('read_settings');
  const { ledger_currency: heldCurrency, default_workspace_id: heldWorkspace } = held;
  const otherCurrency = currency !== undefined && currency !== heldCurrency;
  const otherWorkspace = workspace !== undefined && workspace !== heldWorkspace;
  if ((!otherCurrency && !otherWorkspace) || (await isEmpty(ledger))) return null;
  return otherCurrency
    ? `LEDGER_CURRENCY is "${currency}", but this ledger is kept in ${heldCurrency}. ` +
        `Unset it, or run: hourledger settings set ledger_currency ${currency}`
    : `DEFAULT_WORKSPACE_ID is "${workspace}", but the default workspace of this ledger is ${heldWorkspace}. ` +
        `Unset it, or run: hourledger settings set default_workspace_id ${workspace}`;
}

/** @throws CliError (2) when they differ: for commands, before they start work that no worker would take up */
export async function refuseConflictingSettings(): Promise<void> {
  const conflict = await conflictingSetting(await openLedger(), readEnvironment());
  if (conflict !== null) throw new CliError(conflict, 2);
}

async function isEmpty(ledger: Ledger): Promise<boolean> {
  for (const source of sources) {
    const { first } = await ledger.call<{ first: Day | null }>('ledger_range', { p_source: source });
    if (first !== null) return false;
  }
  return true;
}
