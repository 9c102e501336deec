/** The activity `checkWorkspace`: refuses the number of a workspace that does not exist. */
import { ApplicationFailure } from '@temporalio/common';
import { LedgerError } from '../database/ledger.js';
import type { Dependencies } from './dependencies.js';
import { failureTypes } from './failure-types.js';
import type { Activities } from './types.js';

export function createCheckWorkspace({ ledger }: Dependencies): Activities['checkWorkspace'] {
  return async ({ workspaceId }) => {
    try {
      await ledger.call('check_workspace', { p_workspace: workspaceId });
    } catch (error) {
      if (!(error instanceof LedgerError && error.isRefusal)) throw error;
      const message = `"workspaceId" is ${workspaceId}: ${error.message}`;
      throw ApplicationFailure.create({ message, type: failureTypes.invalidInput, nonRetryable: true });
    }
  };
}
