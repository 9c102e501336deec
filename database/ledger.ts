/** The ledger's database as everything outside SQL sees it: functions called through supabase-js, one round trip each. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createClient, type PostgrestSingleResponse } from '@supabase/supabase-js';
import { WebSocket } from 'ws';
import { postBytes } from './post-bytes.js';

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
  /** Origin of PostgREST itself, which is asked instead: a gateway would handle each page of two megabytes once more. */
  postgrestUrl?: string | null;
  serviceRoleKey: string;
}

type Bytes = readonly Uint8Array[];

function connect(
  { supabaseUrl, postgrestUrl, serviceRoleKey }: LedgerConnection,
  bytesToSend: AsyncLocalStorage<Bytes>,
) {
  const gateway = `${supabaseUrl}/rest/v1`;
  const rest = postgrestUrl ?? gateway;
  return createClient(supabaseUrl, serviceRoleKey, {
    // The client makes JSON of whatever it sends; bytes take its place on the way out.
    global: {
      fetch: (input, init) => {
        const url = rest + new Request(input).url.slice(gateway.length);
        const body = bytesToSend.getStore();
        if (body === undefined) return fetch(url, init);
        const headers = new Headers(init?.headers);
        headers.set('Content-Type', 'application/octet-stream');
        return postBytes(url, headers, body, init?.signal);
      },
    },
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    // Node 20 has no WebSocket of its own, and the client wants one even where nothing is subscribed to.
    realtime: { transport: WebSocket as never },
  });
}

type Request = ReturnType<ReturnType<typeof connect>['rpc']>;

export class Ledger {
  readonly #client: ReturnType<typeof connect>;
  readonly #bytesToSend = new AsyncLocalStorage<Bytes>();

  constructor(connection: LedgerConnection) {
    this.#client = connect(connection, this.#bytesToSend);
  }

  /**
   * Calls a function of schema public. Nothing is retried here: Temporal does that.
   * @throws LedgerError
   */
  async call<T>(name: string, args: Record<string, unknown> = {}, signal?: AbortSignal): Promise<T> {
    return this.#answer<T>(name, this.#client.rpc(name, args), signal);
  }

  /**
   * Calls a function whose only parameter, without a name, is bytea: PostgREST hands the bytes on as they are
   * (https://docs.postgrest.org/en/stable/references/api/functions.html#functions-with-a-single-unnamed-parameter), where
   * megabytes in an argument would be escaped, parsed and unescaped on the way.
   * @param bytes sent one part after the other
   * @throws LedgerError
   */
  async send<T>(name: string, bytes: Bytes, signal?: AbortSignal): Promise<T> {
    return this.#bytesToSend.run(bytes, () => this.#answer<T>(name, this.#client.rpc(name), signal));
  }

  async #answer<T>(name: string, request: Request, signal?: AbortSignal): Promise<T> {
    const asked = request.retry(false);
    const answer = await (signal === undefined ? asked : asked.abortSignal(signal));
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
