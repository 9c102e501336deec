/** The failure of asking a provider that the worker has no credentials for. */
import { ApplicationFailure } from '@temporalio/common';
import { failureTypes } from './failure-types.js';
import type { Source } from './types.js';

const remedy: Record<Source, string> = {
  twilio: 'TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and TWILIO_API_SECRET)',
  elevenlabs: 'ELEVENLABS_API_KEY',
};

export function sourceOff(source: Source): ApplicationFailure {
  return ApplicationFailure.nonRetryable(
    `The source ${source} is off: set ${remedy[source]} for the worker.`,
    failureTypes.sourceOff,
  );
}
