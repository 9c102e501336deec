/** What `npm run bench` can be told, and its help. */
import path from 'node:path';
import { parseArgs } from 'node:util';

export interface Options {
  /** The benchmarks to run; all of them when there is none. */
  only: string[];
  /** The cases of a benchmark that has several; all of them when there is none. */
  cases: string[];
  runs: number;
  /** Of the big table. */
  rows: number;
  quick: boolean;
  check: boolean;
  writeDocs: boolean;
  /** Where the result goes, absolute. */
  json: string | null;
  /** Where workers write CPU profiles, absolute. */
  profileDir: string | null;
  log: (line: string) => void;
}

export const usage = `usage: npm run bench [-- OPTIONS]

  --only NAME,…    these benchmarks only
  --case NAME,…    these cases of them only
  --runs N         how often each is run (default: 3)
  --rows N         rows of the big table of the benchmark scale (default: 10000000)
  --quick          small sizes, to see that everything works; the figures mean nothing
  --check          compare with bench/results.json, the committed run: exit code 1 when a ratio is worse than its spread
  --json FILE      write the results there
  --write-docs     make this run the committed one: bench/results.json, and the table of docs/performance.md
  --profile DIR    workers write their CPU profiles there

Example:
  $ npm run bench -- --only ingestion --case usual-days --runs 5`;

/** @returns null when the help is wanted. @throws Error in one line for options that there are not */
export function readOptions(args: string[], names: readonly string[]): Options | null {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      case: { type: 'string' },
      runs: { type: 'string', default: '3' },
      rows: { type: 'string', default: '10000000' },
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
      json: { type: 'string' },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const only = list(values.only);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`--only "${unknown}" is none of ${names.join(', ')}.`);
  if (!/^[1-9]\d?$/.test(values.runs)) throw new Error(`--runs "${values.runs}" is no number from 1 to 99.`);
  if (!/^[1-9]\d{3,8}$/.test(values.rows)) {
    throw new Error(`--rows "${values.rows}" is no number from 1,000 to 999,999,999.`);
  }
  const absolute = (file: string | undefined) => (file === undefined ? null : path.resolve(file));
  return {
    only,
    cases: list(values.case),
    runs: Number(values.runs),
    rows: Number(values.rows),
    quick: values.quick,
    check: values.check,
    writeDocs: values['write-docs'],
    json: absolute(values.json),
    profileDir: absolute(values.profile),
    log: (line) => process.stderr.write(`${line}\n`),
  };
}

function list(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').filter((name) => name !== '');
}
