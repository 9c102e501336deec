/** The activity `fetchProviderPage`: pages of some days, side by side, up to a budget, merged as they come or staged as raw text. */
import { ProviderError } from '../providers/index.js';
import { toApplicationFailure } from '../providers/request-failure.js';
import { follow } from './cursor-walk.js';
import type { Dependencies } from './dependencies.js';
import { resumedDetails, withHeartbeats } from './heartbeat.js';
import { readConversationsPage, readTwilioPage, type PageRead, type PageRequest } from './read-page.js';
import { sourceOff } from './source-off.js';
import type { Activities, Day, DayCursor, FetchInput, FetchResult } from './types.js';

/** After so many records or so much time no further page is begun, so that what came is merged, and its hours summed. */
const budget = { records: 16_000, milliseconds: 8_000 };
/**
 * Of the time, more or less: children that started together would end their fetches together, and none of them would
 * ask the provider for anything while all of them go over to the next.
 */
const budgetSpread = 0.25;

/** What a later attempt goes on from. */
interface Progress extends FetchResult {
  /** Whether anything came of the attempts so far. */
  advanced: boolean;
}

export function createFetchProviderPage(deps: Dependencies): Activities['fetchProviderPage'] {
  return async (input) => {
    const progress = (resumedDetails() as Progress | null) ?? {
      pageIds: [],
      unfinished: input.days,
      failed: [],
      fetched: 0,
      advanced: false,
    };
    await withHeartbeats(
      () => progress,
      (onAnswer, signal) => readDays(deps, input, progress, { onAnswer, signal }),
    );
    const { pageIds, unfinished, failed, fetched } = progress;
    return { pageIds, unfinished, failed, fetched };
  };
}

type Surroundings = Pick<PageRequest, 'onAnswer' | 'signal'>;

async function readDays(
  deps: Dependencies,
  input: FetchInput,
  progress: Progress,
  surroundings: Surroundings,
): Promise<void> {
  const readPage = pageReader(deps, input.source);
  const ticket = input.dryRun ? 0 : await beginDays(deps, input, progress.unfinished);
  const spread = 1 + budgetSpread * (2 * Math.random() - 1);
  const deadline = performance.now() + budget.milliseconds * spread;
  const passing: ProviderError[] = [];

  const readDay = async (begin: DayCursor): Promise<void> => {
    let at = begin;
    let nextTicket = ticket;
    try {
      do {
        const page = await readPage({ input, at, ticket: nextTicket, ...surroundings });
        nextTicket = page.nextTicket;
        const next = page.nextCursor;
        notePage(progress, page);
        if (next !== null) {
          const walk = follow(input.source, `the list of ${at.day}`, at.walk, next);
          at = { ...at, cursor: next, walk };
        }
        noteProgress(progress, at.day, next === null ? null : at);
        surroundings.onAnswer();
        if (next === null) return;
      } while (progress.fetched < budget.records && performance.now() < deadline);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      if (error.kind === 'refused-credentials') throw toApplicationFailure(error);
      if (error.retryable) passing.push(error);
      else noteFailure(progress, at.day, error.message);
    }
  };
  const results = await Promise.allSettled(progress.unfinished.map(readDay));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  // A day that failed in passing is asked again by the next call; where nothing at all came, Temporal waits and retries.
  const [error] = passing;
  if (error !== undefined && !progress.advanced) throw toApplicationFailure(error);
}

function pageReader(
  deps: Dependencies,
  source: FetchInput['source'],
): (request: PageRequest) => Promise<PageRead> {
  const { twilio, elevenlabs } = deps.providers;
  if (source === 'twilio' && twilio !== undefined) return (request) => readTwilioPage(deps, twilio, request);
  if (source === 'elevenlabs' && elevenlabs !== undefined) {
    return (request) => readConversationsPage(deps, elevenlabs, request);
  }
  throw sourceOff(source);
}

/** Notes the days as begun; returns the number of their first requests. */
function beginDays(deps: Dependencies, { source, run }: FetchInput, days: DayCursor[]): Promise<number> {
  return deps.ledger.call<number>('begin_days', {
    p_source: source,
    p_days: days.map(({ day }) => day),
    p_workflow_id: run.workflowId,
    p_run_id: run.runId,
  });
}

function notePage(progress: Progress, page: PageRead): void {
  progress.advanced = true;
  progress.pageIds.push(...page.pageIds);
  progress.fetched += page.fetched;
}

/** Notes how far a day has come; null at its end. */
function noteProgress(progress: Progress, day: Day, reached: DayCursor | null): void {
  progress.unfinished = progress.unfinished.flatMap((cursor) => {
    if (cursor.day !== day) return [cursor];
    return reached === null ? [] : [reached];
  });
}

function noteFailure(progress: Progress, day: Day, message: string): void {
  progress.advanced = true;
  progress.failed.push({ day, message });
  progress.unfinished = progress.unfinished.filter((cursor) => cursor.day !== day);
}
