/** UTC days and instants as text, checked by the calendar itself: a Date would turn 30 February into March. */
import type { Day, Source } from '../activities/types.js';

const dayPattern = /^(\d{4})-(\d{2})-(\d{2})$/;
const instantPattern =
  /^(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:Z|[+-](\d{2}):(\d{2}))$/;

/** Twilio's list of calls reaches back this far: https://www.twilio.com/docs/voice/api/call-resource. */
const twilioMonthsKept = 13;

function daysInMonth(year: number, month: number): number {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
}

/** Whether `text` is a day that the calendar has, written `YYYY-MM-DD`. */
export function isCalendarDay(text: string): boolean {
  const match = dayPattern.exec(text);
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return day >= 1 && day <= daysInMonth(year, month);
}

/** Whether `text` is an instant of ISO 8601 with its zone, such as `2025-10-04T00:00:00Z`. */
export function isInstant(text: string): boolean {
  const match = instantPattern.exec(text);
  if (match === null || !isCalendarDay(match[1] ?? '')) return false;
  const [hour, minute, second] = [Number(match[2]), Number(match[3]), Number(match[4] ?? 0)];
  const [zoneHour, zoneMinute] = [Number(match[5] ?? 0), Number(match[6] ?? 0)];
  return hour <= 23 && minute <= 59 && second <= 59 && zoneHour <= 14 && zoneMinute <= 59;
}

/** The UTC day that holds an instant. */
export function dayOf(instant: Date): Day {
  return instant.toISOString().slice(0, 10);
}

/** How many days `from` to `to` are, both counted. */
export function countDays(from: Day, to: Day): number {
  const dayMs = 86_400_000;
  return Math.round((Date.parse(to) - Date.parse(from)) / dayMs) + 1;
}

/** Every day from the one to the other, both counted. */
export function daysFrom(from: Day, to: Day): Day[] {
  const first = Date.parse(from);
  return Array.from({ length: countDays(from, to) }, (_, index) =>
    dayOf(new Date(first + index * 86_400_000)),
  );
}

/** The oldest day of which Twilio's API still lists calls at `now`; the last day of a shorter month if need be. */
export function oldestTwilioDay(now: Date): Day {
  const months = now.getUTCFullYear() * 12 + now.getUTCMonth() - twilioMonthsKept;
  const [year, month] = [Math.floor(months / 12), (months % 12) + 1];
  const day = Math.min(now.getUTCDate(), daysInMonth(year, month));
  return [String(year).padStart(4, '0'), pad(month), pad(day)].join('-');
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/**
 * One sentence for each part of a range that its provider no longer lists; nothing when it lists all of it. True also
 * where another address is asked, which may keep more.
 */
export function warnAboutEmptyDays(source: Source, from: Day, to: Day, now: Date): string[] {
  const oldest = oldestTwilioDay(now);
  if (source !== 'twilio' || from >= oldest) return [];
  const last = to < oldest ? to : dayOf(new Date(Date.parse(oldest) - 1));
  const days = countDays(from, last);
  return [
    `Twilio keeps ${twilioMonthsKept} months of calls in its list: asked there, ` +
      `${from} to ${last} (${days} ${days === 1 ? 'day' : 'days'}) come back empty.`,
  ];
}

/** `2025-08-01`, or `2025-08-01 to 2025-08-05`, whatever the order of the days. */
export function describeDays(days: readonly Day[]): string {
  const { first, last } = outermost(days);
  return first === last ? first : `${first} to ${last}`;
}

/** The earliest and the latest of some days. */
export function outermost(days: readonly Day[]): { first: Day; last: Day } {
  const sorted = [...days].sort();
  return { first: sorted[0] ?? '', last: sorted.at(-1) ?? '' };
}
