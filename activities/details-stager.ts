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
  ids: string[];
  texts: string[];
  gone: number;
  bytes: number;
}

export class DetailsStager {
  readonly #ledger: Ledger;
  readonly #origin: DetailsOrigin;
  readonly #pageIds: string[] = [];
  #askedTicket: number;
  #gathered: Gathered = { ids: [], texts: [], gone: 0, bytes: 0 };

  constructor(ledger: Ledger, origin: DetailsOrigin) {
    this.#ledger = ledger;
    this.#origin = origin;
    this.#askedTicket = origin.askedTicket;
  }

  /** @param recordText null when the provider does not know the record any more */
  async add(id: string, recordText: string | null): Promise<void> {
    this.#gathered.ids.push(id);
    if (recordText === null) this.#gathered.gone += 1;
    else {
      this.#gathered.texts.push(recordText);
      this.#gathered.bytes += recordText.length;
    }
    if (this.#gathered.ids.length >= records_max || this.#gathered.bytes >= body_bytes_max)
      await this.#stage();
  }

  /** Stages what is left; returns the ids of all pages. */
  async finish(): Promise<string[]> {
    if (this.#gathered.ids.length > 0) await this.#stage();
    return this.#pageIds;
  }

  async #stage(): Promise<void> {
    const { ids, texts, gone } = this.#gathered;
    this.#gathered = { ids: [], texts: [], gone: 0, bytes: 0 };
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
      gone,
      body: `[${texts.join(',')}]`,
    });
  }
}
