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

const tokenPattern =
  /[ \t\n\r]*(?:([{}[\],:])|("[^"\\]*(?:\\.[^"\\]*)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y;

class Reader {
  private readonly text: string;
  private readonly pattern = new RegExp(tokenPattern);

  constructor(text: string) {
    this.text = text;
  }

  read(): JsonValue {
    const value = this.value(this.token());
    if (this.text.slice(this.pattern.lastIndex).trim() !== '') throw this.error();
    return value;
  }

  private error(): SyntaxError {
    return new SyntaxError(`Not JSON: ${JSON.stringify(this.text.slice(0, 80))}`);
  }

  private token(): string {
    const match = this.pattern.exec(this.text);
    if (match === null) throw this.error();
    return match[1] ?? match[2] ?? match[3] ?? match[4] ?? '';
  }

  private value(token: string): JsonValue {
    if (token === '{') return this.object();
    if (token === '[') return this.array();
    if (token.startsWith('"')) return this.string(token);
    if (token === 'true') return true;
    if (token === 'false') return false;
    if (token === 'null') return null;
    return new RawNumber(token);
  }

  private string(token: string): string {
    return token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
  }

  private object(): JsonObject {
    const result: JsonObject = {};
    for (let token = this.token(); token !== '}'; token = this.token()) {
      if (token === ',') token = this.token();
      if (!token.startsWith('"') || this.token() !== ':') throw this.error();
      result[this.string(token)] = this.value(this.token());
    }
    return result;
  }

  private array(): JsonValue[] {
    const result: JsonValue[] = [];
    for (let token = this.token(); token !== ']'; token = this.token()) {
      result.push(this.value(token === ',' ? this.token() : token));
    }
    return result;
  }
}

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
