/** Results of the benchmarks for people and for later runs: the table, the JSON, the comparison with the committed run. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { packageRoot } from '../database/package-root.js';
import type { Figure, Spread } from './figures.js';
import { costTable, figureTable, keptTable } from './tables.js';

export interface Machine {
  date: string;
  cores: number;
  processor: string;
  memoryGb: number;
  node: string;
  platform: string;
}

export interface Results {
  machine: Machine;
  /** Small sizes: the figures mean nothing. */
  quick: boolean;
  figures: Figure[];
}

const resultsFile = path.join(packageRoot(), 'bench', 'results.json');
const docsFile = path.join(packageRoot(), 'docs', 'performance.md');
const begin = '<!-- begin of the last run, written by npm run bench -- --write-docs -->';
const end = '<!-- end of the last run -->';

export function readMachine(): Machine {
  const all = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: all.length,
    processor: all[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}

/** Prints the figures, and what they cost. */
export function printTable(results: Results): void {
  process.stdout.write(`\n${tablesOf(results)}\n`);
}

function tablesOf({ figures }: Results): string {
  const isEmpty = (text: string) => text.split('\n').length < 3;
  const tables = [figureTable(figures), costTable(figures), keptTable(figures)];
  return tables.filter((text) => !isEmpty(text)).join('\n\n');
}

/** Writes the JSON where it is wanted; a run that is to be the committed one keeps the figures that it did not measure. */
export function writeResults(results: Results, options: { json: string | null; writeDocs: boolean }): void {
  if (options.json !== null) writeFileSync(options.json, `${JSON.stringify(results, null, 2)}\n`);
  if (!options.writeDocs) return;
  if (results.quick) throw new Error('A quick run is no result: leave out --quick, or --write-docs.');
  const merged = mergeResults(readCommitted(), results);
  writeFileSync(resultsFile, `${JSON.stringify(merged, null, 2)}\n`);
  const text = readFileSync(docsFile, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${docsFile} has no place for the table.`);
  const { date, cores, processor, memoryGb, node, platform } = merged.machine;
  const where = `${date}, ${cores} cores (${processor}), ${memoryGb} GB, Node.js ${node}, ${platform}.`;
  writeFileSync(docsFile, `${before}${begin}\n\n${where}\n\n${tablesOf(merged)}\n\n${end}${after}`);
}

function mergeResults(old: Results | null, results: Results): Results {
  const measured = new Set(results.figures.map(({ id }) => id));
  const kept = (old?.figures ?? []).filter(({ id }) => !measured.has(id));
  return { ...results, figures: [...kept, ...results.figures].sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

function readCommitted(): Results | null {
  return existsSync(resultsFile) ? (JSON.parse(readFileSync(resultsFile, 'utf8')) as Results) : null;
}

/**
 * Says what got worse since the committed run: a ratio whose runs are all worse than all runs of then.
 * @returns the exit code, 1 when something did
 */
export function compareWithCommitted(results: Results): number {
  const committed = readCommitted();
  if (committed === null) {
    process.stdout.write('There is no committed run to compare with.\n');
    return 0;
  }
  const before = new Map(committed.figures.map((figure) => [figure.id, figure]));
  const worse = results.figures.flatMap((figure) => {
    const old = before.get(figure.id);
    if (old === undefined || !isWorse(old.ratio, figure.ratio, figure.better)) return [];
    return [`${figure.id}: ${spread(figure.ratio)}, and was ${spread(old.ratio)}`];
  });
  const outcome =
    worse.length === 0
      ? 'No ratio is worse than in the committed run, beyond its spread.'
      : `Worse than the committed run of ${committed.machine.date}:\n${worse.join('\n')}`;
  process.stdout.write(`\n${outcome}\n`);
  return worse.length === 0 ? 0 : 1;
}

/** Whether even the best run of now is worse than the worst one of then. */
export function isWorse(then: Spread, now: Spread, better: Figure['better']): boolean {
  return better === 'higher' ? now.max < then.min : now.min > then.max;
}

function spread({ median, min, max }: Spread): string {
  return `${median} (${min} to ${max})`;
}
