/** What activities are given: nothing in them is global, so that tests and workers wire them as they need. */
import type { Ledger } from '../database/ledger.js';
import type { AdaptiveConcurrency } from '../providers/adaptive-concurrency.js';
import type { Providers } from '../providers/index.js';
import type { RequestPace } from './request-pace.js';
import type { Source } from './types.js';

export interface Dependencies {
  ledger: Ledger;
  providers: Providers;
  /** How many requests at once each provider takes; found by trying, and shared by all activities of the process. */
  concurrency: Record<Source, AdaptiveConcurrency>;
  /** How many requests a second, over all workers. */
  pace: Record<Source, RequestPace>;
}
