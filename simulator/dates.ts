// The providers' dates: RFC 2822 text at Twilio, unix seconds at ElevenLabs, `YYYY-MM-DD` in questions.

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const dayMs = 86_400_000;

/** `Sat, 04 Oct 2025`, by the day's number since 1970: a page of calls asks for the same day thousands of times. */
const dayTexts = new Map<number, string>();
const twoDigits = Array.from({ length: 60 }, (_, value) => String(value).padStart(2, '0'));

/** `Sat, 04 Oct 2025 15:03:11 +0000`, as Twilio writes an instant; milliseconds since 1970 go in. */
export function rfc2822(instantMs: number): string {
  const day = Math.floor(instantMs / dayMs);
  let text = dayTexts.get(day);
  if (text === undefined) {
    text = new Date(instantMs).toUTCString().slice(0, 16);
    dayTexts.set(day, text);
  }
  const seconds = Math.floor((instantMs - day * dayMs) / 1000);
  const hour = twoDigits[Math.floor(seconds / 3600)] ?? '';
  const minute = twoDigits[Math.floor(seconds / 60) % 60] ?? '';
  return `${text} ${hour}:${minute}:${twoDigits[seconds % 60] ?? ''} +0000`;
}

/** Milliseconds since 1970, or null when the text is no RFC 2822 date or names a day that does not exist. */
export function parseRfc2822(text: string): number | null {
  const match =
    /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:([+-])(\d{2})(\d{2})|GMT|UTC)$/.exec(
      text,
    );
  if (match === null) return null;
  const [, day = '', monthName = '', year = '', hour = '', minute = '', second = ''] = match;
  const month = months.indexOf(monthName);
  const instantMs = Date.UTC(+year, month, +day, +hour, +minute, +second);
  const date = new Date(instantMs);
  const exists = month >= 0 && date.getUTCDate() === +day && +hour < 24 && +minute < 60 && +second < 60;
  if (!exists) return null;
  const offsetMinutes = Number(match[8] ?? 0) * 60 + Number(match[9] ?? 0);
  return instantMs - (match[7] === '-' ? -1 : 1) * offsetMinutes * 60_000;
}

/** The first instant of a UTC day `YYYY-MM-DD`, or null when there is no such day. */
export function parseDay(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  const instantMs = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(instantMs) || dayOf(instantMs) !== text ? null : instantMs;
}

/** The UTC day of an instant, `YYYY-MM-DD`. */
export function dayOf(instantMs: number): string {
  return new Date(instantMs).toISOString().slice(0, 10);
}

/** The UTC days from the one to the other, both included. */
export function daysBetween(fromMs: number, toMs: number): string[] {
  const days: string[] = [];
  for (let at = fromMs; at <= toMs; at += dayMs) days.push(dayOf(at));
  return days;
}

export const dayLengthMs = dayMs;
export const hourLengthMs = 3_600_000;
