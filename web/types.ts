/** What the server is given; nothing in it is global, so that tests wire it as they need. */
import type { TemporalSession } from '../client/temporal.js';
import type { Ledger } from '../database/ledger.js';
import type { Environment } from '../settings/environment.js';

/** The settings that the server reads. */
export type WebSettings = Pick<
  Environment,
  'CRON_SECRET' | 'PUBLIC_URL' | 'ELEVENLABS_WEBHOOK_SECRET' | 'TWILIO_AUTH_TOKEN'
>;

export interface WebDependencies {
  settings: WebSettings;
  ledger: Ledger;
  session: TemporalSession;
  /** Aborted when the server shuts down, so that nobody who waits for a workflow holds it up. */
  stopping: AbortSignal;
}
