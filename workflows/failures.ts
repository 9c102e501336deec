/** What a failure in a workflow means, and how it is told to people. */
import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { failureTypes } from '../activities/failure-types.js';
import type { FailedDay, Source } from '../activities/types.js';
import { InvalidInputError } from './input.js';

const messageLength_max = 500;
const daysNamed_max = 10;

/** What must be set in the worker's environment before a source can be asked. */
const environmentOf: Record<Source, string> = {
  twilio: 'TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and TWILIO_API_SECRET)',
  elevenlabs: 'ELEVENLABS_API_KEY',
};

/** Runs a check of input, so that what it refuses fails the workflow at once and for good. */
export function refusing<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw ApplicationFailure.create({
      message: error.message,
      type: failureTypes.invalidInput,
      nonRetryable: true,
    });
  }
}

/** The failure for sources that the worker has no credentials for. */
export function sourceOff(off: readonly Source[]): ApplicationFailure {
  const lines = off.map((source) => `"${source}" is off: set ${environmentOf[source]}`);
  const message = `${lines.join('; ')} for the worker, and restart it.`;
  return ApplicationFailure.nonRetryable(message, failureTypes.sourceOff);
}

/** The failure that the code or an activity threw, out of what Temporal wraps around it. */
function applicationFailureIn(error: unknown): ApplicationFailure | null {
  if (error instanceof ApplicationFailure) return error;
  const wrapped = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure;
  return wrapped ? applicationFailureIn(error.cause) : null;
}

/** The failure after which no other day of this source can work either; null for any other. */
export function hopelessFailureIn(error: unknown): ApplicationFailure | null {
  const failure = applicationFailureIn(error);
  const hopeless: readonly unknown[] = [failureTypes.providerCredentialsRefused, failureTypes.sourceOff];
  return failure !== null && hopeless.includes(failure.type) ? failure : null;
}

/** One line of a failure for people. */
export function describeFailure(error: unknown): string {
  const line = lineOf(error).replace(/\s+/g, ' ').trim();
  return line.length > messageLength_max ? `${line.slice(0, messageLength_max - 3)}...` : line;
}

function lineOf(error: unknown): string {
  if (error instanceof ActivityFailure && error.cause instanceof TimeoutFailure) {
    return `${error.activityType} ran into its timeout (${error.cause.timeoutType}). Look at the worker's log.`;
  }
  const cause =
    error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : null;
  if (cause) return lineOf(cause);
  return error instanceof Error ? error.message : String(error);
}

/** `2025-08-01, 2025-08-02 and 3 more. 2025-08-01: message`; the messages are those of the first days. */
export function describeFailedDays(failed: readonly FailedDay[], count: number): string {
  const named = [...failed].sort((one, other) => (one.day < other.day ? -1 : 1)).slice(0, daysNamed_max);
  const more = count - named.length;
  const names = named.map(({ day }) => day).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const messages = new Map<string, string>();
  for (const { day, message } of named) if (!messages.has(message)) messages.set(message, day);
  const reasons = [...messages].slice(0, 3).map(([message, day]) => `${day}: ${message}`);
  return `${names}. ${reasons.join(' ')}`;
}
