/** Texts that are laid out side by side are served as if each were a piece of its own. */
import { expect, test } from 'vitest';
import { joinTexts, TextBlocks } from '../../simulator/texts.js';

const texts = ['{"a":1}', '{}', '{"name":"Müller, 東京"}', `{"long":"${'x'.repeat(100)}"}`, '[]', '1,2'];

test.each([8, 40, 64, 1_000])('in blocks of %i bytes', (blockBytes) => {
  const blocks = new TextBlocks(blockBytes);
  const parts = texts.map((text) => blocks.add(text));
  expect(parts.map(String)).toEqual(texts);
  expect(Buffer.concat(joinTexts(parts)).toString()).toBe(texts.join(','));
  expect(Buffer.concat(joinTexts(parts.slice(1, 3))).toString()).toBe(texts.slice(1, 3).join(','));
});

test('those of one block are one piece, and others may stand between them', () => {
  const blocks = new TextBlocks();
  const [a, b, c] = [blocks.add('a'), blocks.add('b'), blocks.add('c')];
  const other = Buffer.from('other');
  expect(joinTexts([a, b, c]).map(String)).toEqual(['a,b,c']);
  expect(joinTexts([a, b, other, c]).map(String)).toEqual(['a,b', ',', 'other', ',', 'c']);
  expect(Buffer.concat(joinTexts([c, a, a, b])).toString()).toBe('c,a,a,b');
  expect(joinTexts([])).toEqual([]);
});
