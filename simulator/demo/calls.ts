// The demonstration's calls: for each slot calls of every direction that all belong to the slot's workspace.
import { hourLengthMs } from '../dates.js';
import { Random } from '../random.js';
import type { CallFacts } from '../records.js';
import { Leads, deskNumbers } from './leads.js';
import { demoCredentials, demoMapping, numbersOf, unmappedNumbers } from './mapping.js';
import { outcomesOf, priceOf, type Outcome } from './outcomes.js';
import { isWorkedExample, type Slot } from './slots.js';

/** Who called whom, and what decides the workspace. */
interface Parties {
  direction: string | null;
  from: string;
  to: string;
  parent?: CallFacts;
  /** Not before this instant, because it follows from another call. */
  afterMs?: number;
}

interface SlotContext {
  slot: Slot;
  owned: string[];
  /** The slot's calls so far. */
  calls: CallFacts[];
  /** Leads that the slot's workspace called in this hour, with the call. */
  called: { lead: string; call: CallFacts }[];
}

const directions = [
  ['outbound-api', 600],
  ['trunking-terminating', 110],
  ['trunking-originating', 70],
  ['inbound', 130],
  ['outbound-dial', 85],
  ['unknown', 5],
] as const;

/** Calls that the provider never finished, one of each running status; prices may exist all the same. */
const stuck: Record<number, Partial<Outcome>> = {
  100: { status: 'queued', started: false, durationSecs: null, price: null },
  200: { status: 'ringing', started: false, durationSecs: null, price: null },
  300: { status: 'in-progress', durationSecs: null, price: '-0.01400' },
  380: { status: 'in-progress', durationSecs: 31, price: '-0.01400' },
};

export class CallMaker {
  private readonly random = new Random(2025, 1);
  private readonly ids = new Random(2025, 2);
  private readonly leads = new Leads(this.random);
  /** Exclusive leads that each workspace has called on earlier days. */
  private readonly history = new Map<number, string[]>();
  private slotsWithCalls = 0;

  /** The calls of one slot. Slots must come oldest first. */
  make(slot: Slot): CallFacts[] {
    if (slot.calls === 0) return [];
    this.slotsWithCalls += 1;
    const context: SlotContext = {
      slot,
      owned: numbersOf(slot.workspaceId, slot.hourMs),
      calls: [],
      called: [],
    };
    const outcomes = outcomesOf(this.random, slot);
    const odd = stuck[this.slotsWithCalls];
    const last = outcomes.at(-1);
    if (odd !== undefined && last !== undefined && !isWorkedExample(slot)) Object.assign(last, odd);
    for (const outcome of outcomes) {
      const running = outcome.durationSecs === null || outcome.status === 'in-progress';
      const parties = running ? this.outbound(context, 'outbound-api') : this.parties(context);
      const call = this.complete(context, parties, outcome);
      context.calls.push(call);
      const leadCalled = parties.direction === 'outbound-api' || parties.direction === 'trunking-terminating';
      if (leadCalled) context.called.push({ lead: parties.to, call });
    }
    const exclusive = context.called.map(({ lead }) => lead).filter((lead) => Leads.isExclusive(lead));
    this.history.set(
      slot.workspaceId,
      [...(this.history.get(slot.workspaceId) ?? []), ...exclusive].slice(-3000),
    );
    return context.calls;
  }

  private parties(context: SlotContext): Parties {
    if (context.called.length < 2) return this.outbound(context, 'outbound-api');
    const direction = this.random.weighted(directions);
    if (direction === 'trunking-originating') return this.transfer(context);
    if (direction === 'inbound') return this.inbound(context);
    if (direction === 'outbound-dial') return this.dial(context);
    if (direction === 'unknown') return this.unknown(context);
    return this.outbound(context, direction);
  }

  private outbound(
    { slot, owned }: SlotContext,
    direction: 'outbound-api' | 'trunking-terminating',
  ): Parties {
    const unmapped = slot.workspaceId === 1 && this.random.perMille(15);
    const from = this.random.pick(unmapped ? unmappedNumbers : owned);
    const sip = direction === 'trunking-terminating' && this.random.perMille(300);
    const to = this.leads.toCall(slot.workspaceId, slot.hourMs);
    return { direction, from: sip ? `sip:${from}@pbx.example.com;user=phone` : from, to };
  }

  /** A lead is put through to a colleague: the workspace is that of the nearest call to the lead. */
  private transfer(context: SlotContext): Parties {
    const { slot, owned, called, calls } = context;
    const direction = 'trunking-originating';
    const desk = this.random.perMille(100)
      ? this.random.pick(demoMapping.workspace_phones).phone_number
      : this.random.pick(deskNumbers);
    const to = `sip:${desk}@sip.example.com;transport=udp`;
    const kind = this.random.weighted([
      ['same-hour', 70],
      ['other-day', 20],
      ['unmatched', 10],
    ] as const);
    const earlier = this.history.get(slot.workspaceId) ?? [];
    if (kind === 'other-day' && earlier.length > 0) return { direction, from: this.random.pick(earlier), to };
    if (kind === 'unmatched') {
      const from = this.leads.neverCalled(slot.workspaceId);
      const own = { direction, from, to: `sip:${this.random.pick(owned)}@sip.example.com` };
      if (this.random.perMille(500)) return own;
      return {
        ...own,
        to: `sip:${this.random.pick(deskNumbers)}@sip.example.com`,
        parent: this.random.pick(calls),
      };
    }
    const { lead, call } = this.random.pick(called);
    const matched = { direction, from: lead, to, afterMs: call.startMs ?? call.createdMs };
    return this.random.perMille(300) ? { ...matched, parent: call } : matched;
  }

  private inbound({ slot, owned }: SlotContext): Parties {
    const known = this.leads.neverCalled(slot.workspaceId);
    const from = this.random.weighted([
      [known, 80],
      [`sip:${known}@carrier.example.net`, 8],
      [`client:visitor_${this.random.below(90)}`, 6],
      ['anonymous', 4],
      ['Restricted', 2],
    ]);
    const number = this.random.pick(owned);
    const unmapped = slot.workspaceId === 1 && this.random.perMille(40);
    const to = this.random.perMille(40) ? `sip:${number}@voice.example.com` : number;
    return { direction: 'inbound', from, to: unmapped ? this.random.pick(unmappedNumbers) : to };
  }

  /** The second leg of a call. Half of them show the far end's number, so that only the parent tells the workspace. */
  private dial({ slot, owned, calls }: SlotContext): Parties {
    const parent = this.random.pick(calls);
    const to = this.random.perMille(400)
      ? `client:agent_${slot.workspaceId}_7`
      : this.random.pick(deskNumbers);
    const from = this.random.perMille(500)
      ? this.random.pick(owned)
      : this.random.pick([this.leads.neverCalled(slot.workspaceId), 'client:desk', 'anonymous']);
    return { direction: 'outbound-dial', from, to, parent, afterMs: parent.startMs ?? parent.createdMs };
  }

  /** Captures with no direction, and one that nobody has heard of yet: the owner of `from` decides. */
  private unknown({ slot, owned }: SlotContext): Parties {
    const orphan = slot.workspaceId === 1 && this.random.perMille(200);
    const from = orphan ? 'anonymous' : this.random.pick(owned);
    return {
      direction: this.random.perMille(700) ? null : 'outbound-conference',
      from,
      to: this.leads.toCall(slot.workspaceId, slot.hourMs),
    };
  }

  private complete({ slot }: SlotContext, parties: Parties, outcome: Outcome): CallFacts {
    const { random } = this;
    const lastMs = slot.hourMs + hourLengthMs - 1000;
    const freeMs = slot.hourMs + random.below(3600) * 1000;
    const beginMs =
      parties.afterMs === undefined
        ? freeMs
        : Math.min(lastMs, parties.afterMs + random.between(2, 90) * 1000);
    const { durationSecs, status, started } = outcome;
    const running = durationSecs === null || status === 'in-progress';
    const endMs = running ? null : beginMs + durationSecs * 1000;
    const late = random.perMille(30) ? random.between(7200, 864_000) : random.between(20, 600);
    const price =
      outcome.price === undefined ? priceOf(random, parties.direction, durationSecs ?? 0) : outcome.price;
    const trunk = parties.direction?.startsWith('trunking') === true;
    const human = random.perMille(700) ? 'human' : 'machine_start';
    const plain = isWorkedExample(slot);
    return {
      sid: `CA${this.ids.hex(4)}`,
      accountSid: demoCredentials.twilio.accountSid,
      parentCallSid: parties.parent?.sid ?? null,
      from: this.writeNumber(parties.from),
      to: this.writeNumber(parties.to),
      direction: parties.direction,
      status,
      createdMs: started ? beginMs - 1000 * random.below(3) : beginMs,
      startMs: started ? beginMs : null,
      endMs,
      durationSecs,
      pricedMs: (endMs ?? beginMs) + late * 1000,
      price,
      priceUnit: outcome.priceUnit,
      phoneNumberSid: trunk ? null : `PN${this.ids.hex(4)}`,
      trunkSid: trunk ? 'TK00000000000000000000000000000de0' : null,
      answeredBy: parties.direction === 'outbound-api' && status === 'completed' ? human : null,
      emptyForNull: !plain && random.perMille(5),
    };
  }

  /** Some captures write numbers without the plus. */
  private writeNumber(address: string): string {
    return address.startsWith('+') && this.random.perMille(10) ? address.slice(1) : address;
  }
}
