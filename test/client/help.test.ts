/** Help: each command has it, with an example, and it comes without loading what only running needs. */
import { beforeAll, describe, expect, it } from 'vitest';
import { importsOf, sourcesIn } from '../rules/support/sources.js';
import { hourledger } from './cli.js';

const groups = ['stack', 'schedule', 'phones', 'workspaces', 'agents', 'rates', 'settings'];

/** The commands that a help text lists. */
function commandsIn(help: string): string[] {
  const [, list = ''] = help.split('\nCommands:\n');
  return [...list.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name = '']) => name);
}

describe('help', () => {
  const helps = new Map<string, string>();

  beforeAll(async () => {
    const root = await hourledger(['--help'], {});
    helps.set('', root.stdout);
    const first = commandsIn(root.stdout);
    for (const name of first) helps.set(name, (await hourledger([name, '--help'], {})).stdout);
    for (const group of groups) {
      for (const name of commandsIn(helps.get(group)!)) {
        helps.set(`${group} ${name}`, (await hourledger([group, name, '--help'], {})).stdout);
      }
    }
  });

  it('lists every command of this version', () => {
    expect([...helps.keys()].filter((name) => !name.includes(' '))).toEqual([
      ...[
        '',
        'stack',
        'worker',
        'serve',
        'migrate',
        'backfill',
        'sync',
        'status',
        'pause',
        'resume',
        'cancel',
      ],
      ...[
        'verify',
        'regenerate',
        'clear',
        'reclassify',
        'reconcile',
        'report',
        'schedule',
        'phones',
        'workspaces',
        'agents',
        'rates',
        'settings',
      ],
      ...['find', 'doctor'],
    ]);
    expect([...helps.keys()].filter((name) => name.includes(' '))).toEqual([
      ...['stack start', 'stack status', 'stack stop', 'schedule apply', 'schedule show', 'schedule pause'],
      ...['schedule resume', 'schedule remove', 'phones list', 'phones add', 'phones end', 'phones import'],
      ...['phones unmapped', 'workspaces list', 'workspaces add', 'workspaces rename', 'workspaces merge'],
      ...['workspaces delete', 'agents list', 'agents add', 'agents remove'],
      ...['rates list', 'rates add', 'rates remove'],
      ...['settings list', 'settings set'],
    ]);
  });

  it('shows an example of each command', () => {
    for (const [name, help] of helps) expect(help, name).toContain(`  $ hourledger ${name}`);
  });

  it('offers --json on each command that prints data', () => {
    const without = [...helps].filter(([, help]) => !help.includes('--json')).map(([name]) => name);
    expect(without.sort()).toEqual(['', 'serve', 'worker', ...groups].sort());
  });

  it('ends with 0 where it was asked for, and with 2 for a command or an option that there is not', async () => {
    expect((await hourledger(['--help'], {})).code).toBe(0);
    for (const args of [
      ['wrong'],
      ['report', '--wrong'],
      ['phones'],
      ['backfill'],
      ['phones', 'add', '+1202'],
    ]) {
      const { code, stdout } = await hourledger(args, {});
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
    }
    expect((await hourledger(['reprot'], {})).stderr).toBe(
      "error: unknown command 'reprot' (Did you mean report?)\n",
    );
  });

  it('loads no package but commander', () => {
    const files = new Map(
      sourcesIn('client', 'database', 'workflows', 'activities').map((file) => [file.path, file]),
    );
    const packages = new Set<string>();
    const seen = new Set<string>();
    const visit = (file: string) => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const { specifier, target, isTypeOnly, isLazy } of importsOf(files.get(file)!)) {
        if (isTypeOnly || isLazy) continue;
        if (target !== null) visit(`${target}.ts`);
        else if (!specifier.startsWith('node:')) packages.add(specifier);
      }
    };
    visit('client/main.ts');
    expect([...packages]).toEqual(['commander']);
    expect(seen.size).toBeGreaterThan(20);
  });
});
