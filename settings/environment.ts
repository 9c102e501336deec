/** The environment, read once at start and checked whole: a missing or malformed variable is one line that names it. */
import { z } from 'zod';
import { SettingsError } from './settings-error.js';

const text = z.string().trim().min(1);

const origin = z
  .url({ protocol: /^https?$/, error: 'must be an origin such as https://api.example.com', abort: true })
  .refine((value) => new URL(value).pathname === '/' && new URL(value).search === '', {
    message: 'must be an origin without a path, such as https://api.example.com',
  })
  .transform((value) => new URL(value).origin);

const publicUrl = z
  .url({ protocol: /^https?$/, error: 'must be an address such as https://ledger.example.com', abort: true })
  .refine((value) => new URL(value).search === '' && new URL(value).hash === '', {
    message: 'must be an address without a query, such as https://ledger.example.com',
  })
  .transform((value) => value.replace(/\/+$/, ''));

const port_max = 65_535;

const schema = z
  .object({
    TWILIO_ACCOUNT_SID: text.regex(/^AC/, 'must be an account SID, which begins with AC'),
    TWILIO_AUTH_TOKEN: text,
    TWILIO_API_KEY: text.regex(/^SK/, 'must be the SID of an API key, which begins with SK'),
    TWILIO_API_SECRET: text,
    TWILIO_BASE_URL: origin,
    ELEVENLABS_API_KEY: text,
    ELEVENLABS_BASE_URL: origin,
    SUPABASE_URL: origin,
    NEXT_PUBLIC_SUPABASE_URL: origin,
    POSTGREST_URL: origin,
    SUPABASE_SERVICE_ROLE_KEY: text,
    DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// URL' }),
    LEDGER_CURRENCY: text
      .transform((value) => value.toUpperCase())
      .pipe(z.string().regex(/^[A-Z]{3}$/, 'must be a currency code of three letters, such as USD')),
    DEFAULT_WORKSPACE_ID: text
      .regex(/^[1-9][0-9]{0,8}$/, 'must be the number of a workspace, such as 1')
      .transform(Number),
    CRON_SECRET: text.regex(/^[\x21-\x7e]+$/, 'must be characters that a header can carry, without spaces'),
    HOST: text.regex(/^[\w.:%-]+$/, 'must be a host name or an address, such as 127.0.0.1'),
    PORT: text
      .regex(/^[0-9]{1,5}$/, 'must be a port, such as 3093')
      .transform(Number)
      .refine((port) => port <= port_max, `must be a port up to ${port_max}, such as 3093`),
    PUBLIC_URL: publicUrl,
    ELEVENLABS_WEBHOOK_SECRET: text,
    HOURLEDGER_DATA_DIR: text,
    TEMPORAL_ADDRESS: text,
    TEMPORAL_NAMESPACE: text,
  })
  .partial();

/** The variables that hourledger itself reads; Temporal's own (TEMPORAL_*) are read by its environment configuration. */
export type Environment = z.infer<typeof schema>;

/** Every variable that is read, for the documentation to be checked against. */
export const environmentVariables: readonly string[] = Object.keys(schema.shape);

/**
 * Reads and checks the environment. Empty variables count as absent, because Compose files set them so.
 * @throws SettingsError naming the first variable that is malformed or lacks its partner
 */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const given = Object.fromEntries(
    Object.entries(variables).filter(([name, value]) => name in schema.shape && value?.trim() !== ''),
  );
  const result = schema.safeParse(given);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new SettingsError(
      `${issue?.path.join('.') ?? 'The environment'}: ${issue?.message ?? 'is malformed'}.`,
    );
  }
  checkPartners(result.data);
  return result.data;
}

function checkPartners(env: Environment): void {
  const needs = (name: keyof Environment, partner: keyof Environment) => {
    if (env[name] !== undefined && env[partner] === undefined) {
      throw new SettingsError(`${partner} is missing: ${name} is set, and they belong together.`);
    }
  };
  needs('TWILIO_AUTH_TOKEN', 'TWILIO_ACCOUNT_SID');
  needs('TWILIO_API_KEY', 'TWILIO_API_SECRET');
  needs('TWILIO_API_SECRET', 'TWILIO_API_KEY');
  needs('TWILIO_API_KEY', 'TWILIO_ACCOUNT_SID');
  if (
    env.TWILIO_ACCOUNT_SID !== undefined &&
    env.TWILIO_AUTH_TOKEN === undefined &&
    env.TWILIO_API_KEY === undefined
  ) {
    throw new SettingsError(
      'TWILIO_AUTH_TOKEN is missing: TWILIO_ACCOUNT_SID is set. Set it, or TWILIO_API_KEY and TWILIO_API_SECRET.',
    );
  }
  const supabaseUrl = env.SUPABASE_URL ?? env.NEXT_PUBLIC_SUPABASE_URL;
  if (supabaseUrl !== undefined && env.SUPABASE_SERVICE_ROLE_KEY === undefined) {
    throw new SettingsError(
      'SUPABASE_SERVICE_ROLE_KEY is missing: SUPABASE_URL is set, and they belong together.',
    );
  }
  for (const name of ['TEMPORAL_ADDRESS', 'POSTGREST_URL'] as const) {
    if (supabaseUrl !== undefined || env[name] === undefined) continue;
    throw new SettingsError(
      `SUPABASE_URL is missing: ${name} is set. Set both, or neither to use the embedded stack.`,
    );
  }
}
