/**
 * Bundles the TypeScript sources into dist/, fast, and only when something has changed since the last time.
 *
 * Packages stay outside the bundles. Workflows are bundled by Temporal's own bundler, which forbids what is not
 * deterministic. Builds at the same time are safe: each writes into a folder of its own, which takes dist/'s place.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, 'dist');
/** What ends up in dist/; a test, a document or a migration does not. */
const sourceFolders = [
  'activities',
  'client',
  'database',
  'http',
  'providers',
  'settings',
  'simulator',
  'stack',
  'web',
  'worker',
  'workflows',
];
const entryPoints = [
  'client/main',
  'client/demo-main',
  'worker/main',
  'worker/health-main',
  'stack/proxy-main',
  'stack/roles-main',
  'simulator/main',
  'web/main',
];
/** Built by themselves and only when they are run, so that nothing else in dist/ depends on them. */
const benchEntryPoints = ['bench/main', 'bench/baseline-twilio'];
const workflows = 'workflows/index.ts';
const workflowBundle = 'workflow-bundle.js';
const packages = ['package.json', 'package-lock.json', 'scripts/build.mjs'];

/** Builds if need be. @returns {Promise<boolean>} true when something was built */
export async function build({ log = () => undefined } = {}) {
  const stamp = stampOf([...packages, ...filesOf(sourceFolders)]);
  if (readStamp('stamp') === stamp) return false;
  log('Building…');
  const work = path.join(dist, `.new-${process.pid}-${Date.now()}`);
  mkdirSync(work, { recursive: true });
  try {
    await Promise.all([bundleSources(work), bundleWorkflows(work)]);
    writeFileSync(path.join(work, 'stamp'), stamp);
    publish(work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return true;
}

/** Bundles the benchmarks into dist/bench/; what they start is in dist/ already. */
export async function buildBench() {
  const { build: bundle } = await import('esbuild');
  await bundle({
    ...bundling,
    entryPoints: benchEntryPoints.map((entry) => ({ in: `${entry}.ts`, out: entry })),
    outdir: dist,
  });
}

/** Names, sizes and times of the sources: a quarter of a millisecond for each hundred files, where reading takes ten. */
function stampOf(files) {
  const hash = createHash('sha256').update(process.version);
  for (const file of files) {
    const found = statSync(path.join(root, file), { throwIfNoEntry: false });
    if (found) hash.update(`${file} ${found.size} ${found.mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function readStamp(name) {
  try {
    return readFileSync(path.join(dist, name), 'utf8');
  } catch {
    return null;
  }
}

function filesOf(folders) {
  const files = [];
  for (const folder of folders) {
    const absolute = path.join(root, folder);
    if (!existsSync(absolute)) continue;
    for (const entry of readdirSync(absolute, { withFileTypes: true })) {
      const file = `${folder}/${entry.name}`;
      if (entry.isDirectory()) files.push(...filesOf([file]));
      else if (/\.(ts|json|html|css)$/.test(entry.name)) files.push(file);
    }
  }
  return files.sort();
}

const bundling = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'linked',
  logLevel: 'warning',
};

async function bundleSources(work) {
  const { build: bundle } = await import('esbuild');
  const there = entryPoints.filter((entry) => existsSync(path.join(root, `${entry}.ts`)));
  await bundle({
    ...bundling,
    entryPoints: there.map((entry) => ({ in: `${entry}.ts`, out: entry })),
    outdir: work,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
  });
}

/** Takes a second or two, so a bundle of before is taken over when no workflow, and nothing they import, has changed. */
async function bundleWorkflows(work) {
  if (!existsSync(path.join(root, workflows))) return;
  const stamp = stampOf([...packages, ...filesOf(['workflows', 'activities'])]);
  const before = path.join(dist, workflowBundle);
  let code;
  if (readStamp(`${workflowBundle}.stamp`) === stamp && existsSync(before)) {
    code = readFileSync(before);
  } else {
    const { bundleWorkflowCode } = await import('@temporalio/worker');
    const silent = () => undefined;
    const logger = {
      log: silent,
      trace: silent,
      debug: silent,
      info: silent,
      warn: console.warn,
      error: console.error,
    };
    ({ code } = await bundleWorkflowCode({ workflowsPath: path.join(root, workflows), logger }));
  }
  writeFileSync(path.join(work, workflowBundle), code);
  writeFileSync(path.join(work, `${workflowBundle}.stamp`), stamp);
}

/**
 * Puts a finished build in dist/'s place. Chunks of before are kept: a process that runs may load one of them later.
 * The entry points come last but the stamp, each renamed into place, so that what they import is there.
 */
function publish(work) {
  const order = (file) => (file === 'stamp' ? 2 : file.startsWith('chunks/') ? 0 : 1);
  const files = walk(work, '').sort((a, b) => order(a) - order(b));
  for (const file of files) {
    mkdirSync(path.dirname(path.join(dist, file)), { recursive: true });
    renameSync(path.join(work, file), path.join(dist, file));
  }
  removeOldChunks(files);
}

function walk(folder, prefix) {
  return readdirSync(path.join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const file = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
    return entry.isDirectory() ? walk(folder, file) : [file];
  });
}

/** A day is longer than any process that was started from an older build would still load from it. */
function removeOldChunks(current) {
  const folder = path.join(dist, 'chunks');
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const file = path.join(folder, name);
    const age_ms = Date.now() - statSync(file).mtimeMs;
    if (!current.includes(`chunks/${name}`) && age_ms > 86_400_000) rmSync(file, { force: true });
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const began = Date.now();
  const built = await build();
  process.stdout.write(built ? `Built in ${Date.now() - began} ms\n` : 'Up to date\n');
}
