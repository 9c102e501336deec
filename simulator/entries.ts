// A set of records of one provider, newest first, each with its JSON text and the state in which it is served.

/** Milliseconds since 1970, or an ISO 8601 text. */
export type Instant = number | string;

export function toMs(instant: Instant): number {
  const instantMs = typeof instant === 'number' ? instant : Date.parse(instant);
  if (Number.isNaN(instantMs)) throw new RangeError(`${JSON.stringify(instant)} is no instant.`);
  return instantMs;
}

export interface Entry {
  readonly id: string;
  /** The instant under which lists show the record, in milliseconds since 1970. */
  readonly at: number;
  /** The instant from which the record is served settled (with its price); null: always. */
  settledAt: number | null;
  /** How many more times it is served unsettled, whatever the instant. */
  unsettledServes: number;
  /** Whether asking for it by id answers 404 although lists still show it. */
  gone: boolean;
  /** The record's JSON text, settled or as it was before. */
  readonly render: (settled: boolean) => string;
  /** ElevenLabs: the record's JSON text in lists. */
  readonly renderSummary?: (settled: boolean) => string;
  readonly agentId?: string | null;
  /** The settled text's bytes, made when a list first shows the record. */
  bytes?: Buffer;
}

/** Newest first; records of one instant in descending order of their id. */
function compare(a: Entry, b: Entry): number {
  if (a.at !== b.at) return b.at - a.at;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

const rangesMax = 100;

export class EntrySet {
  private readonly byId = new Map<string, Entry>();
  private readonly removed = new Map<string, Entry>();
  private sorted: Entry[] | null = null;
  /** What `between` gave since the last change: each page of a day asks for the day anew, which may have a million. */
  private readonly ranges = new Map<string, readonly Entry[]>();

  get size(): number {
    return this.byId.size;
  }

  set(entry: Entry): void {
    this.byId.set(entry.id, entry);
    this.changed();
  }

  get(id: string): Entry | undefined {
    return this.byId.get(id);
  }

  /** @throws RangeError when there is no such record. */
  require(id: string): Entry {
    const entry = this.byId.get(id);
    if (entry === undefined) throw new RangeError(`The world has no record ${JSON.stringify(id)}.`);
    return entry;
  }

  remove(id: string): void {
    this.removed.set(id, this.require(id));
    this.byId.delete(id);
    this.changed();
  }

  private changed(): void {
    this.sorted = null;
    this.ranges.clear();
  }

  /** All records, newest first. */
  all(): readonly Entry[] {
    this.sorted ??= [...this.byId.values()].sort(compare);
    return this.sorted;
  }

  /** Records listed from `fromMs` on and before `beforeMs`, newest first. */
  between(fromMs: number, beforeMs: number): readonly Entry[] {
    const key = `${fromMs} ${beforeMs}`;
    const known = this.ranges.get(key);
    if (known !== undefined) return known;
    const all = this.all();
    const range = all.slice(
      firstIndex(all, (entry) => entry.at < beforeMs),
      firstIndex(all, (entry) => entry.at < fromMs),
    );
    if (this.ranges.size >= rangesMax) this.ranges.clear();
    this.ranges.set(key, range);
    return range;
  }

  /** How many entries of a newest-first list come up to and including the record, also when it is no longer in it. */
  indexAfter(list: readonly Entry[], id: string): number | null {
    const entry = this.byId.get(id) ?? this.removed.get(id);
    return entry === undefined ? null : firstIndex(list, (other) => compare(other, entry) > 0);
  }
}

/** The first index whose entry fulfils the condition, in a list where all later ones do too. */
function firstIndex(list: readonly Entry[], holds: (entry: Entry) => boolean): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = list[middle];
    if (entry !== undefined && holds(entry)) high = middle;
    else low = middle + 1;
  }
  return low;
}
