/** What activities are given: nothing in them is global, so that tests and workers wire them as they need. */
import type { Ledger } from '../database/ledger.js';
import type { AdaptiveConcurrency } from '../providers/adaptive-concurrency.js';
import type { Providers } from '../providers/index.js';
import type { RequestLease } from './request-lease.js';
import type { Source } from './types.js';

export interface Dependencies {
  ledger: Ledger;
  providers: Providers;
  /** As many requests at once as the lease allows; shared by all activities of the process. */
  concurrency: Record<Source, AdaptiveConcurrency>;
  /** What this process may send, of what all workers together may. */
  lease: Record<Source, RequestLease>;
}
