/** PostgreSQL refuses to be root; the user that it runs as instead has no way into root's folders. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packageRoot } from '../../database/package-root.js';
import { nativePostgres } from '../../stack/native-postgres.js';
import { ensurePostgres, stopPostgres } from '../../stack/postgres.js';
import { databaseUrlOf, newState, prepareDataDir } from '../../stack/state.js';
import { chooseRunAs } from '../../stack/unprivileged.js';

const isRoot = process.getuid?.() === 0;
let home: string;

beforeAll(() => {
  home = realpathSync(mkdtempSync(path.join(tmpdir(), 'hourledger-private-')));
  chmodSync(home, 0o700);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

it('runs in a folder that only its owner can enter, root or not, and the folder stays that way', async () => {
  const dataDir = path.join(home, 'data');
  prepareDataDir(dataDir);
  const state = newState();
  try {
    await ensurePostgres(dataDir, state, () => undefined);
    const client = new pg.Client({ connectionString: databaseUrlOf(state) });
    await client.connect();
    const answer = await client.query<{ upper: string; first: string }>(
      `select upper('ñ'), min(word) as first from (values ('a'), ('B')) words (word)`,
    );
    await client.end();
    expect(answer.rows).toEqual([{ upper: 'Ñ', first: 'B' }]);
    expect(statSync(home).mode & 0o777).toBe(0o700);
    if (isRoot) expect(userOf(state.processes.postgres!.pid)).not.toBe('');
  } finally {
    await stopPostgres(dataDir, state.processes.postgres);
  }
});

it('goes as far as it must: an ordinary user as itself; root as another user, with a way in where there is none', () => {
  const open = chooseRunAs('/', '/');
  const closed = chooseRunAs(home, nativePostgres());
  if (isRoot) {
    expect(open.uid).toBeGreaterThan(0);
    expect(closed.prefix[0]).toMatch(/^(setpriv|unshare)$/);
  } else {
    expect(open).toEqual({ prefix: [], owner: null });
    expect(closed).toEqual({ prefix: [], owner: null });
  }
  expect(nativePostgres().startsWith(packageRoot())).toBe(true);
});

function userOf(pid: number): string {
  return execFileSync('ps', ['-o', 'user=', '-p', String(pid)], { encoding: 'utf8' }).trim();
}
