#!/usr/bin/env node
/** The command hourledger: builds when the sources are newer than dist/, then runs the bundled command line. */
import { existsSync } from 'node:fs';

const major = Number.parseInt(process.versions.node, 10);
if (major < 20) {
  process.stderr.write(`hourledger needs Node.js 20 or newer, and this is ${process.versions.node}.\n`);
  process.exit(2);
}

// An image holds what was built, without sources to build it from.
const hasSources = existsSync(new URL('../client/main.ts', import.meta.url));

try {
  if (hasSources) {
    const { build } = await import('../scripts/build.mjs');
    await build({ log: (line) => process.stderr.write(`${line}\n`) });
  }
} catch (error) {
  const isMissing = error?.code === 'ERR_MODULE_NOT_FOUND';
  process.stderr.write(
    isMissing ? 'Packages are missing: run "npm ci" first.\n' : `The build failed: ${error?.message}\n`,
  );
  process.exit(1);
}
await import('../dist/client/main.js');
