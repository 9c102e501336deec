/** Makes sure that the packages of package-lock.json are in node_modules: plain Node, for a clone without any. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, 'node_modules');
/** What was installed last: the hash of package-lock.json. */
const record = path.join(modules, '.hourledger-lock-hash');
/** Not in node_modules, which npm ci deletes. */
const lock = path.join(root, 'dist', '.install-lock');
const nodeMajorMin = 20;
/** Installing takes a minute on a slow line; a lock this old belongs to a run that died. */
const lockAge_ms = 600_000;

/** @returns {string | null} what is wrong with this version of Node.js, in one line */
export function nodeProblem(version = process.versions.node) {
  if (Number.parseInt(version, 10) >= nodeMajorMin) return null;
  return `hourledger needs Node.js ${nodeMajorMin} or newer, and this is ${version}: install a newer one (https://nodejs.org).`;
}

/**
 * Installs when node_modules is missing or was made from another package-lock.json. Install scripts of packages are not
 * run: nothing here needs them, and newer versions of npm do not run them either.
 * @returns {number} npm's exit code; 0 when there was nothing to do
 */
export function ensurePackages({ log }) {
  if (isCurrent()) return 0;
  if (!lockInstall(log)) return isCurrent() ? 0 : 1;
  try {
    if (isCurrent()) return 0;
    log('Installing packages (npm ci), once for this package-lock.json…');
    const code = runNpm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
    if (code === 0) recordInstalled();
    else log('npm ci failed: see its message above.');
    return code;
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function hashOfLock() {
  return createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
}

function isCurrent() {
  try {
    return (existsSync(record) && readFileSync(record, 'utf8') === hashOfLock()) || isInstalledByHand();
  } catch {
    return false;
  }
}

/** After `npm ci` or `npm install` typed by a person: npm writes down what it has installed. */
function isInstalledByHand() {
  const hidden = path.join(modules, '.package-lock.json');
  if (!existsSync(hidden)) return false;
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  for (const [name, entry] of Object.entries(wanted)) {
    // The root itself is not in the list, and packages for other machines are left out.
    if (name === '' || entry.optional || entry.devOptional) continue;
    if (installed[name]?.version !== entry.version) return false;
  }
  recordInstalled();
  return true;
}

function recordInstalled() {
  writeFileSync(record, hashOfLock());
}

/** Two npm ci at once would each delete what the other one installs. @returns {boolean} true when this process may */
function lockInstall(log) {
  mkdirSync(path.dirname(lock), { recursive: true });
  for (let told = false; ; told = true) {
    try {
      mkdirSync(lock);
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const found = statSync(lock, { throwIfNoEntry: false });
    if (found && Date.now() - found.mtimeMs > lockAge_ms) rmSync(lock, { recursive: true, force: true });
    if (!told) log('Waiting for another process that installs packages…');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    if (isCurrent()) return false;
  }
}

/** The npm that runs this script, if one does, else the one on the PATH. */
function runNpm(args) {
  const npm = process.env.npm_execpath;
  const isScript = npm !== undefined && /npm-cli\.c?js$/.test(npm) && existsSync(npm);
  const [command, first] = isScript ? [process.execPath, [npm]] : ['npm', []];
  // stdout belongs to what runs afterwards: npm's own words go to stderr.
  const result = spawnSync(command, [...first, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  return result.error ? 1 : (result.status ?? 1);
}
