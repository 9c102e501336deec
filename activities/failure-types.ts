/** The `type` of every failure that leaves an activity: Temporal's retry policies and people in Temporal Web read these names. */
export const failureTypes = {
  /** What a person gave can never work. Not retried. */
  invalidInput: 'InvalidInput',
  /** The worker has no credentials for the source. Not retried: only a person can change it. */
  sourceOff: 'SourceOff',
  /** Everything else was done, but some days (or their records) could not be. Not retried: a later run takes them up. */
  daysFailed: 'DaysFailed',
  /** The provider does not accept the key or token. Not retried: only a person can change it. */
  providerCredentialsRefused: 'ProviderCredentialsRefused',
  /** The provider still answers 429 after waiting. Retried, after `Retry-After` where it was given. */
  providerRateLimited: 'ProviderRateLimited',
  /** No answer, or 5xx. Retried. */
  providerUnavailable: 'ProviderUnavailable',
  /** The answer is no page or record: HTML, cut off, another shape. Retried, unless only merging it has shown. */
  providerAnswerMalformed: 'ProviderAnswerMalformed',
  /** The provider says that the request itself is wrong (another 4xx). Not retried. */
  providerRefusedRequest: 'ProviderRefusedRequest',
} as const;

export type FailureType = (typeof failureTypes)[keyof typeof failureTypes];
