/**
 * The activity `checkCredentials`: one small request, so that a wrong key is told before anything is written, and about how
 * many records the days to come have, where the provider says so.
 */
import { Context } from '@temporalio/activity';
import { ProviderError, type TwilioProvider } from '../providers/index.js';
import { toApplicationFailure } from '../providers/request-failure.js';
import type { Dependencies } from './dependencies.js';
import { sourceOff } from './source-off.js';
import type { Activities, CheckInput } from './types.js';

export function createCheckCredentials({ providers }: Dependencies): Activities['checkCredentials'] {
  return async ({ source, range }) => {
    const provider = providers[source];
    if (provider === undefined) throw sourceOff(source);
    const signal = Context.current().cancellationSignal;
    try {
      const today = new Date().toISOString().slice(0, 10);
      await provider.listDay(today, null, 1, signal);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      // Anything else may have passed by the time that the days are asked for, and is told there.
      if (error.kind === 'refused-credentials') throw toApplicationFailure(error);
      return { recordsPerDay: null };
    }
    const { twilio } = providers;
    const isCounted = source === 'twilio' && twilio !== undefined && range !== undefined;
    return { recordsPerDay: isCounted ? await callsPerDay(twilio, range, signal) : null };
  };
}

/** By Twilio's daily usage, which some keys may not read: it only decides how days are shared out. Null where it has no calls. */
async function callsPerDay(
  twilio: TwilioProvider,
  { from, to }: NonNullable<CheckInput['range']>,
  signal: AbortSignal,
): Promise<number | null> {
  try {
    const { counts } = await twilio.listUsage('calls', from, to, null, signal);
    const calls = counts.reduce((sum, count) => sum + count, 0);
    return calls === 0 ? null : calls / counts.length;
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  }
}
