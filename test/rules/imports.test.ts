/** Imports point one way, and workflows stay free of everything that is not deterministic. */
import { describe, expect, it } from 'vitest';
import { importsOf, sourcesIn, type Import, type SourceFile } from './support/sources.js';

/** The words that all sides share: plain constants and types, without any import of their own. */
const vocabulary = new Set(['activities/types', 'activities/failure-types']);

/** Which folders each folder may use at run time, beside itself and the vocabulary. */
const mayUse: Record<string, string[]> = {
  workflows: [],
  http: [],
  providers: ['http'],
  database: ['http'],
  settings: [],
  simulator: [],
  activities: ['providers', 'database', 'settings'],
  worker: ['activities', 'providers', 'database', 'settings'],
  stack: ['database'],
  // Of workflows the client takes the checks of input and the definitions of messages.
  client: ['workflows', 'providers', 'database', 'settings'],
  web: ['client', 'workflows', 'providers', 'database', 'settings'],
};

/** Commands that run or show these parts load them when they do. */
const lazily: Record<string, string[]> = { client: ['worker', 'stack', 'simulator', 'web'] };

/** What a workflow may load: it runs in a sandbox, and is loaded anew for every one of them. */
const workflowPackages = new Set(['@temporalio/workflow', '@temporalio/common', 'zod/mini']);

/** Packages that take long to load, and who may load them. */
const heavy: Record<string, string[]> = {
  twilio: ['providers/twilio/client'],
  '@elevenlabs/elevenlabs-js': ['providers/elevenlabs/client'],
};

const sources = sourcesIn(...Object.keys(mayUse));

function folderOf(file: string): string {
  return file.split('/')[0] ?? '';
}

/** One line for each import that points the wrong way. */
function wrongWays(files: SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter((one) => one.target !== null && !isAllowed(folderOf(file.path), one))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );
}

function isAllowed(from: string, { target, isTypeOnly, isLazy }: Import): boolean {
  const to = folderOf(target ?? '');
  if (to === from || vocabulary.has(target ?? '')) return true;
  if (mayUse[from]?.includes(to) === true) return true;
  const isLoadedLate = isTypeOnly || isLazy;
  return isLoadedLate && lazily[from]?.includes(to) === true;
}

/** One line for each import of a workflow that its sandbox is no place for. */
function foreignToWorkflows(files: SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter(({ target, specifier }) => target === null && !workflowPackages.has(specifier))
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );
}

function heavyImports(files: SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter(({ specifier, isTypeOnly }) => !isTypeOnly && specifier in heavy)
      .filter(({ specifier }) => heavy[specifier]?.includes(file.path.replace(/\.ts$/, '')) !== true)
      .map(({ specifier }) => `${file.path} imports ${specifier}`),
  );
}

describe('imports', () => {
  it('point one way', () => {
    expect(wrongWays(sources)).toEqual([]);
    const broken = [
      { path: 'workflows/backfill.ts', text: `import { Ledger } from '../database/ledger.js';` },
      { path: 'activities/drain.ts', text: `import type { Stack } from '../stack/index.js';` },
      { path: 'client/main.ts', text: `import { startStack } from '../stack/index.js';` },
      { path: 'providers/days.ts', text: `export { log } from '../worker/log.js';` },
      { path: 'providers/days.ts', text: `import { Ledger } from '../database/ledger.js';` },
      { path: 'http/whole-answer.ts', text: `import { Ledger } from '../database/ledger.js';` },
    ];
    expect(wrongWays(broken)).toHaveLength(broken.length);
  });

  it('of the parts that commands run are lazy', () => {
    const lazy = { path: 'client/a.ts', text: `const { startStack } = await import('../stack/index.js');` };
    const typed = { path: 'client/a.ts', text: `import type { StackInfo } from '../stack/index.js';` };
    expect(wrongWays([lazy, typed])).toEqual([]);
  });

  it('of workflows hold nothing of Node and nothing heavy', () => {
    expect(foreignToWorkflows(sources.filter(({ path }) => path.startsWith('workflows/')))).toEqual([]);
    const broken = { path: 'workflows/a.ts', text: `import fs from 'node:fs';\nimport { z } from 'zod';` };
    expect(foreignToWorkflows([broken])).toEqual([
      'workflows/a.ts imports node:fs',
      'workflows/a.ts imports zod',
    ]);
  });

  it('of the SDKs of providers are in their own clients alone', () => {
    expect(heavyImports(sources)).toEqual([]);
    const broken = { path: 'activities/a.ts', text: `import twilio from 'twilio';` };
    expect(heavyImports([broken])).toEqual(['activities/a.ts imports twilio']);
  });

  it('of the shared vocabulary cost nothing: its files import nothing', () => {
    const files = sources.filter(({ path }) => vocabulary.has(path.replace(/\.ts$/, '')));
    expect(files).toHaveLength(vocabulary.size);
    expect(files.flatMap((file) => importsOf(file))).toEqual([]);
  });

  it('end in .js, as Node wants them', () => {
    const withoutEnding = (files: SourceFile[]) =>
      files.flatMap((file) =>
        importsOf(file)
          .filter(({ target, specifier }) => target !== null && !/\.m?js$/.test(specifier))
          .map(({ specifier }) => `${file.path} imports ${specifier}`),
      );
    expect(withoutEnding(sources)).toEqual([]);
    const broken = { path: 'client/a.ts', text: `import { b } from './b';` };
    expect(withoutEnding([broken])).toEqual(['client/a.ts imports ./b']);
  });
});
