/**
 * Makes Supabase's roles in a Postgres that does not have them: `node roles-main.js`, before the first migration.
 * DATABASE_URL names a superuser, AUTHENTICATOR_PASSWORD the password that PostgREST logs in with. Running it again
 * changes nothing, except for a password that is another one now.
 */
import pg from 'pg';
import { prepareRoles } from './postgres.js';

const databaseUrl = process.env['DATABASE_URL'] ?? '';
const password = process.env['AUTHENTICATOR_PASSWORD'] ?? '';
const missing = databaseUrl === '' ? 'DATABASE_URL' : password === '' ? 'AUTHENTICATOR_PASSWORD' : null;
if (missing !== null) {
  process.stderr.write(`${missing} is missing: set it to make the roles.\n`);
  process.exit(2);
}

try {
  await prepareRoles(databaseUrl, password);
  await setPassword();
  process.stdout.write('The roles are there.\n');
} catch (error) {
  process.stderr.write(
    `The roles cannot be made: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exit(1);
}

async function setPassword(): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`alter role authenticator password ${pg.escapeLiteral(password)}`);
  } finally {
    await client.end();
  }
}
