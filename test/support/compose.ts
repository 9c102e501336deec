/** What docker-compose.yml and the Dockerfile say, read as Docker reads them. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { packageRoot } from '../../database/package-root.js';

export interface ComposeService {
  image: string;
  build?: string;
  entrypoint?: string[];
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  restart?: string;
  healthcheck?: { test: string[] };
  depends_on?: Record<string, { condition: string }>;
}

export interface Compose {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
}

export function readRootFile(name: string): string {
  return readFileSync(path.join(packageRoot(), name), 'utf8');
}

/** The file with anchors and merge keys resolved, and variables as they are written. */
export function readCompose(): Compose {
  return parse(readRootFile('docker-compose.yml'), { merge: true }) as Compose;
}

/** Every `${NAME…}` of a text. */
export function variablesIn(text: string): { name: string; rest: string }[] {
  return [...text.matchAll(/(?<!\$)\$\{(\w+)([^}]*)\}/g)].map(([, name = '', rest = '']) => ({ name, rest }));
}

/** A value with its variables filled in, as Docker Compose does it. @throws Error for one that is required and missing */
export function interpolate(text: string, variables: Record<string, string>): string {
  return text
    .replaceAll(
      /(?<!\$)\$\{(\w+)(?:(:[-?])([^}]*))?\}/g,
      (_whole, name: string, kind?: string, rest = '') => {
        const value = variables[name] ?? '';
        if (value !== '' || kind === undefined) return value;
        if (kind === ':?') throw new Error(`${name}: ${String(rest)}`);
        return String(rest);
      },
    )
    .replaceAll('$$', '$');
}

/** One instruction of a Dockerfile, continuation lines joined. */
export interface Instruction {
  name: string;
  rest: string;
  /** Number of the stage, from 0. */
  stage: number;
}

export function readDockerfile(text: string): Instruction[] {
  let stage = -1;
  return text
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', ...words] = line.trim().split(/\s+/);
      if (name === 'FROM') stage += 1;
      return { name, rest: words.join(' '), stage };
    });
}

/** The instructions of the image itself, without those that only build for it. */
export function lastStageOf(text: string): Instruction[] {
  const instructions = readDockerfile(text);
  const last = Math.max(...instructions.map(({ stage }) => stage));
  return instructions.filter(({ stage }) => stage === last);
}
