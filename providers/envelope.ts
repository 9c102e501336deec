/** The envelope of a page, read at its two ends: pages are megabytes of records, and only what stands around them is looked at. */

/** How far from either end of a body its array is looked for, in bytes. */
const endBytes_max = 4096;

/**
 * The members of a JSON object, the array of its records left empty. That the text is an object, and what lies
 * between the ends, is not looked at: Postgres reads all of a page, and one that is no JSON is fetched again with its day
 * (upsertRawRows). Where the text is JSON, the members that are returned are its own; those between the array and another
 * one behind it are left out, so that whoever needs a member must see that it is there.
 * @param parts the UTF-8 of the object, divided anywhere
 * @param key of the member that is the array
 * @returns undefined where the ends do not fit together, or the array is elsewhere
 */
export function readEnvelope(parts: readonly Buffer[], key: string): Record<string, unknown> | undefined {
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  const first = Buffer.concat(parts, Math.min(total, endBytes_max));
  const last = lastBytes(parts, endBytes_max);
  // A character for each byte: in UTF-8, none of those that are looked for is a part of another one.
  const opening = new RegExp(`"${key}"[ \\t\\r\\n]*:[ \\t\\r\\n]*\\[`).exec(first.toString('latin1'));
  const closing = last.lastIndexOf(']');
  if (opening === null || closing === -1) return undefined;
  const begin = opening.index + opening[0].length;
  const members = parsed(first.toString('utf8', 0, begin) + last.toString('utf8', closing));
  return Array.isArray(members?.[key]) && members[key].length === 0 ? members : undefined;
}

function lastBytes(parts: readonly Buffer[], most: number): Buffer {
  const taken: Buffer[] = [];
  let missing = most;
  for (const part of parts.toReversed()) {
    if (missing <= 0) break;
    taken.unshift(part.subarray(Math.max(part.length - missing, 0)));
    missing -= part.length;
  }
  return Buffer.concat(taken);
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
