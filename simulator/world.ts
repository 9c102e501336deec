// What the fake providers know: calls and conversations as JSON texts, which can change between two requests.
import { parseRfc2822 } from './dates.js';
import { EntrySet, toMs, type Entry, type Instant } from './entries.js';
import {
  isObject,
  mergeJson,
  num,
  parseJsonObject,
  RawNumber,
  stringifyJson,
  type JsonObject,
  type JsonValue,
} from './json-text.js';
import { TextBlocks } from './texts.js';

export interface RecordOptions {
  /** Where lists show the record; needed only when it has no date that exists. */
  listedAt?: Instant;
  /** Until this instant of the world's clock the record is served without its price (or cost). */
  settledAt?: Instant;
}

/** A record in the making: its settled text, or the one before the provider had rated it. */
export interface LazyRecord {
  id: string;
  at: number;
  settledAt?: number;
  render: (settled: boolean) => string;
  renderSummary?: (settled: boolean) => string;
  agentId?: string | null;
}

/** Both providers' records. Everything may change at any time; the next request sees it. */
export class World {
  readonly calls = new EntrySet();
  readonly conversations = new EntrySet();
  private clockMs: number | null = null;
  private recordsWithoutId = 0;

  /**
   * The world's clock: records of later instants are not there yet, and prices of later instants are unknown.
   * Null (as at first): everything has happened.
   */
  setNow(instant: Instant | null): void {
    this.clockMs = instant === null ? null : toMs(instant);
  }

  get nowMs(): number {
    return this.clockMs ?? Number.POSITIVE_INFINITY;
  }

  /** Adds a call, or replaces the one with this sid. A text may be any JSON object, whatever its values. */
  addCall(record: JsonObject | string, options: RecordOptions = {}): void {
    const text = typeof record === 'string' ? record : stringifyJson(record);
    const fields = parseJsonObject(text);
    const id = this.idOf(fields['sid']);
    const unsettled = (): string => stringifyJson({ ...fields, price: null });
    this.calls.set({
      ...newEntry(id, options, callInstant(fields), this.calls.get(id)),
      render: (settled) => (settled ? text : unsettled()),
    });
  }

  /** Changes fields of a call (objects are merged), or adds it when it is new. */
  upsertCall(sid: string, patch: JsonObject, options: RecordOptions = {}): void {
    const old = this.calls.get(sid);
    const base = old === undefined ? { sid } : parseJsonObject(old.render(true));
    this.addCall(mergeJson(base, patch), options);
  }

  /** The provider lists the call no longer, and answers 404 for it. */
  removeCall(sid: string): void {
    this.calls.remove(sid);
  }

  /** Adds a conversation (its detail; the list shows a summary of it), or replaces the one with this id. */
  addConversation(record: JsonObject | string, options: RecordOptions = {}): void {
    const text = typeof record === 'string' ? record : stringifyJson(record);
    const fields = parseJsonObject(text);
    const unsettled = mergeJson(fields, { status: 'processing', metadata: { cost: null, charging: null } });
    const agentId = fields['agent_id'];
    const id = this.idOf(fields['conversation_id']);
    this.conversations.set({
      ...newEntry(id, options, conversationInstant(fields), this.conversations.get(id)),
      agentId: typeof agentId === 'string' ? agentId : null,
      render: (settled) => (settled ? text : stringifyJson(unsettled)),
      renderSummary: (settled) => summaryText(settled ? fields : unsettled),
    });
  }

  /** Changes fields of a conversation's detail (objects are merged), or adds it when it is new. */
  upsertConversation(id: string, patch: JsonObject, options: RecordOptions = {}): void {
    const old = this.conversations.get(id);
    const base = old === undefined ? { conversation_id: id } : parseJsonObject(old.render(true));
    this.addConversation(mergeJson(base, patch), options);
  }

  /** The provider lists the conversation no longer, and answers 404 for it. */
  removeConversation(id: string): void {
    this.conversations.remove(id);
  }

  /** Adds a record whose text is made when it is first asked for. */
  addLazily(kind: 'call' | 'conversation', record: LazyRecord): void {
    const entries = kind === 'call' ? this.calls : this.conversations;
    entries.set(
      Object.assign(record, { settledAt: record.settledAt ?? null, unsettledServes: 0, gone: false }),
    );
  }

  /** The record is served without its price the next `serves` times, or until an instant of the world's clock. */
  settleLate(kind: 'call' | 'conversation', id: string, late: { serves?: number; until?: Instant }): void {
    const entry = (kind === 'call' ? this.calls : this.conversations).require(id);
    if (late.serves !== undefined) entry.unsettledServes = late.serves;
    if (late.until !== undefined) entry.settledAt = toMs(late.until);
  }

  /** From now on (or no longer) asking by id answers 404, although lists still show the record. */
  setGone(kind: 'call' | 'conversation', id: string, gone = true): void {
    (kind === 'call' ? this.calls : this.conversations).require(id).gone = gone;
  }

  /** The bytes that a request gets now; counts as having been served. */
  serve(entry: Entry): Buffer {
    const settled = this.isSettled(entry);
    if (entry.unsettledServes > 0) entry.unsettledServes -= 1;
    return settled ? (entry.bytes ?? Buffer.from(entry.render(true))) : Buffer.from(entry.render(false));
  }

  /** The same as part of a list. Settled bytes are kept, since lists of calls are asked for again and again. */
  serveInList(entry: Entry): Buffer {
    if (!this.isSettled(entry)) return this.serve(entry);
    entry.bytes ??= Buffer.from(entry.render(true));
    return entry.bytes;
  }

  /** Makes the bytes of all settled calls now, so that serving them later costs next to nothing. */
  renderCalls(): void {
    const blocks = new TextBlocks();
    for (const entry of this.calls.all()) {
      if (this.isSettled(entry)) entry.bytes ??= blocks.add(entry.render(true));
    }
  }

  /** The text as a request would get it now, without counting as served. */
  peek(entry: Entry): string {
    return entry.render(this.isSettled(entry));
  }

  /** The conversation's text in a list. */
  serveSummary(entry: Entry): string {
    return entry.renderSummary?.(this.isSettled(entry)) ?? '{}';
  }

  /** Every call's text as the provider would give it now, newest first, without counting as served. */
  callTexts(): string[] {
    return this.texts(this.calls);
  }

  /** Every conversation's detail as the provider would give it now, newest first. */
  conversationTexts(): string[] {
    return this.texts(this.conversations);
  }

  /** A record without an id is a record too (it must be rejected, not lost): it gets a key of its own. */
  private idOf(value: JsonValue | undefined): string {
    if (typeof value === 'string' && value !== '') return value;
    if (value instanceof RawNumber) return value.text;
    this.recordsWithoutId += 1;
    return `without-id-${this.recordsWithoutId}`;
  }

  /** A record's settled JSON with some fields changed, for a new record that resembles it. */
  copyOf(kind: 'call' | 'conversation', id: string, changes: JsonObject): JsonObject {
    const entry = (kind === 'call' ? this.calls : this.conversations).require(id);
    return mergeJson(parseJsonObject(entry.render(true)), changes);
  }

  private texts(entries: EntrySet): string[] {
    return entries.between(Number.NEGATIVE_INFINITY, this.nowMs).map((entry) => this.peek(entry));
  }

  private isSettled(entry: Entry): boolean {
    return entry.unsettledServes === 0 && (entry.settledAt === null || entry.settledAt <= this.nowMs);
  }
}

/** A record that is replaced keeps its late price, and its place in lists when it has no date of its own. */
function newEntry(
  id: string,
  options: RecordOptions,
  ownInstant: number | null,
  old: Entry | undefined,
): Omit<Entry, 'render'> {
  const at = options.listedAt === undefined ? (ownInstant ?? old?.at) : toMs(options.listedAt);
  if (at === undefined) {
    throw new RangeError(`Record ${JSON.stringify(id)} has no date: say where lists show it (listedAt).`);
  }
  const settledAt = options.settledAt === undefined ? (old?.settledAt ?? null) : toMs(options.settledAt);
  return { id, at, settledAt, unsettledServes: old?.unsettledServes ?? 0, gone: old?.gone ?? false };
}

function callInstant(fields: JsonObject): number | null {
  for (const key of ['start_time', 'date_created']) {
    const value = fields[key];
    if (typeof value === 'string' && value !== '') return parseRfc2822(value);
  }
  return null;
}

function conversationInstant(fields: JsonObject): number | null {
  const metadata = fields['metadata'];
  const start = isObject(metadata) ? metadata['start_time_unix_secs'] : undefined;
  if (start instanceof RawNumber && /^-?\d+$/.test(start.text)) return Number(start.text) * 1000;
  return typeof start === 'number' ? start * 1000 : null;
}

/** The list's shape of a conversation: no cost, no numbers (ElevenLabs API, ConversationSummaryResponseModel). */
function summaryText(detail: JsonObject): string {
  const metadata = isObject(detail['metadata']) ? detail['metadata'] : {};
  const transcript = detail['transcript'];
  const phone = metadata['phone_call'];
  return stringifyJson({
    agent_id: detail['agent_id'] ?? null,
    agent_name: detail['agent_name'] ?? null,
    conversation_id: detail['conversation_id'] ?? null,
    start_time_unix_secs: metadata['start_time_unix_secs'] ?? null,
    call_duration_secs: metadata['call_duration_secs'] ?? num('0'),
    message_count: num(String(Array.isArray(transcript) ? transcript.length : 0)),
    status: detail['status'] ?? null,
    call_successful: 'unknown',
    transcript_summary: null,
    call_summary_title: null,
    direction: isObject(phone) ? (phone['direction'] ?? null) : null,
  });
}
