// Misbehaviour on demand: rules that say which requests go wrong, and how.
import { Random } from './random.js';

export type SimulatedSource = 'twilio' | 'elevenlabs';
/** What a request asks for: a page of calls, one call, usage totals, a page of conversations, one conversation. */
export type RequestKind = 'calls' | 'call' | 'usage' | 'conversations' | 'conversation';

/** A request, as far as faults look at it. */
export interface RequestFacts {
  source: SimulatedSource;
  kind: RequestKind;
  /** Path and query as they came. */
  path: string;
  /** The id asked for, if the request names one. */
  id: string | null;
  /** The UTC days that the request is about. */
  days: readonly string[];
}

export interface FaultRule {
  /**
   * - `status`: an error of the provider's own form with the status `status` (429, 500, 503 …);
   * - `reset`: the connection is reset before any answer; `cut`: after half of the answer;
   * - `stall`: headers and half of the body come, the rest never does;
   * - `truncate`: the body is JSON that ends in the middle, and claims to be whole;
   * - `html`: a page of HTML instead of JSON (with `status`, else 200);
   * - `repeat`: a page begins with the last `count` records of the one before;
   * - `arrive`: `count` new calls or conversations of that day appear just before the answer;
   * - `delay`: the answer comes `delayMs` later.
   */
  kind: 'status' | 'reset' | 'cut' | 'stall' | 'truncate' | 'html' | 'repeat' | 'arrive' | 'delay';
  source?: SimulatedSource;
  request?: RequestKind;
  /** Part of path and query. */
  path?: string;
  /** A UTC day `YYYY-MM-DD` that the request is about. */
  day?: string;
  /** The id asked for. */
  id?: string;
  /** Let so many matching requests pass first. */
  skip?: number;
  /** Then hit so many; without it there is no end. */
  times?: number;
  /** Hit only every so manyth matching request. */
  every?: number;
  /** Hit so many of a thousand, by a seeded generator. */
  perMille?: number;
  status?: number;
  retryAfterSeconds?: number;
  /** The body instead of the provider's own error form. */
  body?: string;
  count?: number;
  delayMs?: number;
}

/** Limits of one provider; requests above them are refused with 429, as the providers do. */
export interface Limits {
  maxConcurrent?: number | undefined;
  requestsPerSecond?: number | undefined;
  /** Sent as `Retry-After` with refusals; without it none is sent. */
  retryAfterSeconds?: number | undefined;
}

interface ActiveRule {
  id: number;
  rule: FaultRule;
  matched: number;
  hit: number;
}

export class Faults {
  readonly limits: Record<SimulatedSource, Limits> = { twilio: {}, elevenlabs: {} };
  /** `offset`: pages count records from the newest, so that arrivals push records onto the next page. */
  paging: 'keyset' | 'offset' = 'keyset';
  /** `after-sid`: the older form of Twilio's next_page_uri. */
  nextPageUri: 'page-token' | 'after-sid' = 'page-token';
  private rules: ActiveRule[] = [];
  private lastId = 0;
  private readonly random = new Random(20_251_004);

  /** Adds a rule; its number is for `remove` and `hits`. */
  add(rule: FaultRule): number {
    this.lastId += 1;
    this.rules.push({ id: this.lastId, rule, matched: 0, hit: 0 });
    return this.lastId;
  }

  remove(id: number): void {
    this.rules = this.rules.filter((active) => active.id !== id);
  }

  /** No rules, no limits, the usual paging. */
  clear(): void {
    this.rules = [];
    this.limits.twilio = {};
    this.limits.elevenlabs = {};
    this.paging = 'keyset';
    this.nextPageUri = 'page-token';
  }

  /** How often a rule has hit. */
  hits(id: number): number {
    return this.rules.find((active) => active.id === id)?.hit ?? 0;
  }

  list(): { id: number; rule: FaultRule; hit: number }[] {
    return this.rules.map(({ id, rule, hit }) => ({ id, rule, hit }));
  }

  /** The rules that hit this request; counts them. */
  take(request: RequestFacts): FaultRule[] {
    const hit: FaultRule[] = [];
    for (const active of this.rules) {
      if (!matches(active.rule, request)) continue;
      active.matched += 1;
      if (!this.isDue(active)) continue;
      active.hit += 1;
      hit.push(active.rule);
    }
    return hit;
  }

  private isDue({ rule, matched, hit }: ActiveRule): boolean {
    const position = matched - (rule.skip ?? 0);
    if (position <= 0 || hit >= (rule.times ?? Number.POSITIVE_INFINITY)) return false;
    if (rule.every !== undefined && position % rule.every !== 0) return false;
    return rule.perMille === undefined || this.random.perMille(rule.perMille);
  }
}

function matches(rule: FaultRule, request: RequestFacts): boolean {
  return (
    (rule.source === undefined || rule.source === request.source) &&
    (rule.request === undefined || rule.request === request.kind) &&
    (rule.path === undefined || request.path.includes(rule.path)) &&
    (rule.day === undefined || request.days.includes(rule.day)) &&
    (rule.id === undefined || rule.id === request.id)
  );
}
