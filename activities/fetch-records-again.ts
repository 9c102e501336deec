/** The activity `fetchRecordsAgain`: single records asked by their ids, those least recently asked first. */
import { log } from '@temporalio/activity';
import { requeueRateLimited } from '../providers/batch.js';
import { ProviderError } from '../providers/index.js';
import { toApplicationFailure } from '../providers/request-failure.js';
import { askRecord, type Answer } from './ask-record.js';
import type { Dependencies } from './dependencies.js';
import { DetailsStager } from './details-stager.js';
import { withHeartbeats } from './heartbeat.js';
import { askedAgainPageId } from './page-id.js';
import { giveUpAfter_ms } from './read-page.js';
import { sourceOff } from './source-off.js';
import type { Activities, AskAgainInput } from './types.js';

/** Bounds what one attempt can lose, and how long it takes. */
const records_max = 200;

interface RecordsToAsk {
  ids: string[];
  more: boolean;
  ticket: number;
}

export function createFetchRecordsAgain(deps: Dependencies): Activities['fetchRecordsAgain'] {
  return (input) => {
    let answered = 0;
    return withHeartbeats(
      () => ({ answered }),
      async (beat, signal) => {
        const toAsk = await recordsToAsk(deps, input);
        const stager = new DetailsStager(deps.ledger, {
          source: input.source,
          run: input.run,
          day: null,
          listPage: askedAgainPageId(input.run, input.source, input.scope.kind, input.batch),
          askedTicket: toAsk.ticket,
        });
        const refused = new Map<string, string>();
        await askAll(deps, input, toAsk.ids, signal, (id, { recordText, refusal }) => {
          answered += 1;
          beat();
          if (refusal === null) return stager.add(id, recordText);
          refused.set(id, refusal);
          return Promise.resolve();
        });
        const pageIds = await stager.finish();
        await noteRefused(deps, input, refused);
        return { pageIds, asked: toAsk.ids.length, refused: refused.size, more: toAsk.more };
      },
    );
  };
}

function recordsToAsk(
  { ledger }: Dependencies,
  { source, run, scope }: AskAgainInput,
): Promise<RecordsToAsk> {
  if (scope.kind === 'hinted') {
    return ledger.call<RecordsToAsk>('hints_to_ask', {
      p_source: source,
      p_workflow_id: run.workflowId,
      p_run_id: run.runId,
      p_limit: records_max,
    });
  }
  const unsettled = scope.kind === 'unsettled';
  return ledger.call<RecordsToAsk>('records_to_ask', {
    p_source: source,
    p_workflow_id: run.workflowId,
    p_run_id: run.runId,
    p_nominal: unsettled ? scope.nominalTime : null,
    p_listed_days: unsettled ? scope.listedDays : null,
    p_unordered_days: unsettled ? null : scope.days,
    p_limit: records_max,
  });
}

async function askAll(
  { providers, concurrency, lease }: Dependencies,
  { source }: AskAgainInput,
  ids: string[],
  signal: AbortSignal,
  onAnswer: (id: string, answer: Answer) => Promise<void>,
): Promise<void> {
  const provider = providers[source];
  if (provider === undefined) throw sourceOff(source);
  try {
    await concurrency[source].runAll(
      ids,
      async (id) => {
        await lease[source].take(signal);
        return askRecord(provider, id, signal);
      },
      {
        onResult: onAnswer,
        shouldRequeue: requeueRateLimited,
        giveUpAfterMs: giveUpAfter_ms,
        signal,
      },
    );
  } catch (error) {
    if (error instanceof ProviderError) throw toApplicationFailure(error);
    throw error;
  }
}

async function noteRefused(
  { ledger }: Dependencies,
  { source }: AskAgainInput,
  refused: ReadonlyMap<string, string>,
): Promise<void> {
  if (refused.size === 0) return;
  for (const [id, reason] of refused)
    log.warn('A record was refused and is set aside', { source, id, reason });
  await ledger.call('note_refused', {
    p_source: source,
    p_ids: [...refused.keys()],
    p_reasons: [...refused.values()],
  });
}
