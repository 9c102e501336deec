// The demonstration's conversations: by phone and on the web, newer and older forms, all of the slot's workspace.
import { hourLengthMs } from '../dates.js';
import { distribute, Random } from '../random.js';
import type { CallFacts, ChargingFacts, ConversationFacts, PhoneCallFacts } from '../records.js';
import { agentsOf, demoMapping, numbersOf, unmappedAgent } from './mapping.js';
import { demoFigures, isWorkedExample, type Slot } from './slots.js';

/** What a conversation cost: whole credits, whole seconds. */
interface Amounts {
  seconds: number;
  llm: number;
  call: number;
  failed: boolean;
}

/** Conversations that the provider never finished, one of each running status, by the slot's number. */
const stuck: Record<number, string> = { 30: 'initiated', 60: 'in-progress', 90: 'processing' };

/** Since then most records carry dollars; before the other instant some have no charges. */
const fiatSinceMs = Date.parse('2025-09-20');
const olderFormUntilMs = Date.parse('2025-09-05');

const oddPrices = ['6.800000000000001e-05', '7.9e-05', '0.000079', '0.0017930000000000003', '0.0', '0'];

function llmPrice(random: Random): string {
  if (random.perMille(60)) return random.pick(oddPrices);
  return `0.00${String(random.between(1, 89_999)).padStart(5, '0')}`;
}

/** Credits are written as `70` or `70.0`; in the worked example's hour plainly, so that its sums print as people know them. */
function credits(random: Random, value: number, startMs: number): string {
  const written = random.perMille(250) ? `${value}.0` : String(value);
  const workedMs = Date.parse(demoFigures.workedExample.hour);
  const worked = startMs >= workedMs && startMs < workedMs + hourLengthMs;
  return worked ? String(value) : written;
}

/** Credits in dollars at 0.000165 each, as a JSON literal without trailing zeros. */
function dollars(value: number): string {
  const digits = String(value * 165).padStart(7, '0');
  const text = `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/0+$/, '');
  return text.endsWith('.') ? `${text}0` : text;
}

function amountsOf(random: Random, slot: Slot): Amounts[] {
  const some = Array.from({ length: slot.conversations }, () => {
    const failed = random.perMille(30);
    const seconds = failed && random.perMille(500) ? 0 : random.between(12, 420);
    const call = failed ? random.between(0, 90) : Math.ceil(seconds * 1.2);
    return { failed, seconds, call, llm: Math.ceil(seconds / random.between(3, 6)) };
  });
  if (!isWorkedExample(slot)) return some;
  const { conversationSeconds, llmCharge, callCharge } = demoFigures.workedExample;
  const seconds = distribute(
    conversationSeconds,
    some.map((one) => one.seconds),
  );
  const llm = distribute(
    Number(llmCharge),
    some.map((one) => one.llm),
  );
  const call = distribute(
    Number(callCharge),
    some.map((one) => one.call),
  );
  return some.map(({ failed }, index) => ({
    failed,
    seconds: seconds[index] ?? 0,
    llm: llm[index] ?? 0,
    call: call[index] ?? 0,
  }));
}

interface Parties {
  agentId: string;
  phoneCall: PhoneCallFacts | null;
  startMs?: number;
}

export class ConversationMaker {
  private readonly random = new Random(2025, 3);
  private readonly ids = new Random(2025, 4);
  private slotsWithConversations = 0;

  /** The conversations of one slot; those by phone belong to its calls where there are any. */
  make(slot: Slot, calls: readonly CallFacts[]): ConversationFacts[] {
    if (slot.conversations === 0) return [];
    this.slotsWithConversations += 1;
    const carried = calls.filter(
      (call) =>
        call.startMs !== null &&
        call.status === 'completed' &&
        /^\+?\d+$/.test(call.from) &&
        /^\+?\d+$/.test(call.to),
    );
    const conversations = amountsOf(this.random, slot).map((amounts) => {
      const call = this.random.perMille(550) ? carried.pop() : undefined;
      return this.complete(slot, this.parties(slot, call), amounts);
    });
    const status = stuck[this.slotsWithConversations];
    const last = conversations.at(-1);
    if (status !== undefined && last !== undefined && !isWorkedExample(slot)) {
      Object.assign(last, { status, cost: 'null', costFiat: null, charging: null, durationSecs: 0 });
    }
    return conversations;
  }

  private parties(slot: Slot, call: CallFacts | undefined): Parties {
    const { random } = this;
    const agentId = random.pick(agentsOf(slot.workspaceId));
    if (call !== undefined) return this.byPhone(slot, call, agentId);
    if (random.perMille(850)) {
      const pilot = slot.workspaceId === 1 && random.perMille(60);
      return { agentId: pilot ? unmappedAgent : agentId, phoneCall: null };
    }
    const agentNumber = random.pick(numbersOf(slot.workspaceId, slot.hourMs));
    const phoneCall: PhoneCallFacts = {
      type: 'sip_trunking',
      direction: random.pick(['inbound', 'outbound']),
      agentNumber: random.perMille(100) ? 'anonymous' : agentNumber,
      externalNumber: `+1${random.between(203, 989)}55501${random.between(10, 99)}`,
      callSid: `SCL_${this.ids.hex(2)}`,
    };
    return { agentId, phoneCall };
  }

  /**
   * The conversation that a call carried. Its agent's number decides, even with somebody else's agent; without a
   * number that anybody owns the agent does, and with neither the call.
   */
  private byPhone(slot: Slot, call: CallFacts, agentId: string): Parties {
    const { random } = this;
    const inbound = call.direction === 'inbound' || call.direction === 'trunking-originating';
    const owned = numbersOf(slot.workspaceId, slot.hourMs);
    const phoneCall: PhoneCallFacts = {
      type: call.trunkSid === null ? 'twilio' : 'sip_trunking',
      direction: inbound ? 'inbound' : 'outbound',
      agentNumber: random.pick(owned),
      externalNumber: inbound ? call.from : call.to,
      callSid: call.sid,
    };
    const parties = { agentId, phoneCall, startMs: call.startMs ?? slot.hourMs };
    const kind = random.weighted([
      ['number', 880],
      ['foreign-agent', 20],
      ['agent', 60],
      ['call', 40],
    ] as const);
    if (kind === 'number') return parties;
    if (kind === 'foreign-agent') {
      return { ...parties, agentId: random.pick(demoMapping.workspace_agents).agent_id };
    }
    const nobodys = {
      ...parties,
      phoneCall: { ...phoneCall, agentNumber: random.pick(['', '+12125550199']) },
    };
    return kind === 'agent' ? nobodys : { ...nobodys, agentId: unmappedAgent };
  }

  private complete(slot: Slot, parties: Parties, amounts: Amounts): ConversationFacts {
    const { random } = this;
    const lastMs = slot.hourMs + hourLengthMs - 1000;
    const startMs =
      parties.startMs === undefined
        ? slot.hourMs + random.below(3600) * 1000
        : Math.min(lastMs, parties.startMs + 1000 * random.between(1, 4));
    const cost = amounts.llm + amounts.call;
    const fiat = startMs >= fiatSinceMs && random.perMille(700);
    return {
      id: `conv_${this.ids.hex(3)}${this.ids.hex(1).slice(0, 4)}`,
      agentId: parties.agentId,
      agentName: parties.agentId === unmappedAgent ? 'Pilot' : 'Assistant',
      status: amounts.failed ? 'failed' : 'done',
      startSecs: startMs / 1000,
      durationSecs: amounts.seconds,
      cost: String(cost),
      costFiat: fiat ? dollars(cost) : null,
      charging: this.charging(startMs, amounts),
      phoneCall: parties.phoneCall,
      seed: this.ids.bits(),
    };
  }

  private charging(startMs: number, { seconds, llm, call }: Amounts): ChargingFacts | null {
    const { random } = this;
    const older = startMs < olderFormUntilMs;
    if (older && random.perMille(60)) return null;
    const withoutCharges = older && random.perMille(150);
    return {
      llmPrice: withoutCharges ? 'null' : llmPrice(random),
      llmCharge: withoutCharges ? 'null' : credits(random, llm, startMs),
      callCharge: withoutCharges ? 'null' : credits(random, call, startMs),
      freeMinutes: random.perMille(30) ? '1.2166666666666666' : random.pick(['0', '0.0']),
      freeLlmDollars: random.perMille(20) ? '0.0012' : random.pick(['0', '0.0']),
      devDiscount: random.perMille(30),
      isBurst: random.perMille(15),
      tokensIn: 400 + seconds * 21,
      tokensOut: 40 + seconds * 2,
    };
  }
}
