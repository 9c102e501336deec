/** Activities and workflows: one each per file, named as Temporal Web shows them, and options and failures in one place. */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { failureTypes } from '../../activities/failure-types.js';
import { parse, readText, sourcesIn, walk, type SourceFile } from './support/sources.js';

const kebab = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

/** The keys of the interface `Activities`. */
function declaredActivities(file: SourceFile): string[] {
  const names: string[] = [];
  walk(parse(file), (node) => {
    if (!ts.isInterfaceDeclaration(node) || node.name.text !== 'Activities') return;
    for (const member of node.members) if (member.name !== undefined) names.push(member.name.getText());
  });
  return names;
}

/** What is missing of one file per activity, with its factory, listed in index.ts. */
function misplacedActivities(names: string[], files: SourceFile[]): string[] {
  const index = files.find(({ path }) => path === 'activities/index.ts')?.text ?? '';
  return names.flatMap((name) => {
    const path = `activities/${kebab(name)}.ts`;
    const factory = `create${capital(name)}`;
    const text = files.find((file) => file.path === path)?.text;
    if (text === undefined) return [`${name} has no file ${path}`];
    const problems: string[] = [];
    if (!text.includes(`export function ${factory}(`)) problems.push(`${path} exports no ${factory}`);
    if (!index.includes(`${name}: ${factory}(deps)`))
      problems.push(`activities/index.ts does not wire ${name}`);
    return problems;
  });
}

/** Calls of `proxyActivities` elsewhere than in the one file with the options. */
function strayProxies(files: SourceFile[]): string[] {
  const calls = /\bproxy(Local)?Activities\b/;
  return files
    .filter(({ path, text }) => path !== 'workflows/activity-options.ts' && calls.test(text))
    .map(({ path }) => path);
}

/** Types of failures that are written out where they are thrown. */
function spelledFailures(files: SourceFile[]): string[] {
  const known = new Set<string>(Object.values(failureTypes));
  const found: string[] = [];
  for (const file of files) {
    if (file.path === 'activities/failure-types.ts') continue;
    walk(parse(file), (node) => {
      if (ts.isStringLiteralLike(node) && known.has(node.text)) found.push(`${file.path}: '${node.text}'`);
    });
  }
  return found;
}

/** Failures that are made without a type of failure-types.ts. */
function untypedFailures(files: SourceFile[]): string[] {
  const found: string[] = [];
  for (const file of files) {
    walk(parse(file), (node) => {
      if (!ts.isCallExpression(node)) return;
      const callee = node.expression.getText();
      if (!/^ApplicationFailure\.(create|retryable|nonRetryable)$/.test(callee)) return;
      const text = node.arguments.map((argument) => argument.getText()).join(',');
      if (!/failureTypes\.|\btype\b/.test(text)) found.push(`${file.path}: ${text.slice(0, 60)}`);
    });
  }
  return found;
}

describe('activities', () => {
  const files = sourcesIn('activities');
  const names = declaredActivities({ path: 'activities/types.ts', text: readText('activities/types.ts') });

  it('are one file each, named after what Temporal Web shows, and listed in index.ts', () => {
    expect(names).toEqual(expect.arrayContaining(['fetchProviderPage', 'upsertRawRows', 'rollupHours']));
    expect(misplacedActivities(names, files)).toEqual([]);
    const expected = ['sendMail has no file activities/send-mail.ts'];
    expect(misplacedActivities(['sendMail'], files)).toEqual(expected);
  });

  it('have all their options in one file', () => {
    expect(strayProxies(sourcesIn('workflows', 'client', 'worker'))).toEqual([]);
    const broken = { path: 'workflows/a.ts', text: 'const { a } = proxyActivities<Activities>({});' };
    expect(strayProxies([broken])).toEqual(['workflows/a.ts']);
  });

  it('have the reason for each timeout beside it', () => {
    const text = readText('workflows/activity-options.ts');
    const timeouts = text.match(/(startToCloseTimeout|heartbeatTimeout):/g) ?? [];
    expect(timeouts.length).toBeGreaterThan(3);
    for (const group of ['provider', 'longDatabase', 'shortDatabase', 'databaseRetry']) {
      expect(text, `the options ${group} have no comment`).toMatch(new RegExp(`\\*/\\nconst ${group} = `));
    }
  });
});

describe('workflows', () => {
  it('are one file each, named after what people type', () => {
    const index = readText('workflows/index.ts');
    const exported = [...index.matchAll(/export \{ (\w+) \} from '\.\/([\w-]+)\.js'/g)];
    expect(exported.length).toBeGreaterThan(2);
    for (const [, name = '', file] of exported) expect(file).toBe(kebab(name));
    expect(index.match(/^export /gm)).toHaveLength(exported.length);
  });
});

describe('failures', () => {
  const files = sourcesIn('activities', 'workflows', 'providers', 'worker');

  it('have types from failure-types.ts alone', () => {
    expect(spelledFailures(files)).toEqual([]);
    expect(untypedFailures(files)).toEqual([]);
    const spelled = {
      path: 'activities/a.ts',
      text: `throw ApplicationFailure.nonRetryable('No.', 'SourceOff');`,
    };
    expect(spelledFailures([spelled])).toEqual([`activities/a.ts: 'SourceOff'`]);
    const untyped = { path: 'activities/a.ts', text: `throw ApplicationFailure.nonRetryable('No.');` };
    expect(untypedFailures([untyped])).toHaveLength(1);
  });
});
