// Writes supabase/catalogue.txt from a freshly migrated database: run it after every change of supabase/migrations/.
import { spawnSync } from 'node:child_process';

const { status } = spawnSync('npx', ['vitest', 'run', 'test/database/catalogue.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, WRITE_CATALOGUE: '1' },
});
process.exit(status ?? 1);
