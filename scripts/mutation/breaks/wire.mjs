/** Breaks of what the wire does: of L8, ids that cannot be held; of L10, connections that close, refusals that are not whole. */
const wholeAnswer = 'http/whole-answer.ts';
const httpText = 'providers/http-text.ts';
const connections = ['test/http/whole-answer.test.ts'];
const bodies = ['test/providers/http-text.test.ts'];

const ids = [
  {
    law: 'L8',
    name: 'id-that-nobody-can-hold-asked',
    breaks: 'A conversation is asked for by an id that Postgres cannot hold.',
    file: 'providers/elevenlabs/client.ts',
    find: ' && isStorable(id);',
    replacement: ' && isStorable("");',
    tests: ['test/providers/elevenlabs-client.test.ts'],
  },
];

const answers = [
  {
    name: 'closed-connection-not-replaced',
    breaks: 'A request whose kept connection was closed meanwhile is not sent again.',
    file: wholeAnswer,
    find: 'if (isRepeated || hasBegun ||',
    replacement: 'if (isRepeated || hasBegun || !hasBegun ||',
    tests: connections,
  },
  {
    name: 'new-connection-tried-again',
    breaks: 'A request is sent again although its connection was a new one.',
    file: wholeAnswer,
    find: 'return request.reusedSocket && (code',
    replacement: 'return (code',
    tests: connections,
  },
  {
    name: 'early-answer-keeps-its-socket',
    breaks: 'An answer that comes before the body was sent holds its socket for ever.',
    file: wholeAnswer,
    find: 'if (!request.writableFinished) request.destroy();',
    replacement: '',
    tests: connections,
  },
  {
    name: 'other-protocol-waited-for',
    breaks: 'A connection that ends without an answer is noticed at the deadline.',
    file: wholeAnswer,
    find: 'if (!hasBegun) failed(',
    replacement: 'if (hasBegun) failed(',
    tests: connections,
  },
  {
    name: 'refusal-without-its-status',
    breaks: 'A refusal whose packed body is empty or cut is a malformed answer.',
    file: httpText,
    find: 'const isGood = statusCode >= 200 && statusCode <= 299;',
    replacement: 'const isGood = statusCode >= 200;',
    tests: bodies,
  },
  {
    name: 'unpacked-without-bound',
    breaks: 'A packed body is unpacked however large it becomes.',
    file: httpText,
    find: '{ maxOutputLength: bodyBytesMax, finishFlush }',
    replacement: '{ finishFlush }',
    tests: bodies,
  },
].map((one) => ({ law: 'L10', ...one }));

export const wire = { ids, answers };
