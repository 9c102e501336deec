/** Where the database is: in the environment, or in what the embedded stack has written down. */
import { expect, it } from 'vitest';
import { connectionsOf, resolveConnections } from '../../settings/connections.js';
import { readEnvironment } from '../../settings/environment.js';

const supabase = { SUPABASE_URL: 'https://project.supabase.co', SUPABASE_SERVICE_ROLE_KEY: 'key' };

it('PostgREST itself is asked where the environment or the stack says where it is', () => {
  const told = readEnvironment({ ...supabase, POSTGREST_URL: 'http://127.0.0.1:3000/' });
  expect(resolveConnections(told, {}).postgrestUrl).toBe('http://127.0.0.1:3000');
  expect(resolveConnections(readEnvironment(supabase), {}).postgrestUrl).toBeNull();
  const stack = {
    databaseUrl: 'postgres://127.0.0.1:1/postgres',
    supabaseUrl: 'http://127.0.0.1:2',
    supabaseServiceRoleKey: 'key',
    temporalAddress: '127.0.0.1:3',
    temporalNamespace: 'default',
    temporalWebUrl: 'http://127.0.0.1:4',
  };
  expect(connectionsOf({ ...stack, postgrestUrl: 'http://127.0.0.1:5' }, 'folder').postgrestUrl).toBe(
    'http://127.0.0.1:5',
  );
  // Started by a version that did not tell.
  expect(connectionsOf(stack, 'folder').postgrestUrl).toBeNull();
});

it.each([
  [{ POSTGREST_URL: 'http://127.0.0.1:3000' }, /^SUPABASE_URL is missing: POSTGREST_URL is set\. Set both/],
  [{ TEMPORAL_ADDRESS: '127.0.0.1:7233' }, /^SUPABASE_URL is missing: TEMPORAL_ADDRESS is set\. Set both/],
  [{ ...supabase, POSTGREST_URL: 'http://rest/rest/v1' }, /^POSTGREST_URL: must be an origin without a path/],
])('%o is refused in one line that says what to do', (variables, message) => {
  expect(() => readEnvironment(variables)).toThrow(message);
});
