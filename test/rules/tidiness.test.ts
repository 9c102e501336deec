/** The tidy rules: files begin with what they are for, functions and files end in time, money is no number. */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import {
  lineOf,
  parse,
  readText,
  repositoryFiles,
  sourcesIn,
  walk,
  type SourceFile,
} from './support/sources.js';

const functionLines_max = 70;
const fileLines_max = 300;
/** A file of tests is a list, read one by one. */
const testFileLines_max = 400;

/** Files that are longer than others may be, each with the reason. */
const longFiles: Record<string, string> = {
  'test/workflows/backfill.test.ts': 'each promise of the backfill in one place, beside the same server',
  'test/laws/play.ts': 'one interpreter of random worlds, with every kind of step that the laws are tried on',
};

const folders = [
  'workflows',
  'activities',
  'providers',
  'database',
  'http',
  'settings',
  'worker',
  'client',
  'web',
];
const code = sourcesIn(...folders, 'stack', 'simulator', 'bench');
const all = [...code, ...sourcesIn('test'), ...scripts()];

function scripts(): SourceFile[] {
  const files = repositoryFiles().filter((file) => file.endsWith('.mjs') || file.endsWith('.config.ts'));
  return files.map((path) => ({ path, text: readText(path) }));
}

/** Files whose first words are no full sentence in a comment. */
function withoutSentence(files: SourceFile[]): string[] {
  return files
    .filter(({ text }) => {
      const begin = text.replace(/^#!.*\n/, '');
      const comment = /^\/\*\*([\s\S]*?)\*\//.exec(begin)?.[1] ?? /^((\/\/.*\n)+)/.exec(begin)?.[1] ?? '';
      const words = comment.replaceAll(/[\n\s*/]+/g, ' ').trim();
      return !/^(npm|["`'A-Z]).{15,}[.:]/.test(words);
    })
    .map(({ path }) => path);
}

function longFunctions(files: SourceFile[]): string[] {
  const found: string[] = [];
  for (const file of files) {
    const tree = parse(file);
    walk(tree, (node) => {
      if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
      const last = tree.getLineAndCharacterOfPosition(node.end).line + 1;
      const lines = file.text.split('\n').slice(lineOf(tree, node) - 1, last);
      const written = lines.filter((line) => !/^\s*(\/\/.*|\/?\*.*)?$/.test(line)).length;
      if (written > functionLines_max) found.push(`${file.path}:${lineOf(tree, node)} has ${written} lines`);
    });
  }
  return found;
}

function tooLong(files: SourceFile[]): string[] {
  return files
    .filter(({ path, text }) => {
      const max = path.startsWith('test/') ? testFileLines_max : fileLines_max;
      return text.split('\n').length - 1 > max && !(path in longFiles);
    })
    .map(({ path }) => path);
}

/** Money and credits that go into, or come out of, a JavaScript number. */
function moneyAsNumber(files: SourceFile[]): string[] {
  const money = /cost|price|credit|charge|usd|amount|fiat|money|total(?!Days|Records)/i;
  const found: string[] = [];
  for (const file of files) {
    const tree = parse(file);
    const report = (node: ts.Node) =>
      found.push(`${file.path}:${lineOf(tree, node)} ${node.getText().replaceAll(/\s+/g, ' ').slice(0, 60)}`);
    walk(tree, (node) => {
      if (
        ts.isCallExpression(node) &&
        /^(Number|parseFloat|Number\.parseFloat|Number\.parseInt|parseInt)$/.test(node.expression.getText())
      ) {
        if (money.test(node.arguments.map((argument) => argument.getText()).join(','))) report(node);
      }
      const isPlus = ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.PlusToken;
      if (isPlus && money.test(node.operand.getText())) report(node);
      const isField = ts.isPropertySignature(node) || ts.isPropertyDeclaration(node);
      if (
        isField &&
        node.type !== undefined &&
        isMoneyField(node.name.getText()) &&
        /\bnumber\b/.test(node.type.getText())
      )
        report(node);
    });
  }
  return found;
}

function isMoneyField(name: string): boolean {
  return /(cost|price|credits|charge|usd|amount|fiat)$/i.test(name);
}

describe('files', () => {
  it('begin with a sentence that says what they are for', () => {
    expect(withoutSentence(all)).toEqual([]);
    const broken = { path: 'a.ts', text: `import fs from 'node:fs';\n` };
    const empty = { path: 'b.ts', text: `/** Helpers */\nexport {};\n` };
    expect(withoutSentence([broken, empty])).toEqual(['a.ts', 'b.ts']);
  });

  it(`have at most ${fileLines_max} lines (tests ${testFileLines_max}), and each exception its reason`, () => {
    expect(tooLong(all)).toEqual([]);
    expect(Object.values(longFiles).every((reason) => reason.length > 20)).toBe(true);
    const names = new Set(all.map(({ path }) => path));
    expect(Object.keys(longFiles).filter((path) => !names.has(path))).toEqual([]);
    expect(tooLong([{ path: 'a.ts', text: 'x;\n'.repeat(fileLines_max + 1) }])).toEqual(['a.ts']);
  });

  it('have names in kebab case', () => {
    const odd = (files: string[]) =>
      files.filter((file) => !/^([\w.-]+\/)*[a-z0-9]+([-.][a-z0-9]+)*$/.test(file));
    expect(odd(all.map(({ path }) => path))).toEqual([]);
    expect(odd(['client/phonesFile.ts'])).toEqual(['client/phonesFile.ts']);
  });
});

describe('functions', () => {
  it(`have at most ${functionLines_max} lines`, () => {
    expect(longFunctions([...code, ...scripts()])).toEqual([]);
    const body = '  work();\n'.repeat(functionLines_max);
    expect(longFunctions([{ path: 'a.ts', text: `function a() {\n${body}}\n` }])).toHaveLength(1);
  });
});

describe('money and credits', () => {
  it('are never parsed into a number, nor declared as one', () => {
    // The simulator makes records up, and its prices have to come from somewhere; it keeps no books.
    expect(moneyAsNumber(code.filter(({ path }) => !path.startsWith('simulator/')))).toEqual([]);
    const broken = [
      { path: 'a.ts', text: 'const sum = Number(row.cost) + 1;' },
      { path: 'b.ts', text: 'const sum = parseFloat(price);' },
      { path: 'c.ts', text: 'interface Row { totalUsd: number | null }' },
      { path: 'd.ts', text: 'const sum = +charge;' },
    ];
    expect(moneyAsNumber(broken)).toHaveLength(broken.length);
  });
});

describe('the code', () => {
  it('has no machine of a developer in it, and no registry', () => {
    const texts = repositoryFiles().filter(
      (file) => !/\.(png|ico|json)$/.test(file) || file === 'package.json',
    );
    const leaks = (files: SourceFile[]) =>
      files.filter(({ text }) =>
        /\/(home|Users|root|work)\/[a-z]+\/|[a-z-]+\.internal\b|artifactory/i.test(text),
      );
    const own = 'test/rules/tidiness.test.ts';
    const files = texts.filter((file) => file !== own).map((path) => ({ path, text: readText(path) }));
    expect(leaks(files).map(({ path }) => path)).toEqual([]);
    expect(leaks([{ path: 'a.md', text: 'cd /home/ann/hourledger' }])).toHaveLength(1);
  });
});
