/**
 * The activity `checkCredentials`: one small request, so that a wrong key is told before anything is written, and about how
 * many records the days to come have, where the provider says so.
 */
import { ProviderError, type TwilioProvider } from '../providers/index.js';
import { toApplicationFailure } from '../providers/request-failure.js';
import type { Dependencies } from './dependencies.js';
import { callCategories } from './fetch-provider-totals.js';
import { withHeartbeats } from './heartbeat.js';
import { sourceOff } from './source-off.js';
import type { Activities, CheckInput, CheckResult } from './types.js';

/** A count that takes longer is not worth waiting for. */
const countTimeout_ms = 3_000;

export function createCheckCredentials(
  { providers }: Dependencies,
  timeout_ms = countTimeout_ms,
): Activities['checkCredentials'] {
  return (input) =>
    withHeartbeats(
      () => null,
      (_beat, signal) => check(providers, input, signal, timeout_ms),
    );
}

async function check(
  providers: Dependencies['providers'],
  { source, range }: CheckInput,
  signal: AbortSignal,
  timeout_ms: number,
): Promise<CheckResult> {
  const provider = providers[source];
  if (provider === undefined) throw sourceOff(source);
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
  if (source !== 'twilio' || twilio === undefined || range === undefined) return { recordsPerDay: null };
  return { recordsPerDay: await callsPerDay(twilio, range, signal, timeout_ms) };
}

/** By Twilio's daily usage, which some keys may not read: it only decides how days are shared out. Null where it has no calls. */
async function callsPerDay(
  twilio: TwilioProvider,
  { from, to }: NonNullable<CheckInput['range']>,
  signal: AbortSignal,
  timeout_ms: number,
): Promise<number | null> {
  const timeout = AbortSignal.timeout(timeout_ms);
  try {
    const either = AbortSignal.any([signal, timeout]);
    const pages = await Promise.all(
      callCategories.map((category) => twilio.listUsage(category, from, to, null, either)),
    );
    const days = Math.max(...pages.map(({ counts }) => counts.length));
    const calls = pages.flatMap(({ counts }) => counts).reduce((sum, count) => sum + count, 0);
    return calls === 0 ? null : calls / days;
  } catch (error) {
    if (error instanceof ProviderError || (timeout.aborted && !signal.aborted)) return null;
    throw error;
  }
}
