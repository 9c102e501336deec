/**
 * Breaks each law's mechanism on purpose and sees whether a test notices: npm run test:mutation. It works on a copy of the
 * tree; the checkout is only read, and with --write-docs its docs/laws.md is written. Exit 1 when a break survives.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { breaks } from './mutation/breaks.mjs';
import { mergeIntoDocs } from './mutation/docs.mjs';
import { runTests, startStack, stopStack } from './mutation/run-tests.mjs';
import { copyTree, misfits } from './mutation/tree.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const options = {
  only: { type: 'string', multiple: true },
  list: { type: 'boolean' },
  'no-baseline': { type: 'boolean' },
  'write-docs': { type: 'boolean' },
};

process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  let values;
  try {
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    return refuse(`${error.message} The options are --only NAME, --list, --no-baseline and --write-docs.`);
  }
  const names = values.only ?? [];
  const unknown = names.filter((name) => !breaks.some((one) => one.name === name || one.law === name));
  if (unknown.length > 0)
    return refuse(`There is no break "${unknown[0]}". See: npm run test:mutation -- --list`);
  const wanted = breaks.filter(
    ({ name, law }) => names.length === 0 || [name, law].some((n) => names.includes(n)),
  );
  const amiss = misfits(root, wanted);
  if (amiss.length > 0) return refuse(amiss.join('\n'), 1);
  if (values.list === true) {
    for (const { law, name, breaks: words } of wanted) console.log(`${law.padEnd(4)} ${name}: ${words}`);
    return 0;
  }
  // A run takes its time, and may be stopped: what is known is written down at once.
  const note = (result) => {
    if (values['write-docs'] === true) mergeIntoDocs(root, [result]);
  };
  const results = await runAll(wanted, values['no-baseline'] !== true, note);
  return results === null ? 1 : summarize(results);
}

function refuse(message, code = 2) {
  console.error(message);
  return code;
}

/** Null where a test fails although nothing is broken: what it then says of a break would mean nothing. */
async function runAll(wanted, withBaseline, note) {
  const copy = copyTree(root);
  let stopped = false;
  process.once('SIGINT', () => (stopped = true));
  startStack(copy.dir);
  try {
    if (withBaseline) {
      const files = [...new Set(wanted.flatMap(({ tests }) => tests))];
      console.log(`${files.length} files of tests with nothing broken…`);
      const { outcome, by, seconds } = await runTests(copy.dir, files);
      console.log(`${outcome === 'survived' ? 'They hold' : `They fail (${by})`}, ${seconds} s.`);
      if (outcome !== 'survived') return null;
    }
    const results = [];
    for (const [index, one] of wanted.entries()) {
      const restore = copy.apply(one);
      const result = { ...one, ...(await runTests(copy.dir, one.tests, one.cases)) };
      restore();
      if (stopped) return null;
      results.push(result);
      note(result);
      const place = `${index + 1}/${wanted.length}`;
      console.log(
        `${place.padEnd(8)}${result.outcome.padEnd(9)}${result.seconds.padStart(6)} s  ${one.law} ${one.name}: ${result.by}`,
      );
    }
    return results;
  } finally {
    stopStack(copy.dir);
    copy.remove();
  }
}

function summarize(results) {
  const killed = results.filter(({ outcome }) => outcome === 'killed').length;
  const left = results.filter(({ outcome }) => outcome !== 'killed');
  console.log(`\n${killed} of ${results.length} breaks were noticed.`);
  for (const { law, name, outcome, by, breaks: words } of left)
    console.log(`${outcome}: ${law} ${name} (${words}) ${by}`);
  return left.length === 0 ? 0 : 1;
}
