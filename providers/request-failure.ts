/** From a provider's error to the failure that Temporal retries, delays or gives up on. */
import { ApplicationFailure } from '@temporalio/common';
import { failureTypes, type FailureType } from '../activities/failure-types.js';
import type { ProviderError, ProviderErrorKind } from './types.js';

const typeOfKind: Record<ProviderErrorKind, FailureType> = {
  'refused-credentials': failureTypes.providerCredentialsRefused,
  'not-found': failureTypes.providerRefusedRequest,
  'rate-limited': failureTypes.providerRateLimited,
  unavailable: failureTypes.providerUnavailable,
  malformed: failureTypes.providerAnswerMalformed,
  permanent: failureTypes.providerRefusedRequest,
};

/** Keeps message and cause; Temporal waits as long as the provider asked, else as its retry policy says. */
export function toApplicationFailure(error: ProviderError): ApplicationFailure {
  return ApplicationFailure.create({
    type: typeOfKind[error.kind],
    message: error.message,
    nonRetryable: !error.retryable,
    cause: error,
    details: [{ source: error.source, status: error.status ?? null, code: error.code ?? null }],
    ...(error.retryAfterMs === undefined ? {} : { nextRetryDelay: error.retryAfterMs }),
  });
}
