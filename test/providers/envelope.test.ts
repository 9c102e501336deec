/** The envelope is what JSON.parse would read of it, for whatever JSON; and nothing is guessed where the text is odd. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readEnvelope } from '../../providers/envelope.js';

const json = fc.jsonValue({ noUnicodeString: false });
const indents = fc.constantFrom(undefined, 0, 2, '\t');

it('reads the members and counts the records of any page as a parser does', () => {
  const page = fc.record({
    before: fc.dictionary(fc.string({ unit: 'binary' }), json),
    calls: fc.array(fc.dictionary(fc.string({ unit: 'binary' }), json)),
    after: fc.dictionary(fc.string({ unit: 'binary' }), json),
  });
  fc.assert(
    fc.property(page, indents, ({ before, calls, after }, indent) => {
      delete before['calls'];
      delete after['calls'];
      const text = JSON.stringify({ ...before, calls, ...after, next_page_uri: 'x"[]' }, null, indent);
      const members = JSON.parse(text) as Record<string, unknown>;
      expect(readEnvelope(text, 'calls')).toEqual({
        members: { ...members, calls: [] },
        records: calls.length,
      });
    }),
    { numRuns: 500 },
  );
});

it.each([
  ['a text cut off in the array', '{"next_page_uri":null,"calls":[{"sid":"CA1"},{"sid"'],
  ['a text cut off behind the array', '{"calls":[{"sid":"CA1"}],"next_page'],
  ['an array of something else', '{"calls":[{"sid":"CA1"},7],"next_page_uri":null}'],
  ['records without a comma between', '{"calls":[{"sid":"CA1"}{"sid":"CA2"}],"next_page_uri":null}'],
  ['a comma before the records', '{"calls":[,{"sid":"CA1"}{"sid":"CA2"}],"next_page_uri":null}'],
  ['a comma behind the records', '{"calls":[{"sid":"CA1"}{"sid":"CA2"},],"next_page_uri":null}'],
  ['two commas', '{"calls":[{"sid":"CA1"},,{"sid":"CA2"}{"sid":"CA3"}],"next_page_uri":null}'],
  ['a comma alone', '{"calls":[,],"next_page_uri":null}'],
  ['an array with an array', '{"calls":[[],{"sid":"CA1"}],"next_page_uri":null}'],
  ['an array of texts', '{"calls":["[{"],"next_page_uri":null}'],
  ['a member that comes twice', '{"calls":[{"sid":"CA1"}],"calls":[],"next_page_uri":null}'],
  ['a key with an escape', String.raw`{"c\u0061lls":[{"sid":"CA1"}],"next_page_uri":null}`],
  ['no array', '{"calls":null,"next_page_uri":null}'],
  ['an array deeper in', '{"page":{"calls":[]},"next_page_uri":null}'],
  ['an array of its own', '[{"sid":"CA1"}]'],
  ['a web page', '<html>"calls":[{}]</html>'],
  ['nothing', ''],
])('leaves to the parser: %s', (_name, text) => {
  expect(readEnvelope(text, 'calls')).toBeNull();
});
