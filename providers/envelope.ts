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
 * @param text a JSON object
 * @param key of a member that is an array of objects
 * @returns null for anything else, and for what looks odd: whoever asks then parses the whole text, and says what is wrong
 */
export function readEnvelope(text: string, key: string): Envelope | null {
  let depth = 0;
  let inArray = false;
  let array: { begin: number; end: number } | null = null;
  let records = 0;
  let commas = 0;
  let lastString = '';
  let isKey = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        if (end === -1 || (inArray && depth === 2)) return null;
        if (depth === 1) lastString = text.slice(at + 1, end);
        isKey = false;
        at = end;
        break;
      }
      case colon:
        isKey = depth === 1;
        break;
      case 0x5b: // [
        if (isKey && depth === 1 && lastString === key) {
          if (array !== null) return null;
          array = { begin: at, end: -1 };
          inArray = true;
        } else if (inArray && depth === 2) return null;
        isKey = false;
        depth += 1;
        break;
      case 0x7b: // {
        if (inArray && depth === 2) {
          // Behind each record one comma, and none before the first.
          if (commas !== records) return null;
          records += 1;
        }
        isKey = false;
        depth += 1;
        break;
      case comma:
        if (inArray && depth === 2) commas += 1;
        isKey = false;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        if (inArray && depth === 1 && array !== null) {
          array.end = at;
          inArray = false;
        }
        break;
      default:
        if (inArray && depth === 2 && text.charCodeAt(at) > space) return null;
    }
  }
  if (array === null || array.end === -1 || depth !== 0) return null;
  if (commas !== Math.max(records - 1, 0)) return null;
  const members = parsed(`${text.slice(0, array.begin)}[]${text.slice(array.end + 1)}`);
  return members === undefined ? null : { members, records };
}

/** Where the string that begins at a quote ends; -1 where it does not. */
function endOfString(text: string, begin: number): number {
  let end = text.indexOf('"', begin + 1);
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text.charCodeAt(first - 1) === backslash) first -= 1;
  return (at - first) % 2 === 1;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
