/** How many requests to have under way at once, found from which of them the provider refuses (429). Pure bookkeeping. */

/** After the first refusal, this many requests go well before one more at once is tried ... */
const probeEveryMin = 100;
/** ... and each time that this is refused, twice as many, up to this: at most one refusal in 360 requests. */
const probeEveryMax = 360;
/** With a level of 1 that would take too long: whoever has that little of a shared limit must ask for more oftener. */
const probeEveryRoundsMax = 250;
/** Whoever has much of it asks more rarely: that leaves the others their share. */
const probeEveryRoundsMin = 90;
/** A tried level counts as found when it has carried this many rounds without a refusal. */
const roundsToHold = 3;

/**
 * Doubles each round until the first refusal. From then on each refusal takes one away, because it says that there was
 * just one too many; a burst of them so ends at the provider's limit, whatever its size. Then it stays there and tries one
 * more, rarely. As long as that holds, it climbs on, in growing steps: somebody who shared the limit may have gone.
 */
export class ConcurrencyLevel {
  readonly #max: number;
  #value: number;
  #phase: 'doubling' | 'settled' | 'probing' = 'doubling';
  #probeEvery = probeEveryMin;
  /** Requests that went well since the last change of level or phase. */
  #wentWell = 0;
  /** How many probes in a row have held. */
  #held = 0;

  /** @param initial where to begin @param max never more than this; both at least 1 */
  constructor(initial: number, max: number) {
    this.#max = Math.max(1, Math.floor(max));
    this.#value = Math.min(Math.max(1, Math.floor(initial)), this.#max);
  }

  get value(): number {
    return this.#value;
  }

  /** @param full whether as many were under way as the level allows; else success says nothing about the limit */
  accepted(full: boolean): void {
    if (!full) return;
    this.#wentWell += 1;
    if (this.#phase === 'doubling') {
      this.#set(this.#value + 1);
    } else if (this.#phase === 'settled') {
      if (this.#wentWell >= Math.min(this.#probeEvery, this.#probeEveryMost())) this.#probe();
    } else if (this.#wentWell >= roundsToHold * this.#value) {
      this.#held += 1;
      // Once can be a slot that another worker had free for a moment; twice, that there is room.
      if (this.#held > 1) this.#probeEvery = probeEveryMin;
      this.#probe();
    }
  }

  refused(): void {
    if (this.#phase === 'probing' && this.#held === 0) {
      this.#probeEvery = Math.min(this.#probeEvery * 2, this.#probeEveryMost());
    }
    this.#phase = 'settled';
    this.#held = 0;
    this.#set(this.#value - 1);
  }

  #probeEveryMost(): number {
    const most = Math.min(probeEveryMax, probeEveryRoundsMax * this.#value);
    return Math.max(most, probeEveryRoundsMin * this.#value);
  }

  #probe(): void {
    this.#phase = 'probing';
    this.#set(this.#value + Math.max(1, 2 ** (this.#held - 1)));
  }

  #set(value: number): void {
    this.#value = Math.min(Math.max(1, value), this.#max);
    this.#wentWell = 0;
  }
}
