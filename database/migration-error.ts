/** The failure of a migration or of an adoption. */

/** A migration could not be run, or the database is not one that this version can bring forward. One line for people. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
  /** How a command ends that met it: 1 when the work failed, 2 when this database is not one for this version. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
