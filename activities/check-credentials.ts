/** The activity `checkCredentials`: one small request, so that a wrong key is told before anything is written. */
import { Context } from '@temporalio/activity';
import { ProviderError } from '../providers/index.js';
import { toApplicationFailure } from '../providers/request-failure.js';
import type { Dependencies } from './dependencies.js';
import { sourceOff } from './source-off.js';
import type { Activities } from './types.js';

export function createCheckCredentials({ providers }: Dependencies): Activities['checkCredentials'] {
  return async ({ source }) => {
    const provider = providers[source];
    if (provider === undefined) throw sourceOff(source);
    try {
      const today = new Date().toISOString().slice(0, 10);
      await provider.listDay(today, null, 1, Context.current().cancellationSignal);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      // Anything else may have passed by the time that the days are asked for, and is told there.
      if (error.kind === 'refused-credentials') throw toApplicationFailure(error);
    }
  };
}
