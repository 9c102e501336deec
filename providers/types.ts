/** What every provider client has in common: one request per call, the provider's own text handed on, one kind of error. */
import type { Day, Source } from '../activities/types.js';

/** One page of a day's list. */
export interface ListedPage {
  /** What to give to the next call; null behind the last page. */
  nextCursor: string | null;
}

/** A page whose list already holds the whole records (Twilio). */
export interface RecordsPage extends ListedPage {
  /** The body as it came, in UTF-8, in pieces: no number in it has been through JavaScript. */
  recordsUtf8: readonly Uint8Array[];
  /** The key of the body under which the array of records is. */
  recordsPath: 'calls';
  /**
   * How many there are. Parses the page, which is not done before: Postgres counts what it merges.
   * @throws ProviderError where the page is no JSON within
   */
  countRecords(): number;
}

/** What an ElevenLabs list says of a conversation; the rest, with its cost, is in the detail. */
export interface ListedConversation {
  /** '' where the list gave none that can be asked for. */
  id: string;
  /** As listed; null where there is none. */
  status: string | null;
  startTimeUnixSecs: number | null;
  /** Only for an entry without an id: the entry as JSON, so that somebody can see what was rejected. */
  listedText?: string;
}

/** A page that only names records (ElevenLabs). Entries that start on another day are left out. */
export interface ConversationsPage extends ListedPage {
  /** The page's ids in its order; '' where a record has none. */
  ids: string[];
  /** In the order of `ids`. */
  entries: ListedConversation[];
}

/** A record that was asked by its id. */
export interface ProviderRecord {
  /** The body as it came; null when the provider says (404) that it does not have the record. */
  recordText: string | null;
}

/**
 * What all sources can do. Each call is one HTTP request, and nothing is retried beneath it, except once where a kept
 * connection turns out to be closed.
 */
export interface Provider {
  readonly source: Source;
  /**
   * One page of the records of a UTC day.
   * @param cursor null for the first page, else the previous page's `nextCursor`
   * @param pageSize records per page; default: the provider's maximum
   * @throws ProviderError; the signal's reason when it is aborted
   */
  listDay(day: Day, cursor: string | null, pageSize?: number, signal?: AbortSignal): Promise<ListedPage>;
  /** One record, by id. Throws as `listDay` does. */
  fetchRecord(id: string, signal?: AbortSignal): Promise<ProviderRecord>;
  /** Closes kept connections. */
  close(): void;
}

/** A page of Twilio's daily usage records: its text, and where to go on. */
export interface UsagePage {
  /** The body as it came, with the records under `usage_records`. */
  recordsText: string;
  /** How many calls (or what else the category counts) each of them says; 0 where it says none. */
  counts: number[];
  nextCursor: string | null;
}

export interface TwilioProvider extends Provider {
  readonly source: 'twilio';
  /**
   * One page of what the account was billed, by UTC day and category.
   * @param category null for all
   * @param to inclusive
   * @param cursor null for the first page, else the previous page's `nextCursor`
   */
  listUsage(
    category: string | null,
    from: Day,
    to: Day,
    cursor: string | null,
    signal?: AbortSignal,
  ): Promise<UsagePage>;
  listDay(day: Day, cursor: string | null, pageSize?: number, signal?: AbortSignal): Promise<RecordsPage>;
}

export interface ElevenLabsProvider extends Provider {
  readonly source: 'elevenlabs';
  listDay(
    day: Day,
    cursor: string | null,
    pageSize?: number,
    signal?: AbortSignal,
  ): Promise<ConversationsPage>;
}

/** The sources that have credentials. */
export interface Providers {
  twilio?: TwilioProvider;
  elevenlabs?: ElevenLabsProvider;
}

/**
 * `unavailable`: 5xx, no connection, time-out, stalled body. `malformed`: an answer that is no page or record.
 * `not-found`: 404 where no single record was asked. `permanent`: any other 4xx.
 */
export type ProviderErrorKind =
  'refused-credentials' | 'not-found' | 'rate-limited' | 'unavailable' | 'malformed' | 'permanent';

export interface ProviderErrorFacts {
  kind: ProviderErrorKind;
  source: Source;
  /** One line for people, free of credentials. */
  message: string;
  /** The HTTP status, where there was an answer. */
  status?: number | undefined;
  /** The provider's own code (20429, `system_busy`), or the network's (`ECONNREFUSED`). */
  code?: string | number | undefined;
  retryAfterMs?: number | undefined;
  /** Where it is not what the kind says. */
  retryable?: boolean;
}

/** The one error that provider clients throw. It keeps no SDK error as its cause, because those carry the Authorization header. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError';
  readonly kind: ProviderErrorKind;
  readonly source: Source;
  readonly status: number | undefined;
  readonly code: string | number | undefined;
  /** How long the provider asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Whether the same request can succeed later without anybody doing anything. */
  readonly retryable: boolean;

  constructor(facts: ProviderErrorFacts) {
    super(facts.message);
    this.kind = facts.kind;
    this.source = facts.source;
    this.status = facts.status;
    this.code = facts.code;
    this.retryAfterMs = facts.retryAfterMs;
    const passes =
      facts.kind === 'rate-limited' || facts.kind === 'unavailable' || facts.kind === 'malformed';
    this.retryable = facts.retryable ?? passes;
  }
}
