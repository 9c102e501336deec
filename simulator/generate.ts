// Worlds of any size for benchmarks and tests: so many calls over so many days, the same for the same seed.
import { addCallFacts, addConversationFacts, demoCredentials } from './demo-data.js';
import { dayLengthMs, parseDay } from './dates.js';
import { agentsOf, demoMapping, numbersOf } from './demo/mapping.js';
import { distribute, Random } from './random.js';
import type { CallFacts, ConversationFacts } from './records.js';
import { World } from './world.js';

export interface GenerateOptions {
  calls: number;
  /** None by default. */
  conversations?: number;
  days: number;
  /** The first day, `YYYY-MM-DD`; 2025-01-01 by default. */
  from?: string;
  /** More of the same before the first day: what is there without them stays as it is. */
  earlier?: { calls: number; conversations?: number; days: number };
  seed?: number;
  /** Of the account that the calls belong to; the demonstration's by default. */
  accountSid?: string;
}

/**
 * A world of plain completed calls (and conversations) that are spread evenly over days and workspaces of the
 * demonstration's mapping. @throws RangeError when `from` is no day.
 */
export function generateWorld(options: GenerateOptions): World {
  const { calls, conversations = 0, days, from = '2025-01-01', seed = 1 } = options;
  const firstMs = parseDay(from);
  if (firstMs === null) throw new RangeError(`${JSON.stringify(from)} is no day YYYY-MM-DD.`);
  const accountSid = options.accountSid ?? demoCredentials.twilio.accountSid;
  const world = new World();
  fill(world, new Random(seed, 9), firstMs, { calls, conversations, days, accountSid });
  if (options.earlier !== undefined) {
    const { earlier } = options;
    const beganMs = firstMs - earlier.days * dayLengthMs;
    fill(world, new Random(seed, 10), beganMs, { conversations: 0, ...earlier, accountSid });
  }
  return world;
}

/** Adds records that are spread evenly over days. */
function fill(
  world: World,
  random: Random,
  firstMs: number,
  size: { calls: number; conversations: number; days: number; accountSid: string },
): void {
  const even = Array.from({ length: size.days }, () => 1);
  distribute(size.calls, even).forEach((count, day) => {
    for (let call = 0; call < count; call += 1) {
      addCallFacts(world, plainCall(random, firstMs + day * dayLengthMs, size.accountSid));
    }
  });
  distribute(size.conversations, even).forEach((count, day) => {
    for (let conversation = 0; conversation < count; conversation += 1) {
      addConversationFacts(world, plainConversation(random, firstMs + day * dayLengthMs));
    }
  });
}

function plainCall(random: Random, dayMs: number, accountSid: string): CallFacts {
  const startMs = dayMs + random.below(86_400) * 1000;
  const durationSecs = random.between(1, 300);
  const endMs = startMs + durationSecs * 1000;
  const minutes = Math.ceil(durationSecs / 60);
  return {
    sid: `CA${random.hex(4)}`,
    accountSid,
    parentCallSid: null,
    from: random.pick(numbersOf(random.pick(demoMapping.workspaces).id, startMs)),
    to: `+1${random.between(203, 989)}55501${random.between(10, 99)}`,
    direction: 'outbound-api',
    status: 'completed',
    createdMs: startMs - 1000,
    startMs,
    endMs,
    durationSecs,
    pricedMs: endMs + 60_000,
    price: `-0.0${minutes * 14}00`,
    priceUnit: 'USD',
    phoneNumberSid: `PN${random.hex(4)}`,
    trunkSid: null,
    answeredBy: null,
    emptyForNull: false,
    moreSubresources: true,
  };
}

function plainConversation(random: Random, dayMs: number): ConversationFacts {
  const durationSecs = random.between(10, 300);
  const llm = random.between(5, 60);
  return {
    id: `conv_${random.hex(3)}`,
    agentId: random.pick(agentsOf(random.pick(demoMapping.workspaces).id)),
    agentName: 'Assistant',
    status: 'done',
    startSecs: dayMs / 1000 + random.below(86_400),
    durationSecs,
    cost: String(llm + durationSecs),
    costFiat: null,
    charging: {
      llmPrice: `0.00${random.between(100, 999)}`,
      llmCharge: String(llm),
      callCharge: `${durationSecs}.0`,
      freeMinutes: '0',
      freeLlmDollars: '0.0',
      devDiscount: false,
      isBurst: false,
      tokensIn: 1000,
      tokensOut: 100,
    },
    phoneCall: null,
    seed: random.bits(),
  };
}
