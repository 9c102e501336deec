/** What the ends of a page say is what JSON.parse says of all of it, for whatever JSON; and nothing is guessed where the text is odd. */
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

const anyText = fc.string({ unit: 'binary' });

it("says nothing of any page that is not the page's own, wherever it is divided", () => {
  const page = fc.record({
    before: fc.dictionary(anyText, json),
    calls: fc.array(fc.dictionary(anyText, json)),
    after: fc.dictionary(anyText, json),
  });
  fc.assert(
    fc.property(page, indents, cuts, ({ before, calls, after }, indent, shares) => {
      delete before['calls'];
      delete after['calls'];
      const text = JSON.stringify({ ...before, calls, ...after }, null, indent);
      const whole = JSON.parse(text) as Record<string, unknown>;
      const said = readEnvelope(divided(text, shares), 'calls');
      if (said !== undefined) expect({ ...whole, ...said }).toEqual({ ...whole, calls: [] });
    }),
    { numRuns: 500 },
  );
});

it('reads all members of a page as Twilio writes them, however many records it has and wherever it is divided', () => {
  const values = fc.oneof(fc.webUrl(), fc.integer(), fc.constant(null));
  const page = fc.record({
    before: fc.dictionary(fc.constantFrom('first_page_uri', 'end', 'page'), values),
    calls: fc.array(fc.dictionary(anyText, json), { maxLength: 200 }),
    after: fc.dictionary(fc.constantFrom('uri', 'page_size', 'start', 'previous_page_uri'), values),
    next: fc.oneof(fc.constant(null), fc.webUrl()),
  });
  fc.assert(
    fc.property(page, indents, cuts, ({ before, calls, after, next }, indent, shares) => {
      const members = { ...before, calls, ...after, next_page_uri: next };
      const text = JSON.stringify(members, null, indent);
      expect(readEnvelope(divided(text, shares), 'calls')).toEqual({ ...members, calls: [] });
    }),
    { numRuns: 200 },
  );
});

it('reads a page that is divided at every place, also within the key and within a character', () => {
  const text =
    String.raw`{"\u00e9\"":"é","calls" :\n[{"sid":"CA\"}]"},{"to":[1]}] ,"next_page_uri":"é"}`.replace(
      String.raw`\n`,
      '\n',
    );
  for (let place = 0; place <= Buffer.byteLength(text); place += 1) {
    const bytes = Buffer.from(text);
    expect(readEnvelope([bytes.subarray(0, place), bytes.subarray(place)], 'calls')).toEqual({
      ...(JSON.parse(text) as object),
      calls: [],
    });
  }
});

it.each([
  ['a text cut off in the array', '{"next_page_uri":null,"calls":[{"sid":"CA1"},{"sid"'],
  ['a text cut off behind the array', '{"calls":[{"sid":"CA1"}],"next_page'],
  ['a key with an escape', String.raw`{"c\u0061lls":[{"sid":"CA1"}],"next_page_uri":null}`],
  ['no array', '{"calls":null,"next_page_uri":null}'],
  ['no array, and another one', '{"calls":null,"next_page_uri":null,"links":[]}'],
  ['a bracket in a text behind the array', '{"calls":[{"sid":"CA1"}],"next_page_uri":"/a]b"}'],
  ['an array that begins far from the front', `{"a":"${'x'.repeat(5000)}","calls":[],"next_page_uri":null}`],
  ['an array that ends far from the end', `{"calls":[],"a":"${'x'.repeat(5000)}","next_page_uri":null}`],
  ['an array deeper in', '{"page":{"calls":[]},"next_page_uri":null}'],
  ['an array of its own', '[{"sid":"CA1"}]'],
  ['a web page', '<html>"calls":[{}]</html>'],
  ['nothing', ''],
])('leaves to the parser: %s', (_name, text) => {
  expect(readEnvelope([Buffer.from(text)], 'calls')).toBeUndefined();
});
