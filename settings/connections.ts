/** Where the database and Temporal are: in the environment, or in the embedded stack of the data directory. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnectionOptions } from '@temporalio/worker';
import type { Environment } from './environment.js';
import { SettingsError } from './settings-error.js';

/** What the embedded stack writes into its data directory, as far as others need it. */
interface StackFile {
  databaseUrl: string;
  supabaseUrl: string;
  /** Not told by a stack that an older version has started. */
  postgrestUrl?: string;
  supabaseServiceRoleKey: string;
  temporalAddress: string;
  temporalNamespace: string;
  temporalWebUrl: string;
}

/** What both kinds of connection, the client's and the worker's, take. */
export type TemporalConnection = Pick<NativeConnectionOptions, 'address' | 'tls' | 'apiKey' | 'metadata'>;

export interface Connections {
  supabaseUrl: string;
  /** PostgREST itself, without a gateway in front of it; null where nobody says where it is. */
  postgrestUrl: string | null;
  serviceRoleKey: string;
  /** Null where migrations were given no database. */
  databaseUrl: string | null;
  temporal: TemporalConnection;
  namespace: string;
  /** Null where Temporal is not the embedded one. */
  temporalWebUrl: string | null;
  /** The data directory of the embedded stack; null where the environment names the parts. */
  dataDir: string | null;
}

/** The data directory of the embedded stack. */
export function dataDirectory(env: Pick<Environment, 'HOURLEDGER_DATA_DIR'>): string {
  return resolve(env.HOURLEDGER_DATA_DIR ?? '.hourledger');
}

/**
 * Without SUPABASE_URL and TEMPORAL_ADDRESS: the embedded stack. Else Temporal's own environment configuration
 * (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS…, TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE).
 * Source: https://docs.temporal.io/develop/environment-configuration
 * @throws SettingsError when nothing is configured and no stack was started
 */
export function resolveConnections(
  env: Environment,
  variables: NodeJS.ProcessEnv = process.env,
): Connections {
  const supabaseUrl = env.SUPABASE_URL ?? env.NEXT_PUBLIC_SUPABASE_URL;
  if (supabaseUrl === undefined || env.SUPABASE_SERVICE_ROLE_KEY === undefined) return embedded(env);
  const { connectionOptions, namespace } = loadClientConnectConfig({
    overrideEnvVars: variables as Record<string, string>,
  });
  return {
    supabaseUrl,
    postgrestUrl: env.POSTGREST_URL ?? null,
    serviceRoleKey: env.SUPABASE_SERVICE_ROLE_KEY,
    databaseUrl: env.DATABASE_URL ?? null,
    temporal: connectionOptions,
    namespace: namespace ?? 'default',
    temporalWebUrl: null,
    dataDir: null,
  };
}

function embedded(env: Environment): Connections {
  const dataDir = dataDirectory(env);
  const stack = readStackFile(dataDir);
  if (stack === null) {
    throw new SettingsError(
      `No stack is running in ${dataDir}. Start it with: npx hourledger stack start (or set SUPABASE_URL and TEMPORAL_ADDRESS).`,
    );
  }
  const connections = connectionsOf(stack, dataDir);
  return { ...connections, databaseUrl: env.DATABASE_URL ?? connections.databaseUrl };
}

/** How an embedded stack is reached. */
export function connectionsOf(stack: StackFile, dataDir: string): Connections {
  return {
    supabaseUrl: stack.supabaseUrl,
    postgrestUrl: stack.postgrestUrl ?? null,
    serviceRoleKey: stack.supabaseServiceRoleKey,
    databaseUrl: stack.databaseUrl,
    temporal: { address: stack.temporalAddress },
    namespace: stack.temporalNamespace,
    temporalWebUrl: stack.temporalWebUrl,
    dataDir,
  };
}

function readStackFile(dataDir: string): StackFile | null {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'stack.json'), 'utf8')) as StackFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new SettingsError(`${join(dataDir, 'stack.json')} cannot be read: ${String(error)}`);
  }
}
