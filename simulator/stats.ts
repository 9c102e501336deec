// What the fake providers were asked: counts that tests look at.
import type { RequestKind, SimulatedSource } from './faults.js';

export interface RequestCounts {
  total: number;
  /** How they ended, by HTTP status or by fault (`reset`, `cut`, `stall`). */
  byOutcome: Record<string, number>;
}

const kinds: readonly RequestKind[] = ['calls', 'call', 'usage', 'conversations', 'conversation'];

function empty(): Record<RequestKind, RequestCounts> {
  const counts = kinds.map((kind) => [kind, { total: 0, byOutcome: {} }] as const);
  return Object.fromEntries(counts) as Record<RequestKind, RequestCounts>;
}

export class Stats {
  /** Requests by what they ask for. Refused credentials count under the kind of the request. */
  requests = empty();
  /** Requests of each provider under way at this moment. */
  readonly underWay: Record<SimulatedSource, number> = { twilio: 0, elevenlabs: 0 };
  /** The most that were under way at once; refused ones count. */
  maxConcurrent: Record<SimulatedSource, number> = { twilio: 0, elevenlabs: 0 };
  /** How often each single record was asked for by id. */
  asked: Record<'call' | 'conversation', Map<string, number>> = { call: new Map(), conversation: new Map() };

  /** Begins counting anew; requests under way stay counted as under way. */
  reset(): void {
    this.requests = empty();
    this.maxConcurrent = { ...this.underWay };
    this.asked = { call: new Map(), conversation: new Map() };
  }

  /** How many requests ended with this status or fault, over all kinds. */
  outcomes(outcome: number | string): number {
    return kinds.reduce((sum, kind) => sum + (this.requests[kind].byOutcome[String(outcome)] ?? 0), 0);
  }

  begin(source: SimulatedSource, kind: RequestKind, id: string | null): void {
    this.requests[kind].total += 1;
    this.underWay[source] += 1;
    this.maxConcurrent[source] = Math.max(this.maxConcurrent[source], this.underWay[source]);
    if (id !== null && (kind === 'call' || kind === 'conversation')) {
      this.asked[kind].set(id, (this.asked[kind].get(id) ?? 0) + 1);
    }
  }

  end(source: SimulatedSource): void {
    this.underWay[source] -= 1;
  }

  count(kind: RequestKind, outcome: string): void {
    const { byOutcome } = this.requests[kind];
    byOutcome[outcome] = (byOutcome[outcome] ?? 0) + 1;
  }

  toJSON(): object {
    return {
      requests: this.requests,
      maxConcurrent: this.maxConcurrent,
      underWay: this.underWay,
      asked: { call: this.asked.call.size, conversation: this.asked.conversation.size },
    };
  }
}
