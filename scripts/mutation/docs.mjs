/** The table of breaks in docs/laws.md: what it says is taken over for breaks that were not run this time. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { breaks } from './breaks.mjs';

const begin = '<!-- breaks: written by npm run test:mutation -- --write-docs -->';
const end = '<!-- breaks: end -->';
const notRun = 'not run yet';

/** Writes the results of a run into the table, in the order of the list. */
export function mergeIntoDocs(root, results) {
  const file = path.join(root, 'docs', 'laws.md');
  const text = readFileSync(file, 'utf8');
  const known = new Map(rowsOf(text).map(({ name, result }) => [name, result]));
  for (const { name, outcome, by } of results)
    known.set(name, outcome === 'killed' ? by : `**${outcome}**: ${by}`);
  const lines = breaks.map(({ law, name, breaks: words }) =>
    [law, `\`${name}\``, words, known.get(name) ?? notRun].map(cell).join(' | '),
  );
  const table = [
    '| law | break | what is broken | noticed by |',
    '| --- | --- | --- | --- |',
    ...lines.map((line) => `| ${line} |`),
  ];
  const [before, rest = ''] = text.split(begin);
  const [, after = ''] = rest.split(end);
  writeFileSync(
    file,
    `${before}${begin}\n<!-- prettier-ignore-start -->\n\n${table.join('\n')}\n\n<!-- prettier-ignore-end -->\n${end}${after}`,
  );
}

/** The rows of the table as docs/laws.md has them. */
export function rowsOf(text) {
  const [, rest = ''] = text.split(begin);
  const [table = ''] = rest.split(end);
  return [...table.matchAll(/^\| (\S+) \| `([^`]+)` \| (.*?) \| (.*) \|$/gm)].map(
    ([, law, name, words, result]) => ({
      law,
      name,
      words: unescaped(words),
      result: unescaped(result),
    }),
  );
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}

function unescaped(text) {
  return text.replaceAll('\\|', '|');
}
