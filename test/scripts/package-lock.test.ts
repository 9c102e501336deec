/** npm leaves optional packages of other machines out of package-lock.json at times, and then `npm ci` refuses to install. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../database/package-root.js';

interface Lock {
  packages: Record<string, { optionalDependencies?: Record<string, string> }>;
}

it('names every optional package of every package, for every machine', () => {
  const lock = JSON.parse(readFileSync(path.join(packageRoot(), 'package-lock.json'), 'utf8')) as Lock;
  const missing = Object.entries(lock.packages).flatMap(([from, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !isListed(lock, from, name)),
  );
  expect(missing).toEqual([]);
});

/** As Node looks packages up: beside the package that wants it, else in each folder above. */
function isListed(lock: Lock, from: string, name: string): boolean {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (`${folder}/node_modules/${name}`.replace(/^\//, '') in lock.packages) return true;
    if (folder === '') return false;
  }
}
