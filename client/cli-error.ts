/** The one error that commands throw themselves, and how any error becomes one line and an exit code. */

/** A command cannot go on. The message is one line that names the value and the remedy. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** 2: the input was wrong. 1: the work failed, or what was checked does not hold. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export interface Failure {
  line: string;
  exitCode: number;
}

/** What errors carry that other folders throw. Told by its shape, because importing their classes takes time. */
interface KnownError extends Error {
  exitCode?: number;
  /** Of a LedgerError: SQLSTATE or PostgREST's code. */
  code?: string;
  httpStatus?: number;
  isRefusal?: boolean;
}

/**
 * One line for people, without a stack trace, and the exit code.
 * @param embeddedDataDir the data directory, when the embedded stack is used; else null
 */
export function describeError(error: unknown, embeddedDataDir: string | null): Failure {
  if (!(error instanceof Error)) return { line: oneLine(String(error)), exitCode: 1 };
  const known = error as KnownError;
  if (known.name === 'LedgerError') return describeLedgerError(known, embeddedDataDir);
  if (known.name === 'InvalidInputError') return { line: oneLine(known.message), exitCode: 2 };
  if (known.name === 'ServiceError') return describeServiceError(known);
  return { line: oneLine(known.message), exitCode: known.exitCode === 2 ? 2 : 1 };
}

/** Of Temporal's client, which says what it tried; what the server answered is the cause. */
function describeServiceError({ message, cause }: Error): Failure {
  const { details } = (cause ?? {}) as { details?: string };
  const why = details === undefined || details === '' ? '' : ` (${oneLine(details)})`;
  return { line: `Temporal: ${oneLine(message)}${why}.`, exitCode: 1 };
}

function describeLedgerError(error: KnownError, embeddedDataDir: string | null): Failure {
  const { code = '', httpStatus = 0 } = error;
  const isDown = code === '' ? httpStatus === 0 || httpStatus >= 500 : /^(PGRST00|HLPROXY)/.test(code);
  if (isDown && embeddedDataDir !== null) {
    const line = `No stack is running in "${embeddedDataDir}". Start it with: npx hourledger stack start`;
    return { line, exitCode: 2 };
  }
  if (isDown)
    return {
      line: `${oneLine(error.message)}. Check SUPABASE_URL, and POSTGREST_URL where it is set.`,
      exitCode: 1,
    };
  const isKeyRefused = httpStatus === 401 || httpStatus === 403 || code === '42501';
  if (isKeyRefused && !error.message.includes('SUPABASE_SERVICE_ROLE_KEY')) {
    const line = `The database refused the key (${oneLine(error.message)}). Check SUPABASE_SERVICE_ROLE_KEY.`;
    return { line, exitCode: 2 };
  }
  return { line: oneLine(error.message), exitCode: isKeyRefused || error.isRefusal === true ? 2 : 1 };
}

export function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
