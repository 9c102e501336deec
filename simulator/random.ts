// Random choices that are the same everywhere: a small generator that is seeded, never the clock or Math.random.

/** A sequence of pseudo-random numbers that depends on its seed alone (sfc32 by Chris Doty-Humphrey, public domain). */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, stream = 0) {
    this.a = seed | 0;
    this.b = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
    this.c = stream | 0;
    for (let warmup = 0; warmup < 12; warmup += 1) this.bits();
  }

  /** 32 random bits, as a number from 0 to 2^32 - 1. */
  bits(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    return this.bits() % limit;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True with the given share of a thousand. */
  perMille(share: number): boolean {
    return this.below(1000) < share;
  }

  /** One of the items. @throws RangeError when there are none. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('There is nothing to pick from.');
    return item;
  }

  /** One of the items, each as likely as its weight says. */
  weighted<Item>(items: readonly (readonly [Item, number])[]): Item {
    let ticket = this.below(items.reduce((total, [, weight]) => total + weight, 0));
    for (const [item, weight] of items) {
      if (ticket < weight) return item;
      ticket -= weight;
    }
    throw new RangeError('There is nothing to pick from.');
  }

  /** Lower-case hexadecimal digits, eight at a time. */
  hex(groups: number): string {
    let text = '';
    for (let group = 0; group < groups; group += 1) text += this.bits().toString(16).padStart(8, '0');
    return text;
  }
}

/** Splits a whole total over weights so that the parts are whole numbers and add up to exactly the total. */
export function distribute(total: number, weights: readonly number[]): number[] {
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  let passed = 0;
  let given = 0;
  return weights.map((weight) => {
    passed += weight;
    const upToHere = Math.floor((total * passed) / all);
    const part = upToHere - given;
    given = upToHere;
    return part;
  });
}
