/** Days are what the calendar says, not what a Date makes of them. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isCalendarDay, oldestTwilioDay, warnAboutEmptyDays } from '../../workflows/calendar.js';

describe('calendar', () => {
  test('every day that a Date can name is a day', () => {
    const dates = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
    fc.assert(fc.property(dates, (date) => isCalendarDay(date.toISOString().slice(0, 10))));
  });

  test.each([
    '2025-02-29',
    '1900-02-29',
    '2025-04-31',
    '2025-00-10',
    '2025-13-01',
    '2025-01-00',
    '2025-1-1',
    '',
  ])('%j is none', (text) => {
    expect(isCalendarDay(text)).toBe(false);
  });
});

describe('what Twilio no longer lists', () => {
  test('thirteen months back, or the last day of a shorter month', () => {
    expect(oldestTwilioDay(new Date('2025-11-22T06:00:00Z'))).toBe('2024-10-22');
    expect(oldestTwilioDay(new Date('2025-03-31T06:00:00Z'))).toBe('2024-02-29');
    expect(oldestTwilioDay(new Date('2025-01-15T06:00:00Z'))).toBe('2023-12-15');
  });

  test('a range that reaches further is warned about, with its days; a range of ElevenLabs is not', () => {
    const now = new Date('2025-11-22T06:00:00Z');
    const sentence = 'Twilio keeps 13 months of calls in its list: asked there, ';
    expect(warnAboutEmptyDays('twilio', '2024-10-20', '2025-01-01', now)).toEqual([
      `${sentence}2024-10-20 to 2024-10-21 (2 days) come back empty.`,
    ]);
    expect(warnAboutEmptyDays('twilio', '2024-01-01', '2024-01-01', now)).toEqual([
      `${sentence}2024-01-01 to 2024-01-01 (1 day) come back empty.`,
    ]);
    expect(warnAboutEmptyDays('twilio', '2024-10-22', '2025-01-01', now)).toEqual([]);
    expect(warnAboutEmptyDays('elevenlabs', '2023-01-01', '2025-01-01', now)).toEqual([]);
  });
});
