/** What people can type, set or see is in the README or the docs, and what stands there can be typed. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it, describe } from 'vitest';
import { packageRoot } from '../../database/package-root.js';
import { environmentVariables } from '../../settings/environment.js';
import { parseBackfillInput, parseDailySyncInput } from '../../workflows/input.js';
import { createTestDatabase } from '../support/test-database.js';
import { readText, repositoryFiles, sourcesIn } from './support/sources.js';

const run = promisify(execFile);
const readme = readText('README.md');
const operations = readText('docs/operations.md');
const example = readText('.env.example');
const all = [readme, operations, readText('docs/decisions.md')].join('\n');

/** Variables that are about the machine, and not about hourledger. */
const ofTheMachine = new Set(['PATH', 'NO_COLOR', 'CI']);

function missing(names: string[], text: string): string[] {
  return names.filter((name) => !text.includes(`\`${name}`));
}

/** The commands of `hourledger WORDS --help`, those below a group as `group command`. */
async function commandsOf(...words: string[]): Promise<string[]> {
  const cli = path.join(packageRoot(), 'bin', 'hourledger.mjs');
  const { stdout } = await run(process.execPath, [cli, ...words, '--help'], {
    env: { PATH: process.env['PATH'] },
  });
  const [, list = ''] = stdout.split(/^Commands:$/m);
  const names = list
    .split(/^Examples?:$/m)[0]
    ?.split('\n')
    .flatMap((line) => /^ {2}([a-z-]+)/.exec(line)?.[1] ?? []);
  const below = await Promise.all((names ?? []).map((name) => commandsOf(...words, name)));
  return (names ?? []).flatMap((name, index) => {
    const commands = below[index] ?? [];
    return commands.length === 0 ? [[...words, name].join(' ')] : commands;
  });
}

function codeBlocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, code = '']) => code,
  );
}

/** Every `process.env['NAME']` of the code, and what settings/ reads. */
function variablesRead(): string[] {
  const files = sourcesIn('settings', 'stack', 'worker', 'client', 'database', 'providers', 'web', 'bench');
  const read = files.flatMap(({ text }) => [...text.matchAll(/process\.env(?:\['|\.)([A-Z_]+)/g)]);
  const names = [...environmentVariables, ...read.map(([, name = '']) => name)];
  return [...new Set(names)].filter((name) => !ofTheMachine.has(name));
}

/** What Temporal's environment configuration reads, by its own code. */
function variablesOfTemporal(): string[] {
  const code = readText('node_modules/@temporalio/envconfig/lib/envconfig-toml.js');
  const names = code.match(/TEMPORAL_[A-Z_]+/g) ?? [];
  // The SDK reads these two for the Temporal CLI alone, which decodes payloads with them.
  return [...new Set(names)].filter((name) => !name.startsWith('TEMPORAL_CODEC_'));
}

describe('the README and the docs', () => {
  it('name every command', async () => {
    const commands = await commandsOf();
    expect(commands).toEqual(
      expect.arrayContaining(['backfill', 'stack start', 'phones unmapped', 'doctor']),
    );
    expect(missing(commands, readme)).toEqual([]);
    expect(missing(['fly'], readme)).toEqual(['fly']);
  });

  it('name every choice of an option, as its help does', () => {
    const choices = sourcesIn('client').flatMap(({ text }) =>
      [...text.matchAll(/'([^']*)',\s*choiceOption\('(--\w+)', \[([^\]]*)\]\)/g)].map(
        ([, help = '', option = '', list = '']) => ({ help, option, words: list.match(/\w+/g) ?? [] }),
      ),
    );
    expect(choices.map(({ option }) => option)).toEqual(['--by', '--format']);
    for (const { help, option, words } of choices) {
      expect(readme).toContain(`\`${option} ${words.join('\\|')}\``);
      expect(help.replaceAll(' (default)', '').split(/, | or /)).toEqual(words);
    }
  });

  it('name every workflow and activity', () => {
    const workflows = [...readText('workflows/index.ts').matchAll(/export \{ (\w+) \}/g)].map(
      ([, name = '']) => name,
    );
    expect(missing(workflows, readme)).toEqual([]);
    const index = readText('activities/index.ts');
    const activities = [...index.matchAll(/^ {4}(\w+): create\w+\(deps\)/gm)].map(([, name = '']) => name);
    expect(activities.length).toBeGreaterThan(8);
    expect(missing(activities, operations)).toEqual([]);
  });

  it('name every query, signal and update', () => {
    const messages = readText('workflows/messages.ts');
    const defined = [...messages.matchAll(/define(?:Query|Signal|Update)\b[^(]*\('(\w+)'/g)];
    const names = defined
      .map(([, name = '']) => name)
      .filter((name) => name !== 'daysUnderWay' && name !== 'hinted');
    expect(names).toContain('setMaxParallelDays');
    for (const name of names) expect(readme).toMatch(new RegExp(`--(type|name) ${name}\\b`));
  });

  it('name every environment variable, also those of Temporal', () => {
    const names = [...variablesRead(), ...variablesOfTemporal()];
    expect(names).toEqual(
      expect.arrayContaining(['TWILIO_AUTH_TOKEN', 'TEMPORAL_CLI_PATH', 'TEMPORAL_API_KEY']),
    );
    expect(missing(names, readme)).toEqual([]);
    const own = variablesRead().filter((name) => name !== 'XDG_CACHE_HOME');
    expect(own.filter((name) => !new RegExp(`^(# )?${name}=`, 'm').test(example))).toEqual([]);
  });

  it('name every npm script', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
    const typed = (name: string) => (name === 'test' ? 'npm test' : `npm run ${name}`);
    expect(Object.keys(scripts).filter((name) => !readme.includes(typed(name)))).toEqual([]);
  });

  it('name no file that is not there', () => {
    const files = new Set(repositoryFiles());
    const linked = [...all.matchAll(/\]\((?!http)([\w./-]+)\)/g)].map(([, file = '']) => file);
    expect(linked.length).toBeGreaterThan(2);
    expect(linked.filter((file) => !files.has(file))).toEqual([]);
  });

  it('show inputs of workflows that the workflows take', () => {
    const inputs = [...readme.matchAll(/--type (\w+)(?:(?!--type)[\s\S])*?--input '([^']*)'/g)];
    expect(inputs.map(([, type]) => type)).toEqual(expect.arrayContaining(['backfill', 'dailySync']));
    const now = new Date();
    for (const [, type, input = ''] of inputs) {
      const value: unknown = JSON.parse(input);
      if (type === 'backfill') parseBackfillInput(value, now);
      if (type === 'dailySync') parseDailySyncInput(value, now);
    }
  });

  it('show SQL that runs', async () => {
    const database = await createTestDatabase();
    // Roles belong to all databases of the server: nothing is kept.
    const client = await database.connect();
    try {
      await client.query(`begin; insert into workspaces (id, name) values (4, 'Four'), (5, 'Five')`);
      const statements = [...codeBlocks(readme, 'sql'), ...codeBlocks(operations, 'sql')];
      expect(statements.length).toBeGreaterThan(5);
      for (const statement of statements) await client.query(statement);
      await expect(client.query('select nothing from nowhere')).rejects.toThrow('nowhere');
    } finally {
      client.release(true);
      await database.close();
    }
  });
});
