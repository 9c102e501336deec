/** Tests about the tests: none is skipped, none sleeps, and each name says a behaviour. */
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { lineOf, parse, sourcesIn, walk, type SourceFile } from './support/sources.js';

/** Files that wait by the clock, each with the reason. */
const waits: Record<string, string> = {
  'test/support/wait-for.ts': 'the one place that polls a condition',
  'test/providers/support/virtual-provider.ts': 'its clock is a virtual one, which no real time passes by',
};

const files = sourcesIn('test');
const testFiles = files.filter(({ path }) => path.endsWith('.test.ts'));

/** Calls such as it.skip, describe.only or it.todo, and retries that hide a flake. */
function leftOut(sources: SourceFile[]): string[] {
  const found: string[] = [];
  for (const file of sources) {
    const tree = parse(file);
    walk(tree, (node) => {
      if (
        ts.isPropertyAccessExpression(node) &&
        /^(it|test|describe|suite)\b/.test(node.expression.getText())
      ) {
        const { text } = node.name;
        if (/^(skip|only|todo|fails|skipIf|runIf)$/.test(text))
          found.push(`${file.path}:${lineOf(tree, node)} ${text}`);
      }
      const isRetry = ts.isPropertyAssignment(node) && node.name.getText() === 'retry';
      if (isRetry && /^[1-9]/.test(node.initializer.getText()))
        found.push(`${file.path}:${lineOf(tree, node)} retry`);
    });
  }
  return found;
}

/** Waits for time to pass, rather than for a condition. */
function sleeps(sources: SourceFile[]): string[] {
  const found: string[] = [];
  for (const { path, text } of sources) {
    if (path in waits) continue;
    const tree = parse({ path, text });
    walk(tree, (node) => {
      if (!ts.isAwaitExpression(node) && !ts.isNewExpression(node)) return;
      const waiting = node.getText();
      const isTimer = ts.isAwaitExpression(node)
        ? /^await (setTimeout|delay|sleep)\(/.test(waiting)
        : /^new Promise\b[^;]{0,60}\bsetTimeout\((\w+), *[\w_]+\)/.test(waiting);
      if (isTimer) found.push(`${path}:${lineOf(tree, node)}`);
    });
  }
  return found;
}

/** Names of tests that are no words about a behaviour. */
function poorNames(sources: SourceFile[]): string[] {
  const found: string[] = [];
  for (const file of sources) {
    walk(parse(file), (node) => {
      if (!ts.isCallExpression(node) || !/^it(\.each\b.*)?$/s.test(node.expression.getText())) return;
      const [title] = node.arguments;
      if (title === undefined || !(ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) return;
      const text = title.getText().slice(1, -1);
      // The table of an it.each names the behaviours.
      if (/%s|\$\w+/.test(text)) return;
      const words = text.split(/\s+/).length;
      if (words < 3 || /^(should|test|works|it)\b/i.test(text)) found.push(`${file.path}: ${text}`);
    });
  }
  return found;
}

describe('tests', () => {
  it('are all run, once', () => {
    expect(leftOut(files)).toEqual([]);
    const broken = {
      path: 'test/a.test.ts',
      text: `it.skip('a'); describe.only('b'); it('c', { retry: 3 });`,
    };
    expect(leftOut([broken])).toHaveLength(3);
  });

  it('wait for conditions and do not sleep', () => {
    expect(sleeps(files)).toEqual([]);
    expect(Object.values(waits).every((reason) => reason.length > 20)).toBe(true);
    const broken = [
      { path: 'test/a.test.ts', text: `await delay(500);` },
      { path: 'test/b.test.ts', text: `await new Promise((resolve) => setTimeout(resolve, 500));` },
    ];
    expect(sleeps(broken)).toEqual(['test/a.test.ts:1', 'test/b.test.ts:1']);
  });

  it('have names that say a behaviour', () => {
    expect(testFiles.length).toBeGreaterThan(20);
    expect(poorNames(testFiles)).toEqual([]);
    const broken = { path: 'test/a.test.ts', text: `it('works'); it('should add two numbers');` };
    expect(poorNames([broken])).toHaveLength(2);
  });
});
