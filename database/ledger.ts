/** The ledger's database as everything outside SQL sees it: functions called through supabase-js, one round trip each. */
import { createClient, type PostgrestSingleResponse } from '@supabase/supabase-js';
import { WebSocket } from 'ws';

/** The database refused, or could not be reached. `code` is the SQLSTATE, PostgREST's code, or '' without an answer. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: string;
  readonly httpStatus: number;

  constructor(message: string, code: string, httpStatus: number) {
    super(message);
    this.code = code;
    this.httpStatus = httpStatus;
  }

  /** Whether the database found fault with what it was given, so that the same call cannot succeed later. */
  get isRefusal(): boolean {
    return /^(22|23|42501|0A)/.test(this.code);
  }
}

export interface LedgerConnection {
  /** Origin; supabase-js adds /rest/v1. */
  supabaseUrl: string;
  serviceRoleKey: string;
}

function connect(supabaseUrl: string, serviceRoleKey: string) {
  return createClient(supabaseUrl, serviceRoleKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    // Node 20 has no WebSocket of its own, and the client wants one even where nothing is subscribed to.
    realtime: { transport: WebSocket as never },
  });
}

export class Ledger {
  readonly #client: ReturnType<typeof connect>;

  constructor({ supabaseUrl, serviceRoleKey }: LedgerConnection) {
    this.#client = connect(supabaseUrl, serviceRoleKey);
  }

  /**
   * Calls a function of schema public. Nothing is retried here: Temporal does that.
   * @throws LedgerError
   */
  async call<T>(name: string, args: Record<string, unknown> = {}, signal?: AbortSignal): Promise<T> {
    const request = this.#client.rpc(name, args).retry(false);
    const answer = await (signal === undefined ? request : request.abortSignal(signal));
    const { data, error, status } = answer as PostgrestSingleResponse<T>;
    if (error !== null) {
      signal?.throwIfAborted();
      throw new LedgerError(explain(name, error.message, error.code), error.code, status);
    }
    return data;
  }
}

function explain(name: string, message: string, code: string): string {
  if (code === 'PGRST202') {
    return `The database has no function ${name}: its schema is older than this program. Run: hourledger migrate`;
  }
  if (code === 'PGRST301' || code === 'PGRST302' || code === '42501') {
    return `The database refused the key (${message}). Check SUPABASE_SERVICE_ROLE_KEY.`;
  }
  if (code === '') return `The database cannot be reached: ${message}`;
  return message;
}
