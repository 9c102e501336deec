/** Gathers records that are asked one by one, and stages them a few at a time as they arrive. */
import type { Ledger } from '../database/ledger.js';
import { detailsPageId } from './page-id.js';
import { stagePage } from './staging.js';
import type { Day, Run, Source } from './types.js';

/** Enough to be worth a round trip, few enough that a crash loses little. */
const records_max = 100;
/** Details carry whole transcripts. */
const body_bytes_max = 1_000_000;

export interface DetailsOrigin {
  source: Source;
  run: Run;
  /** The day whose list named the records; null for records asked again by their ids. */
  day: Day | null;
  /** What the pages' ids begin with. */
  listPage: string;
  /** A number taken before the first of the records was asked. */
  askedTicket: number;
}

interface Gathered {
  /** What the provider does not know any more. */
  gone: string[];
  /** What it has answered. */
  given: string[];
  texts: string[];
  bytes: number;
}

const nothing = (): Gathered => ({ gone: [], given: [], texts: [], bytes: 0 });

export class DetailsStager {
  readonly #ledger: Ledger;
  readonly #origin: DetailsOrigin;
  readonly #pageIds: string[] = [];
  #askedTicket: number;
  #gathered = nothing();

  constructor(ledger: Ledger, origin: DetailsOrigin) {
    this.#ledger = ledger;
    this.#origin = origin;
    this.#askedTicket = origin.askedTicket;
  }

  /** @param recordText null when the provider does not know the record any more */
  async add(id: string, recordText: string | null): Promise<void> {
    const gathered = this.#gathered;
    if (recordText === null) gathered.gone.push(id);
    else {
      gathered.given.push(id);
      gathered.texts.push(recordText);
      gathered.bytes += recordText.length;
    }
    if (countOf(gathered) >= records_max || gathered.bytes >= body_bytes_max) await this.#stage();
  }

  /** Stages what is left; returns the ids of all pages. */
  async finish(): Promise<string[]> {
    if (countOf(this.#gathered) > 0) await this.#stage();
    return this.#pageIds;
  }

  async #stage(): Promise<void> {
    const { gone, given, texts } = this.#gathered;
    this.#gathered = nothing();
    // Merging takes the first so many of them for gone.
    const ids = [...gone, ...given];
    const { source, run, day, listPage } = this.#origin;
    const pageId = detailsPageId(listPage, ids[0] ?? '');
    // Noted before the request, so that finish() names it even while another batch is being staged.
    this.#pageIds.push(pageId);
    await stagePage(this.#ledger, {
      pageId,
      source,
      run,
      day,
      cursor: null,
      nextCursor: null,
      isList: false,
      ids,
      recordsKey: null,
      askedTicket: this.#askedTicket,
      gone: gone.length,
      mergeAtOnce: false,
      body: `[${texts.join(',')}]`,
    });
  }
}

function countOf({ gone, given }: Gathered): number {
  return gone.length + given.length;
}
