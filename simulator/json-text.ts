// JSON whose numbers keep their text: what the fake providers hold and send, digit for digit.

/** A JSON number as it was written, for example `70.0`, `6.800000000000001e-05` or one with 20 digits. */
export class RawNumber {
  readonly text: string;

  constructor(text: string) {
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) {
      throw new SyntaxError(`${JSON.stringify(text)} is not a JSON number.`);
    }
    this.text = text;
  }
}

export interface JsonObject {
  [key: string]: JsonValue;
}

/** Parsed numbers are always `RawNumber`; plain numbers are accepted for writing, where their digits do not matter. */
export type JsonValue = null | boolean | number | string | RawNumber | JsonValue[] | JsonObject;

/** Shorthand for a number literal inside a record that is written in code. */
export function num(text: string): RawNumber {
  return new RawNumber(text);
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof RawNumber)
  );
}

/** The JSON text of a value; `RawNumber` is written as it came. */
export function stringifyJson(value: JsonValue): string {
  if (value instanceof RawNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(stringifyJson).join(',')}]`;
  if (isObject(value)) {
    const members = Object.entries(value).map(
      ([key, member]) => `${JSON.stringify(key)}:${stringifyJson(member)}`,
    );
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** A reader of its own, because JSON.parse of Node 20 gives no access to a number's text. */
class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  read(): JsonValue {
    const value = this.value();
    this.skipSpace();
    if (this.at < this.text.length) throw this.error();
    return value;
  }

  private error(): SyntaxError {
    return new SyntaxError(`Not JSON at character ${this.at}: ${JSON.stringify(this.text.slice(0, 80))}`);
  }

  private skipSpace(): void {
    for (let code = this.text.charCodeAt(this.at); code <= 32; code = this.text.charCodeAt(this.at)) {
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) throw this.error();
      this.at += 1;
    }
  }

  /** Whether this character comes next; passes it if so. */
  private takes(character: string): boolean {
    this.skipSpace();
    if (this.text.charAt(this.at) !== character) return false;
    this.at += 1;
    return true;
  }

  private value(): JsonValue {
    if (this.takes('{')) return this.object();
    if (this.takes('[')) return this.array();
    if (this.takes('"')) return this.string();
    for (const [word, value] of words) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    numberPattern.lastIndex = this.at;
    const number = numberPattern.exec(this.text)?.[0];
    if (number === undefined) throw this.error();
    this.at += number.length;
    return new RawNumber(number);
  }

  /** The string whose opening quote has been passed. */
  private string(): string {
    const begin = this.at;
    let end = this.text.indexOf('"', begin);
    while (end > 0 && this.isEscaped(begin, end)) end = this.text.indexOf('"', end + 1);
    if (end < 0) throw this.error();
    this.at = end + 1;
    const inside = this.text.slice(begin, end);
    return inside.includes('\\') ? (JSON.parse(`"${inside}"`) as string) : inside;
  }

  /** Whether an odd number of backslashes stands before a quote. */
  private isEscaped(begin: number, quote: number): boolean {
    let backslashes = 0;
    while (quote - backslashes > begin && this.text.charAt(quote - backslashes - 1) === '\\')
      backslashes += 1;
    return backslashes % 2 === 1;
  }

  private object(): JsonObject {
    const result: JsonObject = {};
    if (this.takes('}')) return result;
    do {
      if (!this.takes('"')) throw this.error();
      const key = this.string();
      if (!this.takes(':')) throw this.error();
      result[key] = this.value();
    } while (this.takes(','));
    if (!this.takes('}')) throw this.error();
    return result;
  }

  private array(): JsonValue[] {
    const result: JsonValue[] = [];
    if (this.takes(']')) return result;
    do result.push(this.value());
    while (this.takes(','));
    if (!this.takes(']')) throw this.error();
    return result;
  }
}

const words: readonly (readonly [string, JsonValue])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
];

/**
 * Parses JSON text with every number kept as text. A key that is repeated counts the last time, as in jsonb.
 * @throws SyntaxError when the text is no JSON.
 */
export function parseJson(text: string): JsonValue {
  return new Reader(text).read();
}

/** Parses JSON text that must be an object. */
export function parseJsonObject(text: string): JsonObject {
  const value = parseJson(text);
  if (!isObject(value)) throw new SyntaxError(`Not a JSON object: ${text.slice(0, 80)}`);
  return value;
}

/** `base` with the members of `patch`; objects are merged member by member, everything else is replaced. */
export function mergeJson(base: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = { ...base };
  for (const [key, value] of Object.entries(patch)) {
    const old = result[key];
    result[key] = isObject(old) && isObject(value) ? mergeJson(old, value) : value;
  }
  return result;
}
