/** Bad input gets one line that names the value and the remedy (L8). */
import { describe, expect, test } from 'vitest';
import {
  InvalidInputError,
  parseBackfillInput,
  parseDailySyncInput,
  parseMaxParallelDays,
} from '../../workflows/input.js';

const now = new Date('2025-11-22T06:00:00Z');
const range = { source: 'twilio', from: '2025-08-01', to: '2025-08-31' };
const example = '{"source": "twilio", "from": "2025-08-01", "to": "2025-10-31"}';
const backfillFields = 'source, from, to, order, maxParallelDays, reprocess and dryRun';

function refusal(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return (error as Error).message;
  }
  throw new Error('It was not refused.');
}

describe('backfill input', () => {
  test('everything optional has its default', () => {
    expect(parseBackfillInput(range, now)).toEqual({
      ...range,
      order: 'newest-first',
      maxParallelDays: 100,
      reprocess: 'failed',
      dryRun: false,
    });
  });

  test('today and a leap day are days', () => {
    expect(parseBackfillInput({ ...range, from: '2024-02-29', to: '2025-11-22' }, now).to).toBe('2025-11-22');
  });

  test.each<[unknown, string | RegExp]>([
    [undefined, `backfill: the input is missing. Give one JSON object, such as ${example}.`],
    [null, `backfill: the input is null, which is no JSON object. Give one, such as ${example}.`],
    ['twilio', `backfill: the input is "twilio", which is no JSON object. Give one, such as ${example}.`],
    [[range], /^backfill: the input is \[\{.*, which is no JSON object\. Give one, such as \{/],
    [
      { ...range, from: '2025-02-30' },
      'backfill: "from" is "2025-02-30", which is no calendar day. Give a UTC day as YYYY-MM-DD.',
    ],
    [
      { ...range, to: '2025-8-1' },
      'backfill: "to" is "2025-8-1", which is no calendar day. Give a UTC day as YYYY-MM-DD.',
    ],
    [
      { ...range, from: 20250801 },
      'backfill: "from" is 20250801, which is no calendar day. Give a UTC day as YYYY-MM-DD.',
    ],
    [
      { ...range, from: '2025-02-29' },
      'backfill: "from" is "2025-02-29", which is no calendar day. Give a UTC day as YYYY-MM-DD.',
    ],
    [
      { ...range, from: '2025-09-01' },
      'backfill: "from" is "2025-09-01", which is after "to", "2025-08-31". Give the earlier day as "from".',
    ],
    [
      { ...range, to: '2025-11-23' },
      'backfill: "to" is "2025-11-23", which is in the future (today is 2025-11-22 in UTC). ' +
        'Give a day up to 2025-11-22.',
    ],
    [
      { ...range, from: '0205-08-01' },
      'backfill: "from" is "0205-08-01", which is before 1970-01-01. Give a later day.',
    ],
    [
      { ...range, source: 'twillio' },
      'backfill: "source" is "twillio", which is no source. The sources are twilio and elevenlabs.',
    ],
    [{ source: 'twilio', to: '2025-08-31' }, 'backfill: "from" is missing. Give a UTC day as YYYY-MM-DD.'],
    [
      { source: 'twilio', form: '2025-08-01', to: '2025-08-31' },
      `backfill: there is no field "form". The fields are ${backfillFields}.`,
    ],
    [
      { ...range, order: 'newest' },
      'backfill: "order" is "newest", which is no order. The orders are newest-first and oldest-first.',
    ],
    [
      { ...range, reprocess: true },
      'backfill: "reprocess" is true, which is no choice. The choices are none, failed and completed.',
    ],
    [
      { ...range, dryRun: 'yes' },
      'backfill: "dryRun" is "yes", which is neither true nor false. Give true or false.',
    ],
    [
      { ...range, order: null },
      'backfill: "order" is null, which is no order. The orders are newest-first and oldest-first.',
    ],
    ...[0, 101, 2.5, '10'].map((maxParallelDays): [unknown, string] => [
      { ...range, maxParallelDays },
      `backfill: "maxParallelDays" is ${JSON.stringify(maxParallelDays)}, which is no whole number from 1 to 100. ` +
        'Give how many days may be under way at once, for example 100.',
    ]),
  ])('%j is refused', (input, message) => {
    const line = refusal(() => parseBackfillInput(input, now));
    if (typeof message === 'string') expect(line).toBe(message);
    else expect(line).toMatch(message);
    expect(line).not.toContain('\n');
  });
});

describe('dailySync input', () => {
  test('nothing at all asks for everything', () => {
    expect(parseDailySyncInput(undefined, now)).toEqual({});
  });

  test('an instant is kept in UTC, and each source once', () => {
    const input = {
      nominalTime: '2025-10-04T02:00:00+02:00',
      sources: ['twilio', 'twilio'],
      lookbackDays: 0,
    };
    expect(parseDailySyncInput(input, now)).toEqual({
      nominalTime: '2025-10-04T00:00:00.000Z',
      sources: ['twilio'],
      lookbackDays: 0,
    });
  });

  test.each([
    [
      null,
      'dailySync: the input is null, which is no JSON object. Give one, such as {} or {"sources": ["twilio"]}.',
    ],
    [
      { sources: ['twilio', 'vonage'] },
      'dailySync: "sources" is ["twilio","vonage"], which is no list of sources. ' +
        'Give a list of twilio and elevenlabs, or leave it out for all that are configured.',
    ],
    [{ sources: [] }, /^dailySync: "sources" is \[\], which is no list of sources\./],
    [{ lookbackDays: -1 }, /^dailySync: "lookbackDays" is -1, which is no whole number from 0 to 365\./],
    [
      { nominalTime: '2025-10-04' },
      'dailySync: "nominalTime" is "2025-10-04", which is no instant. ' +
        'Give an ISO 8601 instant with its zone, for example "2025-10-04T00:00:00Z".',
    ],
    [{ nominalTime: '2025-02-30T00:00:00Z' }, /which is no instant/],
    [{ nominalTime: '2025-10-04T24:00:00Z' }, /which is no instant/],
    [
      { nominalTime: '2026-10-04T00:00:00Z' },
      'dailySync: "nominalTime" is "2026-10-04T00:00:00Z", which is in the future ' +
        '(it is 2025-11-22T06:00:00.000Z). Give an instant that has passed.',
    ],
    [
      { source: 'twilio' },
      'dailySync: there is no field "source". The fields are sources, lookbackDays and nominalTime.',
    ],
  ])('%j is refused', (input, message) => {
    const line = refusal(() => parseDailySyncInput(input, now));
    if (typeof message === 'string') expect(line).toBe(message);
    else expect(line).toMatch(message);
  });
});

test.each([0, 101, 1.5, '5', null, undefined])('setMaxParallelDays refuses %j', (value) => {
  expect(refusal(() => parseMaxParallelDays(value))).toBe(
    `setMaxParallelDays: the value is ${value === undefined ? 'undefined' : JSON.stringify(value)}, which is no whole number from 1 to 100. ` +
      'Give how many days may be under way at once, for example 100.',
  );
});
