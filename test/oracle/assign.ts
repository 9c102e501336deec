// Which workspace a record belongs to, by the rules alone: plain loops over all calls, nothing remembered.
import type { UnassignedCall, UnassignedConversation } from './read.js';
import type { CallClassification, ConversationClassification, OracleMapping } from './types.js';

export interface Assignment<Classification> {
  workspace_id: number;
  classification: Classification;
}

/** The digits of an address that is a number or a SIP address of one; null for every other address. */
export function numberOf(address: string | null): string | null {
  if (address === null) return null;
  if (/^\+?[0-9]+$/.test(address)) return address.replace('+', '');
  return /^sips?:\+?([0-9]+)(?:[;@].*)?$/i.exec(address)?.[1] ?? null;
}

const endOf = (call: UnassignedCall): number => Date.parse(call.end_date ?? call.call_date);

const isLeadCall = ({ direction }: UnassignedCall): boolean =>
  direction === 'outbound-api' || direction === 'trunking-terminating';

export class Assigner {
  private readonly calls: ReadonlyMap<string, UnassignedCall>;
  private readonly mapping: OracleMapping;
  private readonly defaultWorkspace: number;
  /** Calls to each lead, by the lead's number. */
  private readonly callsToLead = new Map<string, UnassignedCall[]>();
  private readonly ownersOfNumber = new Map<string, OracleMapping['workspace_phones'][number][]>();

  constructor(calls: ReadonlyMap<string, UnassignedCall>, mapping: OracleMapping, defaultWorkspace: number) {
    this.calls = calls;
    this.mapping = mapping;
    this.defaultWorkspace = defaultWorkspace;
    for (const phone of mapping.workspace_phones)
      append(this.ownersOfNumber, numberOf(phone.phone_number), phone);
    for (const call of calls.values()) {
      if (isLeadCall(call)) append(this.callsToLead, numberOf(call.phone_to), call);
    }
  }

  /** The workspace that has the address's number at an instant. */
  owner(address: string | null, at: string): number | null {
    const number = numberOf(address);
    if (number === null) return null;
    const atMs = Date.parse(at);
    for (const phone of this.ownersOfNumber.get(number) ?? []) {
      const begun = phone.valid_from === null || Date.parse(phone.valid_from) <= atMs;
      const ended = phone.valid_to !== null && Date.parse(phone.valid_to) <= atMs;
      if (begun && !ended) return phone.workspace_id;
    }
    return null;
  }

  assignCall(call: UnassignedCall): Assignment<CallClassification> {
    const own = this.decide(call);
    if (own !== null) return own;
    const ancestor = isLeadCall(call) ? null : this.walk(call.parent_call_sid, new Set([call.id]));
    if (ancestor === null) return { workspace_id: this.defaultWorkspace, classification: 'default' };
    return { workspace_id: ancestor, classification: 'parent' };
  }

  assignConversation(conversation: UnassignedConversation): Assignment<ConversationClassification> {
    const owner = this.owner(conversation.agent_number, conversation.conversation_date);
    if (owner !== null) return { workspace_id: owner, classification: 'agent-number' };
    const agent = this.mapping.workspace_agents.find(({ agent_id }) => agent_id === conversation.agent_id);
    if (agent !== undefined) return { workspace_id: agent.workspace_id, classification: 'agent' };
    const carried = this.walk(conversation.call_sid, new Set());
    if (carried !== null) return { workspace_id: carried, classification: 'call' };
    return { workspace_id: this.defaultWorkspace, classification: 'default' };
  }

  /** What the call itself says: the owner of an address, or the match of a transfer. Null: neither. */
  private decide(call: UnassignedCall): Assignment<CallClassification> | null {
    if (call.direction === 'trunking-originating') {
      const match = this.matchOf(call);
      if (match !== null) {
        const owner = this.owner(match.phone_from, match.call_date);
        return { workspace_id: owner ?? this.defaultWorkspace, classification: 'transfer' };
      }
    }
    const byTo = call.direction === 'trunking-originating' || call.direction === 'inbound';
    const owner = this.owner(byTo ? call.phone_to : call.phone_from, call.call_date);
    if (owner === null) return null;
    return { workspace_id: owner, classification: byTo ? 'to-number' : 'from-number' };
  }

  /** The call to the transferred lead that ended nearest in time; ties: the earlier end, then the smaller SID. */
  private matchOf(transfer: UnassignedCall): UnassignedCall | null {
    let best: UnassignedCall | null = null;
    for (const candidate of this.callsToLead.get(numberOf(transfer.phone_from) ?? '') ?? []) {
      if (candidate.account_sid !== transfer.account_sid) continue;
      if (best === null || isNearer(candidate, best, endOf(transfer))) best = candidate;
    }
    return best;
  }

  /** The workspace of a call, or of the first of its ancestors that is decided; null when the chain ends before. */
  private walk(sid: string | null, passed: Set<string>): number | null {
    if (sid === null || passed.has(sid)) return null;
    const call = this.calls.get(sid);
    if (call === undefined) return null;
    const own = this.decide(call);
    if (own !== null) return own.workspace_id;
    return isLeadCall(call) ? null : this.walk(call.parent_call_sid, passed.add(sid));
  }
}

function isNearer(candidate: UnassignedCall, best: UnassignedCall, endMs: number): boolean {
  const distance = Math.abs(endOf(candidate) - endMs);
  const bestDistance = Math.abs(endOf(best) - endMs);
  if (distance !== bestDistance) return distance < bestDistance;
  if (endOf(candidate) !== endOf(best)) return endOf(candidate) < endOf(best);
  return Buffer.compare(Buffer.from(candidate.id), Buffer.from(best.id)) < 0;
}

function append<Item>(lists: Map<string, Item[]>, key: string | null, item: Item): void {
  if (key === null) return;
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}
