// What the fake providers answer with, before a fault or the network has its way with it.
import type { FaultRule, Faults, RequestFacts } from './faults.js';
import type { World } from './world.js';

export interface Answer {
  status: number;
  /** Several are sent one behind the other. */
  body: string | Buffer | readonly Buffer[];
  headers?: Record<string, string>;
}

/** What a provider's half of the simulator needs to answer one request. */
export interface Question {
  url: URL;
  facts: RequestFacts;
  world: World;
  faults: Faults;
  /** The rules that hit this request; `repeat` is the provider's own affair. */
  hit: readonly FaultRule[];
}

/** A provider on the wire. */
export interface ProviderDouble {
  /** What the request asks for, or null when there is no such path. */
  recognize: (url: URL) => RequestFacts | null;
  /** Null when the credentials are right. */
  refuseCredentials: (headers: Record<string, string | string[] | undefined>, url: URL) => Answer | null;
  answer: (question: Question) => Answer;
  /** The error that the provider gives with a status. */
  error: (status: number, path: string) => Answer;
}

/** How many records of the page before a page repeats: fewer than a page, or paging would never end. */
export function repeatedRecords(hit: readonly FaultRule[], pageSize: number): number {
  const rule = hit.find(({ kind }) => kind === 'repeat');
  return rule === undefined ? 0 : Math.min(rule.count ?? 1, pageSize - 1);
}

/** The number that a query parameter names; null when it is no whole number within the bounds. */
export function wholeNumber(text: string, low: number, high: number): number | null {
  if (!/^\d{1,15}$/.test(text)) return null;
  const value = Number(text);
  return value >= low && value <= high ? value : null;
}
