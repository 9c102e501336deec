/** What a data directory remembers: its ports, secrets and processes (state.json), and what others may know (stack.json). */
import { createHmac, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { StackError } from './stack-error.js';

/** Raised when a data directory of before can no longer be read by this code. */
export const stackFormat = 1;
/** The PostgreSQL major version of the embedded binaries; data directories of another one cannot be opened. */
export const postgresMajor = '18';

export const partNames = ['postgres', 'postgrest', 'proxy', 'temporal'] as const;
export type PartName = (typeof partNames)[number];

const processSchema = z.object({ pid: z.int().positive(), identity: z.string() });
/** A process, told from a later one with the same pid by when it started. */
export type KnownProcess = z.infer<typeof processSchema>;

const stateSchema = z.object({
  hourledgerStack: z.literal(stackFormat),
  postgresMajor: z.string(),
  secrets: z.object({
    databasePassword: z.string(),
    authenticatorPassword: z.string(),
    jwtSecret: z.string(),
    serviceRoleKey: z.string(),
    anonKey: z.string(),
  }),
  /** Ports once a part has run on them: then they stay, because workers know them. */
  ports: z.object({
    postgres: z.int().optional(),
    postgrest: z.int().optional(),
    proxy: z.int().optional(),
    temporal: z.int().optional(),
    temporalWeb: z.int().optional(),
  }),
  processes: z.partialRecord(z.enum(partNames), processSchema),
});
export type StackState = z.infer<typeof stateSchema>;
export type StackSecrets = StackState['secrets'];

/** What the rest of the world is told about a running stack. */
export interface StackInfo {
  dataDir: string;
  databaseUrl: string;
  supabaseUrl: string;
  /** Without the gateway, and so without the `/rest/v1` that supabase-js puts in front of each path. */
  postgrestUrl: string;
  supabaseServiceRoleKey: string;
  supabaseAnonKey: string;
  temporalAddress: string;
  temporalNamespace: string;
  temporalWebUrl: string;
  pids: { postgres: number; postgrest: number; temporal: number };
}

/** The files and folders of a data directory. */
export function stackPaths(dataDir: string) {
  return {
    state: path.join(dataDir, 'state.json'),
    info: path.join(dataDir, 'stack.json'),
    lock: path.join(dataDir, 'lock'),
    logs: path.join(dataDir, 'logs'),
    postgres: path.join(dataDir, 'postgres'),
    temporal: path.join(dataDir, 'temporal'),
  };
}

/** Makes the data directory, for its owner only. @throws StackError when a folder with other things stands there. */
export function prepareDataDir(dataDir: string): void {
  const paths = stackPaths(dataDir);
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const own = new Set(['lock', 'lock.takeover', 'logs']);
    if (
      !existsSync(paths.state) &&
      readdirSync(dataDir).some((name) => !own.has(name) && !name.endsWith('.new'))
    ) {
      throw new StackError(
        `"${dataDir}" holds other things and is no data directory of hourledger: name another folder.`,
        2,
      );
    }
    mkdirSync(paths.logs, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (error instanceof StackError) throw error;
    throw new StackError(
      `Cannot use "${dataDir}" as data directory: ${String(error)}. Name another folder.`,
      2,
    );
  }
}

/**
 * The state of a data directory, or null when it has none.
 *
 * @throws StackError (exit code 2) when another version of hourledger or of PostgreSQL made it.
 */
export function readState(dataDir: string): StackState | null {
  const file = stackPaths(dataDir).state;
  const content = readJson(file);
  if (content === null) return null;
  const remedy =
    'Use the version of hourledger that made it, another data directory, or remove it with: ' +
    `npx hourledger stack stop --delete --data-dir ${dataDir}`;
  const parsed = stateSchema.safeParse(content);
  if (!parsed.success) {
    const format: unknown = (content as Record<string, unknown>)['hourledgerStack'];
    throw new StackError(
      format === stackFormat
        ? `"${file}" is damaged (${z.prettifyError(parsed.error)}). ${remedy}`
        : `"${dataDir}" was made by another version of hourledger (format ${String(format)}, this one reads ${stackFormat}). ${remedy}`,
      2,
    );
  }
  const found = postgresVersionOf(dataDir) ?? parsed.data.postgresMajor;
  if (found !== postgresMajor) {
    throw new StackError(
      `"${dataDir}" holds data of PostgreSQL ${found}, and this version of hourledger runs PostgreSQL ${postgresMajor}. ${remedy}`,
      2,
    );
  }
  return parsed.data;
}

/** The processes and nothing else, of a state of whatever format: enough to stop it and delete it. */
export function readProcessesLeniently(dataDir: string): StackState['processes'] | null {
  const content = readJson(stackPaths(dataDir).state);
  if (content === null || !('hourledgerStack' in content)) return null;
  const parsed = stateSchema.pick({ processes: true }).safeParse(content);
  return parsed.success ? parsed.data.processes : {};
}

function readJson(file: string): object | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new StackError(
      `"${file}" cannot be read: ${String(error)}. Run as the user who started the stack.`,
      2,
    );
  }
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content === 'object' && content !== null) return content;
  } catch {
    // Told below, together with JSON of another kind.
  }
  throw new StackError(`"${file}" is no JSON object: move the folder away and start the stack anew.`, 2);
}

function postgresVersionOf(dataDir: string): string | null {
  try {
    return readFileSync(path.join(stackPaths(dataDir).postgres, 'PG_VERSION'), 'utf8').trim();
  } catch {
    return null;
  }
}

/** A state for a data directory that was never started, with secrets of its own. */
export function newState(): StackState {
  const jwtSecret = randomBytes(48).toString('base64url');
  return {
    hourledgerStack: stackFormat,
    postgresMajor,
    secrets: {
      databasePassword: randomBytes(24).toString('base64url'),
      authenticatorPassword: randomBytes(24).toString('base64url'),
      jwtSecret,
      serviceRoleKey: signKey('service_role', jwtSecret),
      anonKey: signKey('anon', jwtSecret),
    },
    ports: {},
    processes: {},
  };
}

/** A key as Supabase makes them: a JSON Web Token (HS256) that names the role, valid for ten years. */
function signKey(role: 'service_role' | 'anon', secret: string): string {
  const issuedAt_s = Math.floor(Date.now() / 1000);
  const claims = { iss: 'hourledger', role, iat: issuedAt_s, exp: issuedAt_s + 10 * 365 * 86_400 };
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

export function writeState(dataDir: string, state: StackState): void {
  writeSecretFile(stackPaths(dataDir).state, JSON.stringify(state, null, 2));
}

export function writeInfo(dataDir: string, info: StackInfo): void {
  const file = stackPaths(dataDir).info;
  const text = JSON.stringify(info, null, 2);
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  writeSecretFile(file, text);
}

export function removeInfo(dataDir: string): void {
  rmSync(stackPaths(dataDir).info, { force: true });
}

/** Written aside and renamed, so that a reader sees the old or the new content; mode 0600, as there are keys in it. */
function writeSecretFile(file: string, text: string): void {
  const aside = `${file}.${process.pid}.new`;
  writeFileSync(aside, text, { mode: 0o600 });
  chmodSync(aside, 0o600);
  renameSync(aside, file);
}

/** What is told of a stack, made from its state. All ports must have been chosen and all processes started. */
export function infoOf(dataDir: string, state: StackState): StackInfo | null {
  const { ports, processes, secrets } = state;
  const { postgres, postgrest, temporal } = processes;
  if (!postgres || !postgrest || !temporal) return null;
  const { postgrest: rest, proxy, temporal: grpc, temporalWeb } = ports;
  if (rest === undefined || proxy === undefined || grpc === undefined || temporalWeb === undefined)
    return null;
  return {
    dataDir,
    databaseUrl: databaseUrlOf(state),
    supabaseUrl: `http://127.0.0.1:${proxy}`,
    postgrestUrl: `http://127.0.0.1:${rest}`,
    supabaseServiceRoleKey: secrets.serviceRoleKey,
    supabaseAnonKey: secrets.anonKey,
    temporalAddress: `127.0.0.1:${grpc}`,
    temporalNamespace: 'default',
    temporalWebUrl: `http://127.0.0.1:${temporalWeb}`,
    pids: { postgres: postgres.pid, postgrest: postgrest.pid, temporal: temporal.pid },
  };
}

/** The address of the database for its owner, the role that migrates. */
export function databaseUrlOf(state: StackState): string {
  if (state.ports.postgres === undefined) throw new StackError('PostgreSQL has no port yet.');
  return `postgres://postgres:${state.secrets.databasePassword}@127.0.0.1:${state.ports.postgres}/postgres`;
}
