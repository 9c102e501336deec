/** Finds programs as a shell would. */
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';

/** The absolute path of a program on the PATH, or null. */
export function findOnPath(name: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(path.delimiter)) {
    const file = path.join(path.resolve(folder), name);
    if (folder !== '' && isExecutable(file)) return file;
  }
  return null;
}

/** True for a file that this user may execute. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
