/** The envelope is what JSON.parse would read of it, for whatever JSON; and nothing is guessed where the text is odd. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readEnvelope } from '../../providers/envelope.js';

const json = fc.jsonValue({ noUnicodeString: false });
const indents = fc.constantFrom(undefined, 0, 2, '\t');
/** Where a body is divided, as shares of its length; several cuts at one place make empty pieces. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 });

function divided(text: string, shares: number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const places = shares.map((share) => Math.round(share * bytes.length)).sort((a, b) => a - b);
  return [0, ...places].map((begin, piece) => bytes.subarray(begin, places[piece]));
}

it('reads the members and counts the records of any page as a parser does, wherever it is divided', () => {
  const page = fc.record({
    before: fc.dictionary(fc.string({ unit: 'binary' }), json),
    calls: fc.array(fc.dictionary(fc.string({ unit: 'binary' }), json)),
    after: fc.dictionary(fc.string({ unit: 'binary' }), json),
  });
  fc.assert(
    fc.property(page, indents, cuts, ({ before, calls, after }, indent, shares) => {
      delete before['calls'];
      delete after['calls'];
      const text = JSON.stringify({ ...before, calls, ...after, next_page_uri: 'x"[]' }, null, indent);
      const members = JSON.parse(text) as Record<string, unknown>;
      expect(readEnvelope(divided(text, shares), 'calls')).toEqual({
        members: { ...members, calls: [] },
        records: calls.length,
      });
    }),
    { numRuns: 500 },
  );
});

it('reads a key and escaped quotes that are divided at every place', () => {
  const text = String.raw`{"a\\":"\"]\\\"","calls":[{"sid":"CA\\"},{"to":"\"}"}],"next_page_uri":"é"}`;
  for (let place = 0; place <= Buffer.byteLength(text); place += 1) {
    const bytes = Buffer.from(text);
    expect(readEnvelope([bytes.subarray(0, place), bytes.subarray(place)], 'calls')).toEqual({
      members: { ...(JSON.parse(text) as object), calls: [] },
      records: 2,
    });
  }
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
  expect(readEnvelope([Buffer.from(text)], 'calls')).toBeNull();
});
