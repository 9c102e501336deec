/** One data directory through its life: started, hurt in every way, started again, stopped, deleted. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStack, stackStatus, startStack, stopStack, type StackInfo } from '../../stack/index.js';
import { isPortFree } from '../../stack/ports.js';
import { identityOf } from '../../stack/processes.js';
import { httpStatus } from '../../stack/temporal.js';
import { waitFor } from '../support/wait-for.js';

let home: string;
let dataDir: string;
let info: StackInfo;
const strangers: ChildProcess[] = [];

beforeAll(async () => {
  home = realpathSync(mkdtempSync(path.join(tmpdir(), 'hourledger-stack-')));
  dataDir = path.join(home, 'data');
  info = await startStack({ dataDir });
});

afterAll(async () => {
  for (const stranger of strangers) stranger.kill('SIGKILL');
  await stopStack(dataDir);
  rmSync(home, { recursive: true, force: true });
});

/** A process that is none of ours. */
function startStranger(): number {
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  strangers.push(stranger);
  return stranger.pid!;
}

function mode(file: string): string {
  return (statSync(path.join(dataDir, file)).mode & 0o777).toString(8);
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: info.databaseUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

function allPids(): number[] {
  return stackStatus(dataDir).parts.flatMap((part) => part.pid ?? []);
}

async function killHard(pids: number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await waitFor(() => pids.every((pid) => identityOf(pid) === null), {
    what: 'the killed processes to be gone',
  });
}

async function withTemporal<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: info.temporalAddress });
  try {
    return await work(new Client({ connection, namespace: info.temporalNamespace }));
  } finally {
    await connection.close();
  }
}

function readJsonFile(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path.join(dataDir, name), 'utf8')) as Record<string, unknown>;
}

describe('a stack that has just started', () => {
  it('answers on every part, and is migrated', async () => {
    const headers = { Authorization: `Bearer ${info.supabaseServiceRoleKey}` };
    expect(await httpStatus(`${info.supabaseUrl}/rest/v1/workspaces`, headers)).toBe(200);
    expect(await httpStatus(`${info.supabaseUrl}/rest/v1/workspaces`, {})).toBe(401);
    expect(await httpStatus(info.temporalWebUrl, {})).toBe(200);
    await withTemporal((client) => client.workflowService.describeNamespace({ namespace: 'default' }));
    expect(await query('select count(*) > 0 as migrated from supabase_migrations.schema_migrations')).toEqual(
      [{ migrated: true }],
    );
  });

  it("has Supabase's limits, and forgets no commit", async () => {
    const settings = await query(`select name, setting from pg_settings
      where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'listen_addresses') order by name`);
    expect(Object.fromEntries(settings.map((row) => [row['name'], row['setting']]))).toEqual({
      fsync: 'on',
      full_page_writes: 'on',
      listen_addresses: '127.0.0.1',
      synchronous_commit: 'on',
    });
    const limits =
      await query(`select rolname, rolbypassrls, array_to_string(rolconfig, ',') as config from pg_roles
      where rolname in ('anon', 'authenticator', 'service_role') order by rolname`);
    expect(limits[0]).toMatchObject({
      rolname: 'anon',
      config: expect.stringContaining('statement_timeout=3s') as string,
    });
    expect(limits[1]).toMatchObject({ config: expect.stringContaining('statement_timeout=8s') as string });
    expect(limits[2]).toMatchObject({ rolname: 'service_role', rolbypassrls: true });
    await query(`create function public.two_thousand() returns setof integer language sql
        return generate_series(1, 2000);
      grant execute on function public.two_thousand() to service_role;
      notify pgrst, 'reload schema'`);
    const headers = { Authorization: `Bearer ${info.supabaseServiceRoleKey}` };
    const ask = () => fetch(`${info.supabaseUrl}/rest/v1/rpc/two_thousand`, { method: 'POST', headers });
    const answer = await waitFor(async () => {
      const response = await ask();
      return response.ok ? response : null;
    });
    expect(await answer.json()).toHaveLength(1000);
  });

  it('keeps what is secret to its owner', () => {
    expect(mode('state.json')).toBe('600');
    expect(mode('stack.json')).toBe('600');
    expect(mode('postgres')).toBe('700');
    expect(mode('temporal')).toBe('700');
    expect(mode('logs')).toBe('700');
    // Others may pass through at most, where PostgreSQL runs as another user than root.
    expect(['700', '711']).toContain(mode('.'));
  });

  it('is left alone by a second start, also by several at once', async () => {
    const again = await Promise.all([
      startStack({ dataDir }),
      startStack({ dataDir }),
      startStack({ dataDir }),
    ]);
    for (const other of again) expect(other).toEqual(info);
    expect(readStack(dataDir)).toEqual(info);
    expect(stackStatus(dataDir).state).toBe('running');
  });
});

describe('a part that died', () => {
  it.each(['postgres', 'postgrest', 'proxy', 'temporal'] as const)(
    'is started again alone, on its port and with its keys: %s',
    async (name) => {
      const before = Object.fromEntries(stackStatus(dataDir).parts.map((part) => [part.part, part.pid]));
      await killHard([before[name]!]);
      expect(() => readStack(dataDir)).toThrow(/npx hourledger stack start/);
      expect(stackStatus(dataDir).state).toBe('partly running');

      const after = await startStack({ dataDir });
      expect({ ...after, pids: null }).toEqual({ ...info, pids: null });
      for (const part of stackStatus(dataDir).parts) {
        if (part.part === name) expect(part.pid).not.toBe(before[name]);
        // PostgREST finds its database again by itself, or is replaced when that takes it too long.
        else if (part.part !== 'postgrest') expect(part.pid).toBe(before[part.part]);
      }
      const headers = { Authorization: `Bearer ${info.supabaseServiceRoleKey}` };
      expect(await httpStatus(`${info.supabaseUrl}/rest/v1/workspaces`, headers)).toBe(200);
    },
  );

  it('cost no row and no workflow when all were killed at once, though their pids are others by now', async () => {
    await query('create table public.kept (id integer); insert into public.kept values (42)');
    await withTemporal((client) =>
      client.workflow.start('waitsForever', { workflowId: 'kept', taskQueue: 'nobody-listens' }),
    );
    await killHard(allPids());
    // As after a reboot: the numbers of before belong to other programs now.
    const stranger = startStranger();
    const pidFile = path.join(dataDir, 'postgres', 'postmaster.pid');
    writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(stranger)));
    const state = readJsonFile('state.json') as { processes: Record<string, { pid: number }> };
    for (const known of Object.values(state.processes)) known.pid = stranger;
    writeFileSync(path.join(dataDir, 'state.json'), JSON.stringify(state));

    const after = await startStack({ dataDir });
    expect({ ...after, pids: null }).toEqual({ ...info, pids: null });
    expect(await query('select id from public.kept')).toEqual([{ id: 42 }]);
    const described = await withTemporal((client) => client.workflow.getHandle('kept').describe());
    expect(described.status.name).toBe('RUNNING');
    expect(identityOf(stranger)).not.toBeNull();
  });

  it('is not taken for alive while a lock of a killed command is there', async () => {
    writeFileSync(
      path.join(dataDir, 'lock'),
      JSON.stringify({ pid: startStranger(), identity: 'of another time' }),
    );
    expect((await startStack({ dataDir })).databaseUrl).toBe(info.databaseUrl);
    expect(existsSync(path.join(dataDir, 'lock'))).toBe(false);
  });

  it('whose port a stranger took meanwhile is named with the remedy, and the rest goes on', async () => {
    const { pid, port } = stackStatus(dataDir).parts.find((part) => part.part === 'proxy')!;
    await killHard([pid!]);
    await waitFor(() => isPortFree(port!), { what: `port ${port} to be free` });
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(port!, '127.0.0.1', resolve));
    try {
      await expect(startStack({ dataDir })).rejects.toMatchObject({
        name: 'StackError',
        exitCode: 2,
        message: expect.stringMatching(new RegExp(`^Port ${port}.*in use.*lsof`)) as string,
      });
    } finally {
      await new Promise((resolve) => stranger.close(resolve));
    }
    expect((await startStack({ dataDir })).supabaseUrl).toBe(info.supabaseUrl);
  });
});

describe('a stop', () => {
  it('leaves no process behind, kills no stranger, and may come twice', async () => {
    const state = readJsonFile('state.json') as { processes: Record<string, { pid: number }> };
    const pids = withDescendants(allPids());
    // The four parts, and the processes that PostgreSQL has for its sessions and its housekeeping.
    expect(pids.length).toBeGreaterThan(8);
    const result = await stopStack(dataDir);
    expect(result.stopped.toSorted()).toEqual(['postgres', 'postgrest', 'proxy', 'temporal']);
    expect(pids.map((pid) => identityOf(pid))).toEqual(pids.map(() => null));
    expect(existsSync(path.join(dataDir, 'stack.json'))).toBe(false);

    const stranger = startStranger();
    for (const process of Object.values(state.processes)) process.pid = stranger;
    writeFileSync(path.join(dataDir, 'state.json'), JSON.stringify(state));
    expect((await stopStack(dataDir)).stopped).toEqual([]);
    expect(identityOf(stranger)).not.toBeNull();
    expect(() => readStack(dataDir)).toThrow(
      /^No stack is running in "[^\n]*\. Start it with: npx hourledger stack start$/,
    );
  });

  it('is followed by a start with the same ports, keys and rows', async () => {
    const after = await startStack({ dataDir });
    expect({ ...after, pids: null }).toEqual({ ...info, pids: null });
    expect(await query('select id from public.kept')).toEqual([{ id: 42 }]);
    await stopStack(dataDir);
  });

  it('deletes data directories only', async () => {
    const foreign = path.join(home, 'letters');
    mkdirSync(foreign);
    writeFileSync(path.join(foreign, 'letter.txt'), 'Dear friend');
    await expect(stopStack(foreign, { deleteData: true })).rejects.toMatchObject({ exitCode: 2 });
    await expect(startStack({ dataDir: foreign })).rejects.toMatchObject({ exitCode: 2 });
    expect(readFileSync(path.join(foreign, 'letter.txt'), 'utf8')).toBe('Dear friend');
    expect(existsSync(path.join(foreign, 'state.json'))).toBe(false);
  });
});

describe('a data directory of another version', () => {
  it('is refused in one line, untouched, and can still be deleted', async () => {
    const stateFile = path.join(dataDir, 'state.json');
    const original = readFileSync(stateFile, 'utf8');
    const versionFile = path.join(dataDir, 'postgres', 'PG_VERSION');

    writeFileSync(versionFile, '15\n');
    await expect(startStack({ dataDir })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(
        /^"[^\n]*" holds data of PostgreSQL 15,[^\n]*stop --delete[^\n]*$/,
      ) as string,
    });
    writeFileSync(versionFile, '18\n');

    const other = original.replace('"hourledgerStack": 1', '"hourledgerStack": 99');
    writeFileSync(stateFile, other);
    await expect(startStack({ dataDir })).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/^[^\n]*another version of hourledger \(format 99[^\n]*$/) as string,
    });
    expect(readFileSync(stateFile, 'utf8')).toBe(other);

    expect((await stopStack(dataDir, { deleteData: true })).deleted).toBe(true);
    expect(existsSync(dataDir)).toBe(false);
    expect((await stopStack(dataDir)).stopped).toEqual([]);
  });
});

/** These processes, their children, and so on. */
function withDescendants(pids: number[]): number[] {
  const lines = spawnSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n');
  const parents = new Map(lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]));
  const all = new Set(pids);
  for (let size = 0; size !== all.size;) {
    size = all.size;
    for (const [pid, parent] of parents) if (all.has(parent)) all.add(pid);
  }
  return [...all];
}
