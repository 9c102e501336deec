// Nobody but service_role sees or does anything, although Supabase grants every new object to anon and authenticated.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../database/package-root.js';
import { suite } from '../support/suite.js';
import { createTestDatabase, type Rest, type TestDatabase } from '../support/test-database.js';

interface Thing {
  kind: 'table' | 'sequence' | 'function';
  schema: string;
  name: string;
  /** Of a function: a null for each argument, with its type. */
  args: string[];
  argNames: string[];
}

let database: TestDatabase;
let things: Thing[];

beforeAll(async () => {
  database = await createTestDatabase();
  things = await database.query(
    `select case c.relkind when 'S' then 'sequence' else 'table' end as kind, n.nspname as schema, c.relname as name,
         '{}'::text[] as args, '{}'::text[] as "argNames"
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname in ('public', 'hourledger') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
     union all
     select 'function', n.nspname, p.proname,
         array(select format('null::%s', t::regtype) from unnest(p.proargtypes) t),
         coalesce(p.proargnames[1:p.pronargs]::text[], '{}')
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname in ('public', 'hourledger') and p.prorettype <> 'trigger'::regtype
     order by 1, 2, 3`,
  );
});

afterAll(() => database.close());

function attempts({ kind, schema, name, args }: Thing): string[] {
  const object = `${schema}.${name}`;
  if (kind === 'sequence') return [`select nextval('${object}')`, `select * from ${object}`];
  if (kind === 'function') return [`select ${object}(${args.join(', ')})`];
  return [`select * from ${object}`, `delete from ${object}`, `insert into ${object} default values`];
}

/** SQLSTATE of what a statement ends with, as a role, undone afterwards. */
async function outcome(role: string, sql: string): Promise<string> {
  const client = await database.connect();
  try {
    await client.query(`begin; set local role ${role}`);
    await client.query(sql);
    return 'done';
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const denied = '42501';
/** Views of several tables are written by nobody. */
const notWritable = '55000';

it("the database was given Supabase's default grants before it was migrated, and has things to guard", async () => {
  const [{ granted } = { granted: '' }] = await database.query<{ granted: string }>(
    `select string_agg(defaclacl::text, ' ') as granted from pg_default_acl where defaclnamespace = 'public'::regnamespace`,
  );
  expect(granted).toContain('service_role');
  expect(new Set(things.map(({ kind, schema }) => `${schema} ${kind}`)).size).toBeGreaterThanOrEqual(5);
});

describe.each(['anon', 'authenticated'])('%s', (role) => {
  it('is refused every table, view, sequence and function', async () => {
    const allowed: string[] = [];
    for (const sql of things.flatMap(attempts)) {
      const result = await outcome(role, sql);
      if (result !== denied && result !== notWritable) allowed.push(`${sql}: ${result}`);
    }
    expect(allowed).toEqual([]);
  });

  it('is refused what a later migration creates without a word about grants', async () => {
    await database.query(
      'create table public.made_later (id integer); create function public.make_later() returns integer return 1',
    );
    expect(await outcome(role, 'select * from public.made_later')).toBe(denied);
    expect(await outcome(role, 'select public.make_later()')).toBe(denied);
    await database.query('drop table public.made_later; drop function public.make_later()');
  });
});

it('every table has row-level security, and every view asks with the rights of who asks', async () => {
  const open = await database.query(
    `select relname from pg_class where relnamespace = 'public'::regnamespace
       and (relkind in ('r', 'p') and not relrowsecurity
         or relkind = 'v' and not coalesce('security_invoker=true' = any (reloptions), false))`,
  );
  expect(open).toEqual([]);
});

it('no function acts with the rights of its owner, but the trigger that keeps what nobody may write', async () => {
  const definers = await database.query(
    `select oid::regprocedure::text as name, proconfig as config, has_function_privilege('service_role', oid, 'execute') as "mayServiceRole"
       from pg_proc
       where pronamespace in ('public'::regnamespace, 'hourledger'::regnamespace) and prosecdef`,
  );
  expect(definers).toEqual([
    {
      name: 'hourledger.note_mapping_change()',
      config: ['search_path=pg_catalog, pg_temp'],
      mayServiceRole: false,
    },
  ]);
});

it('service_role may call every function of schema public', async () => {
  const refused: string[] = [];
  for (const thing of things.filter(({ kind, schema }) => kind === 'function' && schema === 'public')) {
    for (const sql of attempts(thing)) if ((await outcome('service_role', sql)) === denied) refused.push(sql);
  }
  expect(refused).toEqual([]);
});

describe('through PostgREST', () => {
  let rest: Rest;

  beforeAll(async () => {
    rest = await database.startRest();
  });

  async function ask(key: string, path: string, body?: Record<string, unknown> | Buffer): Promise<number> {
    const type = Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json';
    const response = await fetch(`${rest.supabaseUrl}/rest/v1/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { apikey: key, authorization: `Bearer ${key}`, 'content-type': type },
      ...(body === undefined ? {} : { body: Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
    });
    await response.arrayBuffer();
    return response.status;
  }

  function authenticatedKey(): string {
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
    const claims = { role: 'authenticated', exp: Math.floor(Date.now() / 1000) + 3600 };
    const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
    return `${signed}.${createHmac('sha256', suite().jwtSecret).update(signed).digest('base64url')}`;
  }

  it.each(['anon', 'authenticated'])('%s is refused every table, view and function', async (role) => {
    const key = role === 'anon' ? rest.anonKey : authenticatedKey();
    const allowed: string[] = [];
    for (const { kind, schema, name, args, argNames } of things) {
      if (kind === 'sequence' || schema !== 'public') continue;
      const nulls = Object.fromEntries(argNames.map((arg) => [arg, null]));
      const body = args.length > argNames.length ? Buffer.from('{}') : nulls;
      const status = kind === 'table' ? await ask(key, name) : await ask(key, `rpc/${name}`, body);
      if (status !== 401 && status !== 403) allowed.push(`${name}: ${status}`);
    }
    expect(allowed).toEqual([]);
  });

  it('the machinery is not exposed to anybody', async () => {
    for (const { name } of things.filter(({ kind, schema }) => kind === 'table' && schema === 'hourledger')) {
      expect(await ask(rest.serviceRoleKey, name)).toBe(404);
    }
  });

  it('service_role may read every table and view', async () => {
    for (const { name } of things.filter(({ kind, schema }) => kind === 'table' && schema === 'public')) {
      expect(await ask(rest.serviceRoleKey, `${name}?limit=1`)).toBe(200);
    }
  });
});

it('the role of docs/operations.md reads every table and view, and writes nothing', async () => {
  const [, sql = ''] =
    /^## A role that only reads\n[\s\S]*?```sql\n([\s\S]*?)```/m.exec(
      readFileSync(path.join(packageRoot(), 'docs', 'operations.md'), 'utf8'),
    ) ?? [];
  const client = await database.connect();
  try {
    // Rolled back by the end of the connection: roles belong to all databases of the server.
    await client.query(`begin; ${sql}; set local role analyst; savepoint before`);
    for (const { name } of things.filter(({ kind, schema }) => kind === 'table' && schema === 'public')) {
      await client.query(`select * from ${name} limit 1`);
    }
    for (const write of [
      `insert into workspaces (id, name) values (7, 'Seven')`,
      `update settings set lookback_days = 3`,
      `delete from calls`,
      `select hourledger.add_dirty_records('calls', array['CA1'])`,
      `select hourledger.lock_mapping()`,
      `create temp table workspace_phones (id integer);
       create trigger forge after insert on pg_temp.workspace_phones
         for each row execute function hourledger.note_mapping_change()`,
      `select public.merge_page('some page')`,
    ]) {
      await expect(client.query(write), write).rejects.toThrow('permission denied');
      await client.query('rollback to before');
    }
  } finally {
    client.release(true);
  }
});
