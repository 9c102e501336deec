/** The activity `fetchProviderTotals`: what a provider says of days as a whole, kept as text until it is compared. */
import { requeueRateLimited } from '../providers/batch.js';
import {
  ProviderError,
  type ConversationsPage,
  type ElevenLabsProvider,
  type TwilioProvider,
  type UsagePage,
} from '../providers/index.js';
import { toApplicationFailure } from '../providers/request-failure.js';
import { follow, walkBegun } from './cursor-walk.js';
import type { Dependencies } from './dependencies.js';
import { withHeartbeats } from './heartbeat.js';
import { giveUpAfter_ms } from './read-page.js';
import { sourceOff } from './source-off.js';
import type { Activities, TotalsInput } from './types.js';

/**
 * Categories that hold calls and overlap nowhere: `calls` is inbound and outbound without SIP and client
 * (https://www.twilio.com/docs/usage/api/usage-record: a parent category repeats its children).
 */
export const callCategories = [
  'calls',
  'calls-sip-inbound',
  'calls-sip-outbound',
  'calls-client',
  'trunking-origination',
  'trunking-termination',
];

interface Surroundings {
  signal: AbortSignal;
  beat: () => void;
}

export function createFetchProviderTotals(deps: Dependencies): Activities['fetchProviderTotals'] {
  return (input) => {
    const { twilio, elevenlabs } = deps.providers;
    return withHeartbeats(
      () => null,
      async (beat, signal) => {
        try {
          if (input.source === 'twilio' && twilio !== undefined)
            await readUsage(deps, twilio, input, { beat, signal });
          else if (input.source === 'elevenlabs' && elevenlabs !== undefined)
            await readLists(deps, elevenlabs, input, { beat, signal });
          else throw sourceOff(input.source);
        } catch (error) {
          if (error instanceof ProviderError) throw toApplicationFailure(error);
          throw error;
        }
      },
    );
  };
}

async function readUsage(
  deps: Dependencies,
  provider: TwilioProvider,
  { run, days, everyCategory }: TotalsInput,
  surroundings: Surroundings,
): Promise<void> {
  const { first, last } = ends(days);
  for (const category of everyCategory ? [null] : callCategories) {
    let cursor: string | null = null;
    let walk = walkBegun;
    do {
      const at: string | null = cursor;
      const page: UsagePage = await ask(deps, 'twilio', surroundings, (signal) =>
        provider.listUsage(category, first, last, at, signal),
      );
      await deps.ledger.call('note_usage', {
        p_run_id: run.runId,
        p_workflow_id: run.workflowId,
        p_body: page.recordsText,
      });
      cursor = page.nextCursor;
      if (cursor !== null) walk = follow('twilio', `the usage of ${first} to ${last}`, walk, cursor);
    } while (cursor !== null);
  }
}

/** ElevenLabs documents no totals of conversations, so that the ids of its lists are what can be compared. */
async function readLists(
  deps: Dependencies,
  provider: ElevenLabsProvider,
  { run, days }: TotalsInput,
  surroundings: Surroundings,
): Promise<void> {
  for (const day of days) {
    const ids: string[] = [];
    let cursor: string | null = null;
    let walk = walkBegun;
    do {
      const at: string | null = cursor;
      const page: ConversationsPage = await ask(deps, 'elevenlabs', surroundings, (signal) =>
        provider.listDay(day, at, undefined, signal),
      );
      ids.push(...page.ids.filter((id) => id !== ''));
      cursor = page.nextCursor;
      if (cursor !== null) walk = follow('elevenlabs', `the list of ${day}`, walk, cursor);
    } while (cursor !== null);
    await deps.ledger.call('note_listed_ids', {
      p_run_id: run.runId,
      p_workflow_id: run.workflowId,
      p_source: 'elevenlabs',
      p_day: day,
      p_ids: ids,
    });
  }
}

/** One request, within the limits of the provider. */
async function ask<T>(
  { concurrency, lease }: Dependencies,
  source: TotalsInput['source'],
  { beat, signal }: Surroundings,
  request: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const answer = await concurrency[source].run(
    async () => {
      await lease[source].take(signal);
      return request(signal);
    },
    { shouldRequeue: requeueRateLimited, giveUpAfterMs: giveUpAfter_ms, signal },
  );
  beat();
  return answer;
}

function ends(days: readonly string[]): { first: string; last: string } {
  const sorted = [...days].sort();
  return { first: sorted[0] ?? '', last: sorted.at(-1) ?? '' };
}
