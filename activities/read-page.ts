/** One page of a day, from the provider's wire to the stage. What differs between the providers is here. */
import pLimit from 'p-limit';
import { requeueRateLimited } from '../providers/batch.js';
import {
  ProviderError,
  type ConversationsPage,
  type ElevenLabsProvider,
  type RecordsPage,
  type TwilioProvider,
} from '../providers/index.js';
import { askRecord } from './ask-record.js';
import type { Dependencies } from './dependencies.js';
import { DetailsStager } from './details-stager.js';
import { listPageId } from './page-id.js';
import { stagePage } from './staging.js';
import type { DayCursor, FetchInput } from './types.js';

/** How long a provider may refuse everything before the attempt ends and Temporal waits instead. */
export const giveUpAfter_ms = 20_000;
/** Fewer details that are refused may well be all that a quiet day, or what is new of it, had to be asked for. */
const refusals_min = 10;

/** So many pages are merged as they come, side by side: more would only keep the leases of requests waiting. */
const merging = pLimit(8);

export interface PageRead {
  /** The pages that it became; those of calls are merged already, unless they wait (see `stage_page`). */
  pageIds: string[];
  /** Null behind the last page. */
  nextCursor: string | null;
  /** Records that the list named. */
  fetched: number;
  /** For the next request of the day. */
  nextTicket: number;
}

export interface PageRequest {
  input: FetchInput;
  at: DayCursor;
  /** Number of the request, taken before it is sent. */
  ticket: number;
  signal: AbortSignal;
  /** Called after every answer. */
  onAnswer: () => void;
}

/** Reads a page of Twilio's list: it holds the whole records, goes on as the text that it is, and is merged as it comes. */
export async function readTwilioPage(
  { ledger, concurrency, lease }: Dependencies,
  provider: TwilioProvider,
  { input, at, ticket, signal, onAnswer }: PageRequest,
): Promise<PageRead> {
  const { source, run, dryRun } = input;
  const page = await concurrency.twilio.run(
    async () => {
      await lease.twilio.take(signal);
      return provider.listDay(at.day, at.cursor, undefined, signal);
    },
    { shouldRequeue: requeueRateLimited, giveUpAfterMs: giveUpAfter_ms, signal },
  );
  onAnswer();
  if (dryRun) {
    return { pageIds: [], nextCursor: page.nextCursor, fetched: page.countRecords(), nextTicket: ticket };
  }
  const { pageIds, merged, nextCursor, nextTicket } = await merging(() =>
    stagePage(ledger, {
      pageId: listPageId(run, source, at),
      source,
      run,
      day: at.day,
      cursor: at.cursor,
      nextCursor: page.nextCursor,
      isList: true,
      ids: null,
      recordsKey: page.recordsPath,
      askedTicket: ticket,
      gone: 0,
      mergeAtOnce: true,
      body: page.recordsUtf8,
    }),
  );
  return { pageIds, fetched: merged ?? countOf(page), nextCursor, nextTicket };
}

/** Of a page that waits: uncounted, it would let a fetch go on. One that is no JSON within is told of when it is merged. */
function countOf(page: RecordsPage): number {
  try {
    return page.countRecords();
  } catch (error) {
    if (error instanceof ProviderError) return 0;
    throw error;
  }
}

/**
 * Reads a page of ElevenLabs' list and the details of those conversations that need it. Details are staged as they
 * arrive and the list last, so that a retry asks only for what is missing.
 */
export async function readConversationsPage(
  deps: Dependencies,
  provider: ElevenLabsProvider,
  request: PageRequest,
): Promise<PageRead> {
  const { input, at, signal, onAnswer } = request;
  const { ledger, concurrency, lease } = deps;
  const page = await concurrency.elevenlabs.run(
    async () => {
      await lease.elevenlabs.take(signal);
      return provider.listDay(at.day, at.cursor, undefined, signal);
    },
    { shouldRequeue: requeueRateLimited, giveUpAfterMs: giveUpAfter_ms, signal },
  );
  onAnswer();
  if (input.dryRun) {
    return { pageIds: [], nextCursor: page.nextCursor, fetched: page.ids.length, nextTicket: request.ticket };
  }
  const listPage = listPageId(input.run, input.source, at);
  const details = await readDetails(deps, provider, request, listPage, page);
  const { nextCursor, nextTicket } = await stagePage(ledger, {
    pageId: listPage,
    source: input.source,
    run: input.run,
    day: at.day,
    cursor: at.cursor,
    nextCursor: page.nextCursor,
    isList: true,
    ids: page.ids.filter((id) => id !== ''),
    recordsKey: null,
    askedTicket: request.ticket,
    gone: 0,
    mergeAtOnce: false,
    // Entries without an id cannot be asked for; merging them says so in rejected_records.
    body: `[${page.entries.flatMap((entry) => entry.listedText ?? []).join(',')}]`,
  });
  return { pageIds: [...details, listPage], fetched: page.ids.length, nextCursor, nextTicket };
}

interface ConversationsToAsk {
  ids: string[];
  waitingPages: string[];
  /** Whether an earlier attempt of this run was given details of the page. */
  hasAnswers: boolean;
  ticket: number;
}

async function readDetails(
  { ledger, concurrency, lease }: Dependencies,
  provider: ElevenLabsProvider,
  { input, at, signal, onAnswer }: PageRequest,
  listPage: string,
  page: ConversationsPage,
): Promise<string[]> {
  const toAsk = await ledger.call<ConversationsToAsk>('conversations_to_ask', {
    p_ids: page.ids.filter((id) => id !== ''),
    p_run_id: input.run.runId,
    p_day: at.day,
    p_ask_settled: input.askSettled,
  });
  const stager = new DetailsStager(ledger, {
    source: input.source,
    run: input.run,
    day: at.day,
    listPage,
    askedTicket: toAsk.ticket,
  });
  const refused = new Map<string, string>();
  await concurrency.elevenlabs.runAll(
    toAsk.ids,
    async (id) => {
      await lease.elevenlabs.take(signal);
      return askRecord(provider, id, signal);
    },
    {
      onResult: (id, { recordText, refusal }) => {
        onAnswer();
        if (refusal === null) return stager.add(id, recordText);
        refused.set(id, refusal);
        return Promise.resolve();
      },
      shouldRequeue: requeueRateLimited,
      giveUpAfterMs: giveUpAfter_ms,
      signal,
    },
  );
  if (!toAsk.hasAnswers) refuseAll(toAsk.ids, refused);
  for (const [id, message] of refused) {
    await stager.add(id, JSON.stringify({ conversation_id: id, hourledger_refused: message }));
  }
  return [...toAsk.waitingPages, ...(await stager.finish())];
}

/**
 * Single details that are refused are rejected with the provider's words, and the day goes on. Where it refuses every
 * one that a page had to be asked for, and these are several, it is not about the records: then the day fails, lest it
 * end as completed with nothing in it.
 * @param asked what was asked now: a conversation that was known and settled before is no answer
 */
function refuseAll(asked: readonly string[], refused: ReadonlyMap<string, string>): void {
  const [message] = refused.values();
  if (message === undefined || refused.size < refusals_min) return;
  if (asked.some((id) => !refused.has(id))) return;
  throw new ProviderError({
    kind: 'permanent',
    source: 'elevenlabs',
    message: `${message} (so are all ${refused.size} conversations that were asked of the page)`,
  });
}
