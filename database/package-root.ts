/** Where the package lies: the folder whose package.json is hourledger's, found from sources and from dist/ alike. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/**
 * The absolute path of the package's root folder.
 *
 * The bundler moves modules about, so a path relative to this file would not hold; package.json's name does.
 *
 * @throws Error when no folder above this file is the package.
 */
export function packageRoot(): string {
  found ??= search(path.dirname(fileURLToPath(import.meta.url)));
  return found;
}

function search(start: string): string {
  for (let folder = start; ; folder = path.dirname(folder)) {
    if (isPackage(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) {
      throw new Error(`No package.json of hourledger above "${start}": install the package again.`);
    }
  }
}

function isPackage(file: string): boolean {
  if (!existsSync(file)) return false;
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return (
    typeof content === 'object' && content !== null && 'name' in content && content.name === 'hourledger'
  );
}
