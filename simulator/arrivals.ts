// Records that appear while somebody reads: new ones of the same day, so that pages shift.
import { dayLengthMs, parseDay, rfc2822 } from './dates.js';
import type { Entry, EntrySet } from './entries.js';
import type { RequestFacts } from './faults.js';
import { num } from './json-text.js';
import type { World } from './world.js';

/** Adds `count` records to the first day of the request, each a copy of the day's newest one, a second later. */
export function arrive(world: World, facts: RequestFacts, count: number): void {
  const fromMs = parseDay(facts.days[0] ?? '');
  if (fromMs === null) return;
  for (let arrival = 0; arrival < count; arrival += 1) {
    if (facts.source === 'twilio') arriveCall(world, fromMs);
    else arriveConversation(world, fromMs);
  }
}

function newest(entries: EntrySet, fromMs: number): { entry: Entry; atMs: number } | null {
  const entry = entries.between(fromMs, fromMs + dayLengthMs)[0];
  return entry === undefined ? null : { entry, atMs: Math.min(entry.at + 1000, fromMs + dayLengthMs - 1000) };
}

function arriveCall(world: World, fromMs: number): void {
  const found = newest(world.calls, fromMs);
  if (found === null) return;
  const { entry, atMs } = found;
  const sid = `CA${world.calls.size.toString(16).padStart(8, '0')}${'a'.repeat(24)}`;
  const start = rfc2822(atMs);
  const fields = {
    sid,
    start_time: start,
    date_created: start,
    end_time: start,
    parent_call_sid: null,
    duration: '0',
  };
  world.addCall(world.copyOf('call', entry.id, fields));
}

function arriveConversation(world: World, fromMs: number): void {
  const found = newest(world.conversations, fromMs);
  if (found === null) return;
  const id = `conv_arrived_${world.conversations.size}`;
  const metadata = { start_time_unix_secs: num(String(Math.floor(found.atMs / 1000))) };
  world.addConversation(world.copyOf('conversation', found.entry.id, { conversation_id: id, metadata }));
}
