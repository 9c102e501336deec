/** A copy of the tree to break things in: the working tree as it is, with the packages linked and the build taken along. */
import {
  cpSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Made by tools, somebody's own, or too much to copy. */
const left = new Set(['node_modules', '.git', 'coverage', '.env']);

/** Copies the tree into a folder of its own. `apply` makes a break and returns what takes it back. */
export function copyTree(root) {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'hourledger-mutation-')));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  process.once('exit', remove);
  const filter = (source) => {
    const name = path.basename(source);
    return !left.has(name) && !name.startsWith('.hourledger') && !name.endsWith('.log');
  };
  cpSync(root, dir, { recursive: true, preserveTimestamps: true, filter });
  symlinkSync(path.join(root, 'node_modules'), path.join(dir, 'node_modules'));
  const apply = (one) => {
    const file = path.join(dir, one.file);
    const text = readFileSync(file, 'utf8');
    const { mtime, atime } = statSync(file);
    writeFileSync(file, broken(text, one));
    return () => {
      writeFileSync(file, text);
      // The build is known by the times of its sources.
      utimesSync(file, atime, mtime);
    };
  };
  return { dir, apply, remove };
}

/** One line for each break that does not apply to the tree any more. */
export function misfits(root, breaks) {
  return breaks.flatMap((one) => {
    try {
      broken(readFileSync(path.join(root, one.file), 'utf8'), one);
      return [];
    } catch (error) {
      return [`The break "${one.name}" does not apply to ${one.file}: ${error.message}`];
    }
  });
}

/** The text with the break in it. @throws Error when what is to be replaced is not there exactly once */
export function broken(text, { edits, ...one }) {
  return (edits ?? [one]).reduce(edited, text);
}

function edited(text, { inside, find, replacement }) {
  const [begin, end] = inside === undefined ? [0, text.length] : bodyOf(text, inside);
  const at = placeOf(text.slice(begin, end), find);
  if (find === replacement) throw new Error('it replaces a text by the same text.');
  return text.slice(0, begin + at) + replacement + text.slice(begin + at + find.length);
}

/** From a text that is there once to the end of the function, in SQL or TypeScript, that it begins. */
function bodyOf(text, inside) {
  const begin = placeOf(text, inside);
  const end = /^(?:\$\$;|\}|  end;|  \})$/m.exec(text.slice(begin));
  return [begin, end === null ? text.length : begin + end.index];
}

function placeOf(text, wanted) {
  const times = text.split(wanted).length - 1;
  const said = JSON.stringify(wanted.length > 80 ? `${wanted.slice(0, 77)}...` : wanted);
  if (times !== 1) throw new Error(`${said} is there ${times} times, where once is meant.`);
  return text.indexOf(wanted);
}
