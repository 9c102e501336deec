/** The envelope of a page, read without making objects of its records: pages are megabytes, and only this is looked at. */

export interface Envelope {
  /** The body's members, the array of records empty. */
  members: unknown;
  /** How many objects the array holds. */
  records: number;
}

const space = 0x20;
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;

/**
 * Looks at brackets, the commas between records, and the ends of strings only. Whether the records are JSON is found out
 * by Postgres, which reads them: a page that is none is fetched again when it is merged (upsertRawRows).
 * @param parts the UTF-8 of a JSON object, divided anywhere
 * @param key of a member that is an array of objects
 * @returns null for anything else, and for what looks odd: whoever asks then parses the whole text, and says what is wrong
 */
export function readEnvelope(parts: readonly Buffer[], key: string): Envelope | null {
  let depth = 0;
  let inArray = false;
  let array: { begin: number; end: number } | null = null;
  let records = 0;
  let commas = 0;
  let isKey = false;
  let inString = false;
  let escaped = false;
  let lastString = '';
  let offset = 0;
  for (const part of parts) {
    // A character for each byte: in UTF-8, none of those that matter here is a part of another one.
    const text = part.toString('latin1');
    for (let at = 0; at < text.length; at += 1) {
      if (inString) {
        const end = endOfString(text, at, escaped);
        if (depth === 1) lastString += text.slice(at, end ?? text.length);
        if (end === null) escaped = isEscaped(text, text.length, at, escaped);
        inString = end === null;
        at = end ?? text.length;
        continue;
      }
      const code = text.charCodeAt(at);
      const betweenRecords = inArray && depth === 2;
      switch (code) {
        case quote:
          if (betweenRecords) return null;
          inString = true;
          escaped = isKey = false;
          lastString = '';
          break;
        case colon:
          isKey = depth === 1;
          break;
        case 0x5b: // [
          if (isKey && depth === 1 && lastString === key) {
            if (array !== null) return null;
            array = { begin: offset + at, end: -1 };
            inArray = true;
          } else if (betweenRecords) return null;
          isKey = false;
          depth += 1;
          break;
        case 0x7b: // {
          // Behind each record one comma, and none before the first.
          if (betweenRecords && commas !== records) return null;
          if (betweenRecords) records += 1;
          isKey = false;
          depth += 1;
          break;
        case comma:
          if (betweenRecords) commas += 1;
          isKey = false;
          break;
        case 0x5d: // ]
        case 0x7d: // }
          depth -= 1;
          if (betweenRecords && array !== null) array.end = offset + at;
          if (betweenRecords) inArray = false;
          break;
        default:
          if (betweenRecords && code > space) return null;
      }
    }
    offset += text.length;
  }
  if (array === null || array.end === -1 || depth !== 0 || inString) return null;
  if (commas !== Math.max(records - 1, 0)) return null;
  const members = parsed(`${sliceOf(parts, 0, array.begin)}[]${sliceOf(parts, array.end + 1, offset)}`);
  return members === undefined ? null : { members, records };
}

/** Where the string ends whose text goes on at `begin`; null where it does not end in this part. */
function endOfString(text: string, begin: number, escaped: boolean): number | null {
  let end = text.indexOf('"', escaped ? begin + 1 : begin);
  while (end !== -1 && isEscaped(text, end, begin, escaped)) end = text.indexOf('"', end + 1);
  return end === -1 ? null : end;
}

/** Whether the character at `at` is escaped, in a string whose text goes on at `begin`, where it may be escaped, too. */
function isEscaped(text: string, at: number, begin: number, escaped: boolean): boolean {
  let first = at;
  while (first > begin && text.charCodeAt(first - 1) === backslash) first -= 1;
  // A backslash that is escaped itself escapes nothing.
  const backslashes = at - first - (escaped && first === begin ? 1 : 0);
  return backslashes % 2 === 1;
}

function sliceOf(parts: readonly Buffer[], begin: number, end: number): string {
  const pieces: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    pieces.push(part.subarray(Math.max(begin - offset, 0), Math.max(end - offset, 0)));
    offset += part.length;
  }
  return Buffer.concat(pieces).toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
