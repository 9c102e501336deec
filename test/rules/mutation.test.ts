/** The breaks of scripts/mutation: each still applies to the tree, names tests that there are, and stands in docs/laws.md. */
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../database/package-root.js';
import { breaks, type Break } from '../../scripts/mutation/breaks.mjs';
import { rowsOf } from '../../scripts/mutation/docs.mjs';
import { broken, misfits } from '../../scripts/mutation/tree.mjs';
import { readText, repositoryFiles } from './support/sources.js';

const laws = ['L1', 'L2', 'L3', 'L4', 'L5', 'L6', 'kept', 'L7', 'L8', 'L9', 'L10'];
const files = new Set(repositoryFiles());
const text = readText('docs/laws.md');

describe('the list of breaks', () => {
  it('breaks every law, under names of its own', () => {
    expect([...new Set(breaks.map(({ law }) => law))]).toEqual(laws);
    expect(new Set(breaks.map(({ name }) => name)).size).toBe(breaks.length);
    expect(
      breaks.filter((one) => !/^[a-z0-9-]+$/.test(one.name) || !/^[A-Z0-9`'].*\.$/.test(one.breaks)),
    ).toEqual([]);
  });

  it('applies to the tree as it is', () => {
    expect(misfits(packageRoot(), breaks)).toEqual([]);
    const gone: Break = { ...breaks[0]!, find: 'nowhere to be found' };
    expect(misfits(packageRoot(), [gone])).toEqual([expect.stringContaining('0 times')]);
    expect(() => broken('a a', { ...gone, find: 'a', replacement: 'b' })).toThrow('2 times');
    const inside = { ...gone, inside: 'f(', find: 'a', replacement: 'b' };
    expect(broken('a f(\n a\n$$;\na', inside)).toBe('a f(\n b\n$$;\na');
  });

  it('names tests that there are, and none that would notice any change at all', () => {
    const tests = new Set(breaks.flatMap((one) => one.tests));
    expect([...tests].filter((file) => !files.has(file))).toEqual([]);
    expect([...tests].filter((file) => file.startsWith('test/rules/') || file.includes('catalogue'))).toEqual(
      [],
    );
  });
});

describe('docs/laws.md', () => {
  it('has a row for each break, with the result of its last run', () => {
    const listed = breaks.map(({ law, name, breaks: words }) => ({ law, name, words }));
    const rows = rowsOf(text);
    expect(rows.map(({ law, name, words }) => ({ law, name, words }))).toEqual(listed);
    expect(rows.filter(({ result }) => !result.includes('(test/')).map(({ name }) => name)).toEqual([]);
  });

  it('names every file of tests that notices a break', () => {
    const [before = ''] = text.split('<!-- breaks:');
    const tests = new Set(breaks.flatMap((one) => one.tests));
    expect([...tests].filter((file) => !before.includes(`\`${file}\``))).toEqual([]);
  });
});
