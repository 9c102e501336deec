/** The one error of the embedded stack: a line for people, and how the command that met it ends. */

/**
 * The stack could not do what was asked. The message is one line that names the thing and the remedy.
 * `exitCode` is 2 when the input or the place was wrong (nothing was changed), 1 when the work failed.
 */
export class StackError extends Error {
  override readonly name = 'StackError';
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message.replaceAll(/\s*\n\s*/g, ' '), options);
    this.exitCode = exitCode;
  }
}
