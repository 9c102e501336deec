/** The repository's files as the rules read them: text, syntax trees, and what imports what. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { packageRoot } from '../../../database/package-root.js';

export interface SourceFile {
  /** Relative to the root, with slashes. */
  path: string;
  text: string;
}

export interface Import {
  specifier: string;
  /** The file in the repository that is meant, without its ending; null for packages and Node's own modules. */
  target: string | null;
  /** Nothing of it is there at run time. */
  isTypeOnly: boolean;
  /** `import()`: loaded when that line runs. */
  isLazy: boolean;
}

/** What no rule looks at: made by tools, or not part of the project. */
const skipped = new Set(['node_modules', 'dist', 'coverage', '.git', '.hourledger', '.github']);

/** Every file of the repository that a person writes. */
export function repositoryFiles(folder = ''): string[] {
  return readdirSync(path.join(packageRoot(), folder), { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const file = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return repositoryFiles(file);
    // A person's own settings hold secrets, and are not committed.
    return entry.name === '.env' || entry.name.endsWith('.log') ? [] : [file];
  });
}

export function readText(file: string): string {
  return readFileSync(path.join(packageRoot(), file), 'utf8');
}

/** The TypeScript files below some folders. */
export function sourcesIn(...folders: string[]): SourceFile[] {
  return repositoryFiles()
    .filter((file) => folders.some((folder) => file.startsWith(`${folder}/`)))
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => ({ path: file, text: readText(file) }));
}

export function parse(file: SourceFile): ts.SourceFile {
  return ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
}

/** Calls `visit` for every node of a file. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => {
    walk(child, visit);
  });
}

export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

export function importsOf(file: SourceFile): Import[] {
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, isTypeOnly: boolean, isLazy: boolean) => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const { text } = specifier;
    imports.push({ specifier: text, target: targetOf(file.path, text), isTypeOnly, isLazy });
  };
  walk(parse(file), (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause), false);
    if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeExport(node), false);
    const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
    if (isDynamic) add(node.arguments[0], false, true);
  });
  return imports;
}

function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.every(({ isTypeOnly }) => isTypeOnly);
}

function isTypeExport(node: ts.ExportDeclaration): boolean {
  if (node.isTypeOnly) return true;
  const clause = node.exportClause;
  return clause !== undefined && ts.isNamedExports(clause) && clause.elements.every((one) => one.isTypeOnly);
}

function targetOf(from: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null;
  return path.posix.join(path.posix.dirname(from), specifier).replace(/\.m?js$/, '');
}
