// Exact decimal numbers on BigInt, for sums of money that no JavaScript number may hold.

const pattern = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

export class Decimal {
  static readonly zero = new Decimal(0n, 0);
  /** The value is `units` divided by ten to the power of `scale`. */
  readonly units: bigint;
  readonly scale: number;

  private constructor(units: bigint, scale: number) {
    this.units = units;
    this.scale = scale;
  }

  /** @throws RangeError when the text is no decimal number. */
  static parse(text: string): Decimal {
    const value = Decimal.tryParse(text);
    if (value === null) throw new RangeError(`${JSON.stringify(text)} is not a decimal number.`);
    return value;
  }

  /** The number that the text names, exponents included, or null. */
  static tryParse(text: string): Decimal | null {
    const match = pattern.exec(text.trim());
    if (match === null) return null;
    const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
    if (whole + fraction === '') return null;
    const digits = BigInt(whole + fraction);
    const scale = fraction.length - Number(exponent);
    const units = sign === '-' ? -digits : digits;
    return scale >= 0 ? new Decimal(units, scale) : new Decimal(units * 10n ** BigInt(-scale), 0);
  }

  add(other: Decimal): Decimal {
    const scale = Math.max(this.scale, other.scale);
    return new Decimal(this.unitsAt(scale) + other.unitsAt(scale), scale);
  }

  times(other: Decimal): Decimal {
    return new Decimal(this.units * other.units, this.scale + other.scale);
  }

  abs(): Decimal {
    return this.units < 0n ? new Decimal(-this.units, this.scale) : this;
  }

  isZero(): boolean {
    return this.units === 0n;
  }

  equals(other: Decimal): boolean {
    const scale = Math.max(this.scale, other.scale);
    return this.unitsAt(scale) === other.unitsAt(scale);
  }

  /** Plain digits with exactly the scale that the value carries, as Postgres prints a numeric. */
  toScaledString(): string {
    const digits = (this.units < 0n ? -this.units : this.units).toString().padStart(this.scale + 1, '0');
    const whole = digits.slice(0, digits.length - this.scale);
    const fraction = digits.slice(digits.length - this.scale);
    return `${this.units < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
  }

  /** Canonical: plain digits, no trailing zeros behind the point, no exponent. */
  toString(): string {
    const text = this.toScaledString();
    return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  }

  private unitsAt(scale: number): bigint {
    return this.units * 10n ** BigInt(scale - this.scale);
  }
}
