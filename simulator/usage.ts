// Twilio's daily usage totals, computed from the world's calls.
import { dayLengthMs, dayOf, daysBetween, parseDay } from './dates.js';
import { Decimal } from './decimal.js';
import { parseJsonObject, stringifyJson, type JsonObject } from './json-text.js';
import type { World } from './world.js';

/**
 * The categories of voice calls that overlap nowhere, and `calls`, which is calls-inbound + calls-outbound
 * (https://www.twilio.com/docs/usage/api/usage-record: a parent category repeats its children).
 */
export const usageCategories = [
  'calls',
  'calls-inbound',
  'calls-outbound',
  'calls-sip-inbound',
  'calls-sip-outbound',
  'calls-client',
  'trunking-origination',
  'trunking-termination',
] as const;

export type UsageCategory = (typeof usageCategories)[number];

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The category that a call counts in. A direction that is missing or unknown counts as outbound. */
export function categoryOf(call: JsonObject): Exclude<UsageCategory, 'calls'> {
  const direction = text(call['direction']);
  if (direction === 'trunking-originating') return 'trunking-origination';
  if (direction === 'trunking-terminating') return 'trunking-termination';
  const inbound = direction === 'inbound';
  const farEnd = text(call[inbound ? 'from' : 'to']).toLowerCase();
  if (farEnd.startsWith('client:')) return 'calls-client';
  const sip = /^sips?:/.test(farEnd);
  if (inbound) return sip ? 'calls-sip-inbound' : 'calls-inbound';
  return sip ? 'calls-sip-outbound' : 'calls-outbound';
}

const preparedTotals = new WeakMap<World, Map<string, Map<UsageCategory, Total>>>();

/** Adds up all days now, of a world that will not change, so that answering later costs next to nothing. */
export function prepareUsage(world: World): void {
  const totals = new Map<string, Map<UsageCategory, Total>>();
  for (const { at } of world.calls.all()) {
    const day = dayOf(at);
    if (!totals.has(day)) totals.set(day, totalsOfDay(world, day));
  }
  preparedTotals.set(world, totals);
}

interface Total {
  count: number;
  minutes: number;
  price: Decimal;
}

/**
 * Totals by category of the calls that started on a UTC day: how many, minutes rounded up call by call, and the
 * price without its sign. Every call counts, whatever its status; prices in another currency than dollars do not.
 */
function totalsOfDay(world: World, day: string): Map<UsageCategory, Total> {
  const prepared = preparedTotals.get(world)?.get(day);
  if (prepared !== undefined) return prepared;
  const totals = new Map<UsageCategory, Total>();
  const add = (category: UsageCategory, minutes: number, price: Decimal | null): void => {
    const total = totals.get(category) ?? { count: 0, minutes: 0, price: Decimal.zero };
    totals.set(category, {
      count: total.count + 1,
      minutes: total.minutes + minutes,
      price: price === null ? total.price : total.price.add(price.abs()),
    });
  };
  const fromMs = parseDay(day) ?? 0;
  for (const entry of world.calls.between(fromMs, Math.min(fromMs + dayLengthMs, world.nowMs))) {
    const call = parseJsonObject(world.peek(entry));
    const minutes = Math.ceil(Number(text(call['duration']) || '0') / 60);
    const unit = text(call['price_unit']).toUpperCase();
    const price = unit === '' || unit === 'USD' ? Decimal.tryParse(text(call['price'])) : null;
    const category = categoryOf(call);
    add(category, minutes, price);
    if (category === 'calls-inbound' || category === 'calls-outbound') add('calls', minutes, price);
  }
  return totals;
}

/** The usage records of the days from the one to the other (inclusive), newest day first. */
export function usageRecords(
  world: World,
  accountSid: string,
  categories: readonly UsageCategory[],
  fromMs: number,
  toMs: number,
): string[] {
  const asOf = Number.isFinite(world.nowMs) ? world.nowMs : Date.now();
  const days = daysBetween(fromMs, Math.min(toMs, asOf)).reverse();
  return days.flatMap((day) => {
    const totals = totalsOfDay(world, day);
    return categories.map((category) => recordText(accountSid, category, day, totals.get(category), asOf));
  });
}

function recordText(
  accountSid: string,
  category: UsageCategory,
  day: string,
  total: Total | undefined,
  asOfMs: number,
): string {
  const base = `/2010-04-01/Accounts/${accountSid}/Usage/Records`;
  const question = `Category=${category}&StartDate=${day}&EndDate=${day}`;
  return stringifyJson({
    account_sid: accountSid,
    api_version: '2010-04-01',
    as_of: `${new Date(asOfMs).toISOString().slice(0, 19)}+00:00`,
    category,
    count: String(total?.count ?? 0),
    count_unit: 'calls',
    description: category,
    end_date: day,
    price: (total?.price ?? Decimal.zero).toString(),
    price_unit: 'usd',
    start_date: day,
    subresource_uris: {
      all_time: `${base}/AllTime.json?Category=${category}`,
      daily: `${base}/Daily.json?${question}`,
      last_month: `${base}/LastMonth.json?Category=${category}`,
      monthly: `${base}/Monthly.json?${question}`,
      this_month: `${base}/ThisMonth.json?Category=${category}`,
      today: `${base}/Today.json?Category=${category}`,
      yearly: `${base}/Yearly.json?${question}`,
      yesterday: `${base}/Yesterday.json?Category=${category}`,
    },
    uri: `${base}/Daily.json?${question}`,
    usage: String(total?.minutes ?? 0),
    usage_unit: 'minutes',
  });
}
