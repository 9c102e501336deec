/** `npm run bench`: runs benchmarks on the real parts, prints each figure beside its baseline, and compares runs. */
import { onInterrupt } from '../client/interrupt.js';
import { benchElevenlabs } from './elevenlabs.js';
import { benchIngestion } from './ingestion.js';
import { benchMemory } from './memory.js';
import { benchScale } from './scale.js';
import { benchStarting } from './starting.js';
import { benchStorage } from './storage.js';
import { benchWorkers } from './workers.js';
import type { Figure } from './figures.js';
import { readOptions, usage, type Options } from './options.js';
import { compareWithCommitted, printTable, readMachine, writeResults } from './report.js';
import { stopAll } from './system.js';

/** Each gives its figures, or throws when something other than time is wrong. */
const benches: Record<string, (options: Options) => Promise<Figure[]>> = {
  ingestion: benchIngestion,
  elevenlabs: benchElevenlabs,
  storage: benchStorage,
  starting: benchStarting,
  memory: benchMemory,
  workers: benchWorkers,
  scale: benchScale,
};

async function run(options: Options): Promise<number> {
  const figures: Figure[] = [];
  for (const [name, bench] of Object.entries(benches)) {
    if (options.only.length > 0 && !options.only.includes(name)) continue;
    options.log(`== ${name}`);
    figures.push(...(await bench(options)));
  }
  const results = { machine: readMachine(), quick: options.quick, figures };
  printTable(results);
  writeResults(results, options);
  return options.check ? compareWithCommitted(results) : 0;
}

async function main(): Promise<number> {
  let options: Options | null;
  try {
    options = readOptions(process.argv.slice(2), Object.keys(benches));
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  if (options === null) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const leave = () => void stopAll().finally(() => process.exit(130));
  onInterrupt(leave);
  try {
    return await run(options);
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await stopAll();
  }
}

process.exitCode = await main();
