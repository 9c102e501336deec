// Where the demonstration's records lie: which workspace has how many of them in which hour.
import { dayLengthMs, hourLengthMs } from '../dates.js';
import { distribute, Random } from '../random.js';

/** One workspace in one hour. */
export interface Slot {
  workspaceId: number;
  hourMs: number;
  calls: number;
  conversations: number;
}

/** The figures that the demonstration must show, to the last digit. */
export const demoFigures = {
  firstDay: '2025-08-01',
  lastDay: '2025-10-31',
  calls: 57_952,
  twilioSnapshots: 412,
  conversations: 33_744,
  elevenlabsSnapshots: 123,
  /** Running for ever, two of them with a price; the provider never finished them. */
  unsettledCalls: 4,
  unpricedCalls: 2,
  unsettledConversations: 3,
  workedExample: {
    workspaceId: 4,
    hour: '2025-10-04T15:00:00Z',
    calls: 182,
    callCost: '3.8596',
    callSeconds: 4872,
    conversations: 284,
    credits: '66235',
    llmCharge: '11203',
    callCharge: '55032',
    conversationSeconds: 45_892,
  },
} as const;

const workedHourMs = Date.parse(demoFigures.workedExample.hour);

export function isWorkedExample(slot: Slot): boolean {
  return slot.workspaceId === demoFigures.workedExample.workspaceId && slot.hourMs === workedHourMs;
}

/** Workspaces that have an hour with calls on a day: four, on 44 of the 92 days five, one may come up twice. */
function workspacesOfDay(day: number): number[] {
  const usual = day % 2 === 0 ? [4, 4, 5, 6] : [4, 1, 5, 6];
  return day % 23 < 11 ? [...usual, day % 3 === 0 ? 1 : 5] : usual;
}

function slotsOfDay(random: Random, day: number, dayMs: number): Slot[] {
  const taken = new Set<string>();
  return workspacesOfDay(day).map((workspaceId) => {
    const worked = workspaceId === 4 && workedHourMs - dayMs >= 0 && workedHourMs - dayMs < dayLengthMs;
    let hour = worked && !taken.has('4 15') ? 15 : random.between(7, 20);
    while (taken.has(`${workspaceId} ${hour}`)) hour = 7 + ((hour - 6) % 14);
    taken.add(`${workspaceId} ${hour}`);
    return { workspaceId, hourMs: dayMs + hour * hourLengthMs, calls: 1, conversations: 0 };
  });
}

/** Spreads a total over slots by random weights, except that the worked example gets its own figure. */
function spread(random: Random, slots: Slot[], key: 'calls' | 'conversations', total: number): void {
  const worked = slots.filter(isWorkedExample);
  const others = slots.filter((slot) => !isWorkedExample(slot));
  const own = demoFigures.workedExample[key];
  for (const slot of worked) slot[key] = own;
  const weights = others.map(() => random.between(40, 260));
  const parts = distribute(total - own * worked.length, weights);
  others.forEach((slot, index) => (slot[key] = parts[index] ?? 0));
}

/**
 * The demonstration's slots, oldest first: 412 with calls, 123 with conversations. 16 of the latter, late in
 * the evening, have conversations only.
 */
export function demoSlots(): Slot[] {
  const random = new Random(412, 123);
  const firstMs = Date.parse(demoFigures.firstDay);
  const days = (Date.parse(demoFigures.lastDay) - firstMs) / dayLengthMs + 1;
  const withCalls: Slot[] = [];
  const withConversations: Slot[] = [];
  for (let day = 0; day < days; day += 1) {
    const dayMs = firstMs + day * dayLengthMs;
    const slots = slotsOfDay(random, day, dayMs);
    withCalls.push(...slots);
    const worked = slots.find(isWorkedExample);
    withConversations.push(worked ?? random.pick(slots));
    if (day % 6 === 1) {
      const evening = { workspaceId: random.pick([4, 5, 6]), hourMs: dayMs + 22 * hourLengthMs };
      withConversations.push({ ...evening, calls: 0, conversations: 1 });
    }
  }
  const evenings = withConversations.filter(({ calls }) => calls === 0);
  const rest = withCalls.filter((slot) => !withConversations.includes(slot));
  const missing = demoFigures.elevenlabsSnapshots - withConversations.length;
  for (let more = 0; more < missing; more += 1) {
    const slot = rest[Math.floor((more * rest.length) / missing)];
    if (slot !== undefined) withConversations.push(slot);
  }
  spread(random, withCalls, 'calls', demoFigures.calls);
  spread(random, withConversations, 'conversations', demoFigures.conversations);
  return [...withCalls, ...evenings].sort((a, b) => a.hourMs - b.hourMs || a.workspaceId - b.workspaceId);
}
