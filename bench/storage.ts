/** Ways to store the raw JSON: bytes for each record against the time that writing it takes. */
import { generateWorld } from '../simulator/generate.js';
import { cpuBetween, readCpu } from './cpu.js';
import { spreadOf, type Figure } from './figures.js';
import type { Options } from './options.js';
import { startSystem, type System } from './system.js';

interface Variant {
  id: string;
  title: string;
  /** What is done to the empty table. */
  setting: string;
}

/** Without a setting: compressed by pglz, because a row of 2 kB is above the threshold of 2,032 bytes. */
const baseline: Variant = { id: 'default', title: 'pglz, as it comes', setting: 'select' };
const variants: readonly Variant[] = [
  {
    id: 'lz4',
    title: 'lz4',
    setting: 'alter table bench_storage alter column raw_data set compression lz4',
  },
  {
    id: 'small-target',
    title: 'toast_tuple_target = 256: the JSON out of the row',
    setting: 'alter table bench_storage set (toast_tuple_target = 256)',
  },
  {
    id: 'large-target',
    title: 'toast_tuple_target = 4080: in the row, not compressed',
    setting: 'alter table bench_storage set (toast_tuple_target = 4080)',
  },
  {
    id: 'external',
    title: 'external: out of the row, not compressed',
    setting: 'alter table bench_storage alter column raw_data set storage external',
  },
];
const calls = 20_000;
const rowsAtOnce = 1_000;
const quickShare = 0.05;

interface Run {
  bytes: number;
  /** PostgreSQL's processor time for 1,000 records, in milliseconds. */
  write_ms: number;
  read_ms: number;
}

/** @returns for each way the bytes of a record, against the usual way */
export async function benchStorage(options: Options): Promise<Figure[]> {
  const texts = generateWorld({ calls: options.quick ? calls * quickShare : calls, days: 1 }).callTexts();
  const system = await startSystem();
  const runs = new Map<string, Run[]>();
  const missing = new Set<string>();
  try {
    for (let number = 0; number < options.runs; number += 1) {
      for (const variant of [baseline, ...variants]) {
        const run = await store(system, variant, texts);
        if (run === null) missing.add(variant.id);
        else runs.set(variant.id, [...(runs.get(variant.id) ?? []), run]);
      }
    }
  } finally {
    await system.stop();
  }
  for (const id of missing) options.log(`This build of PostgreSQL has no ${id}.`);
  return variants
    .filter(({ id }) => !missing.has(id))
    .map((variant) => figureOf(variant, runs.get(variant.id) ?? [], runs.get(baseline.id) ?? []));
}

/** @returns null where this build of PostgreSQL cannot do it */
async function store({ database, pids }: System, variant: Variant, texts: string[]): Promise<Run | null> {
  await database.query('drop table if exists bench_storage');
  await database.query(
    'create table bench_storage (id bigint generated always as identity primary key, raw_data jsonb)',
  );
  try {
    await database.query(variant.setting);
  } catch (error) {
    // feature_not_supported: built without lz4.
    if ((error as { code?: string }).code === '0A000') return null;
    throw error;
  }
  await database.query('checkpoint');
  const { postgres } = pids;
  const before = readCpu({ postgres });
  for (let first = 0; first < texts.length; first += rowsAtOnce) {
    const page = `[${texts.slice(first, first + rowsAtOnce).join(',')}]`;
    await database.query(
      'insert into bench_storage (raw_data) select value from jsonb_array_elements($1::jsonb)',
      [page],
    );
  }
  const written = readCpu({ postgres });
  const { rows } = await database.query<{ bytes: string }>(
    `select pg_total_relation_size('bench_storage') as bytes`,
  );
  await database.query(`select count(raw_data ->> 'price') from bench_storage`);
  const read = readCpu({ postgres });
  await database.query('drop table bench_storage');
  const thousands = texts.length / 1000;
  return {
    bytes: Number(rows[0]?.bytes) / texts.length,
    write_ms: cpuBetween(before, written).postgres / thousands,
    read_ms: cpuBetween(written, read).postgres / thousands,
  };
}

function figureOf(variant: Variant, runs: Run[], usual: Run[]): Figure {
  const measure = (what: string, of: Run[]) => ({
    unit: 'B a record',
    what,
    value: spreadOf(of.map(({ bytes }) => bytes)),
  });
  const times = (of: Run[]) => ({
    writeCpuMsPerThousand: spreadOf(of.map(({ write_ms }) => write_ms)),
    readCpuMsPerThousand: spreadOf(of.map(({ read_ms }) => read_ms)),
  });
  return {
    id: `storage/${variant.id}`,
    title: `Raw JSON, ${variant.title}`,
    ratio: spreadOf(runs.map(({ bytes }, index) => bytes / (usual[index]?.bytes ?? Number.NaN))),
    better: 'lower',
    target: null,
    product: measure(variant.title, runs),
    baseline: measure(baseline.title, usual),
    details: { product: times(runs), baseline: times(usual) },
  };
}
