/** Packages, migrations and scripts: exact versions, a lockfile for everybody, and numbers without gaps. */
import { describe, expect, it } from 'vitest';
import { readText, repositoryFiles } from './support/sources.js';

interface PackageJson {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  scripts: Record<string, string>;
}

interface Lockfile {
  packages: Record<string, { resolved?: string; integrity?: string; optional?: boolean }>;
}

const manifest = JSON.parse(readText('package.json')) as PackageJson;
const lockfile = JSON.parse(readText('package-lock.json')) as Lockfile;

function inexact(versions: Record<string, string>): string[] {
  return Object.entries(versions).flatMap(([name, version]) =>
    /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) ? [] : [`${name}@${version}`],
  );
}

/** Numbers that are missing or taken twice, or names of another form. */
function misnumbered(files: string[]): string[] {
  return files.flatMap((file, index) => {
    const number = String(index + 1).padStart(4, '0');
    return new RegExp(`^${number}_[a-z][a-z0-9_]*\\.sql$`).test(file)
      ? []
      : [`${file}, where ${number}_… should be`];
  });
}

describe('package.json', () => {
  it('names exact versions', () => {
    expect(inexact({ ...manifest.dependencies, ...manifest.devDependencies })).toEqual([]);
    expect(inexact({ pg: '^8.0.0', ws: 'latest' })).toEqual(['pg@^8.0.0', 'ws@latest']);
  });

  it('has all packages of Temporal in one version', () => {
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
      .filter(([name]) => name.startsWith('@temporalio/'))
      .map(([, version]) => version);
    expect(versions.length).toBeGreaterThan(4);
    expect(new Set(versions).size).toBe(1);
  });

  it('runs its two commands with plain Node, so that they work before anything is installed', () => {
    for (const name of ['demo', 'test'])
      expect(manifest.scripts[name]).toMatch(/^node scripts\/[a-z-]+\.mjs/);
  });
});

describe('package-lock.json', () => {
  it('names no registry, so that npm asks the one that it is told to ask', () => {
    const resolved = (lock: Lockfile) => Object.values(lock.packages).flatMap((one) => one.resolved ?? []);
    expect(resolved(lockfile)).toEqual([]);
    expect(resolved({ packages: { a: { resolved: 'https://example.com/a.tgz' } } })).toHaveLength(1);
  });

  it('has a hash of every package but optional ones, which npm leaves without where they are for other machines', () => {
    const unchecked = (lock: Lockfile) =>
      Object.entries(lock.packages).flatMap(([name, { integrity, optional }]) =>
        name === '' || optional === true || integrity !== undefined ? [] : [name],
      );
    expect(unchecked(lockfile)).toEqual([]);
    expect(unchecked({ packages: { '': {}, 'node_modules/a': {} } })).toEqual(['node_modules/a']);
  });
});

describe('migrations', () => {
  it('are numbered from 0001 without gaps', () => {
    const folder = 'supabase/migrations/';
    const files = repositoryFiles().filter((file) => file.startsWith(folder));
    expect(files.length).toBeGreaterThan(5);
    expect(misnumbered(files.map((file) => file.slice(folder.length)).sort())).toEqual([]);
    expect(misnumbered(['0001_roles.sql', '0003_ledger.sql'])).toHaveLength(1);
  });

  it('begin with what they are for', () => {
    const files = repositoryFiles().filter((file) => file.endsWith('.sql'));
    const silent = (texts: [string, string][]) =>
      texts.flatMap(([file, text]) => (/^-- [A-Z]/.test(text) ? [] : [file]));
    expect(silent(files.map((file) => [file, readText(file)]))).toEqual([]);
    expect(silent([['a.sql', 'create table a ();']])).toEqual(['a.sql']);
  });
});
