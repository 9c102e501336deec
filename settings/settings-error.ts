/** A setting is missing or malformed: one line that names it and says what to do. The CLI exits with 2. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly exitCode = 2;
}
