/**
 * How PostgreSQL runs when hourledger runs as root: PostgreSQL refuses to be root, and the user that it runs as instead
 * may have no way into the folders of root. docs/decisions.md says why there are three ways.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, lchownSync, lstatSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { StackError } from './stack-error.js';

/** A way to run a program of PostgreSQL, and who must own its files. */
export interface RunAs {
  /** The words before the program's own. */
  prefix: string[];
  /** For node's spawn; absent where the prefix changes the user, or nothing has to change. */
  uid?: number;
  gid?: number;
  /** The owner, as this process sees it, of PostgreSQL's data; null: whoever runs this. */
  owner: User | null;
}

interface User {
  name: string;
  uid: number;
  gid: number;
}

/**
 * The first way that works for these folders (which must exist):
 * 1. not root: nothing to do;
 * 2. the unprivileged user can enter the folders: be that user;
 * 3. be that user, with just the capability to pass through folders (setpriv of util-linux);
 * 4. a user namespace: outside still root, without root's powers, inside another user (unshare of util-linux).
 */
export function chooseRunAs(dataFolder: string, programFolder: string): RunAs {
  if (process.getuid?.() !== 0) return { prefix: [], owner: null };
  const user = findUser() ?? createUser();
  if (user !== null && canEnter(dataFolder, user) && canEnter(programFolder, user)) {
    return { prefix: [], uid: user.uid, gid: user.gid, owner: user };
  }
  const program = path.join(programFolder, 'bin', 'postgres');
  const capable = user === null ? null : withCapability(user, program);
  if (user !== null && capable !== null) return { prefix: capable, owner: user };
  const inside = inNamespace(user ?? { name: 'nobody', uid: 65_534, gid: 65_534 }, program);
  if (inside !== null) return { prefix: inside, owner: { name: 'root', uid: 0, gid: 0 } };
  throw new StackError(
    `PostgreSQL cannot run as root, and the user ${user?.name ?? 'postgres'} cannot enter "${dataFolder}" or ` +
      `"${programFolder}": run as an ordinary user, or from a folder that all users can enter.`,
    2,
  );
}

/** Gives a folder of PostgreSQL's, and all in it, to the user that PostgreSQL runs as. */
export function giveTo(folder: string, runAs: RunAs): void {
  const { owner } = runAs;
  if (owner === null) return;
  const found = lstatSync(folder, { throwIfNoEntry: false });
  if (found === undefined || (found.uid === owner.uid && found.gid === owner.gid)) return;
  // The folder itself comes last: one that was given away half is given away again the next time.
  if (found.isDirectory()) {
    for (const name of readdirSync(folder)) giveTo(path.join(folder, name), runAs);
  }
  lchownSync(folder, owner.uid, owner.gid);
}

/** Lets the unprivileged user pass through the data directory, without seeing what is in it. */
export function letPass(dataDir: string, runAs: RunAs): void {
  chmodSync(dataDir, runAs.uid === undefined ? 0o700 : 0o711);
}

/** initdb wants the user to have a name. The distributions' "postgres" is made for this; any of the others would do. */
function findUser(): User | null {
  const names = process.platform === 'darwin' ? ['_postgres', 'postgres'] : ['postgres'];
  for (const name of names) {
    const user = lookUp(name);
    if (user !== null) return user;
  }
  return null;
}

function lookUp(name: string): User | null {
  try {
    const ask = (flag: string) =>
      Number.parseInt(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }), 10);
    const user = { name, uid: ask('-u'), gid: ask('-g') };
    return user.uid > 0 ? user : null;
  } catch {
    return null;
  }
}

function createUser(): User | null {
  const ways: [string, string[]][] = [
    ['useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres']],
    ['adduser', ['-S', '-D', '-H', 'postgres']],
  ];
  for (const [command, args] of ways) {
    try {
      execFileSync(command, args, { stdio: 'pipe' });
    } catch {
      // Another process has made the user meanwhile, or the next way does it.
    }
    const user = lookUp('postgres');
    if (user !== null) return user;
  }
  return lookUp('nobody');
}

/** True when each folder down to this one lets the user pass. Access lists beyond the mode bits are not looked at. */
function canEnter(folder: string, user: User): boolean {
  const real = realpathSync(folder);
  for (let current = real; ; current = path.dirname(current)) {
    const { mode, uid, gid } = statSync(current);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (current === path.dirname(current)) return true;
  }
}

/** capabilities(7): the bits of the two that let a process pass through folders; the first one can do less. */
const passCapabilities = [
  { name: 'dac_read_search', bit: 1n << 2n },
  { name: 'dac_override', bit: 1n << 1n },
];

function withCapability(user: User, program: string): string[] | null {
  if (process.platform !== 'linux') return null;
  const mine = BigInt(
    `0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`,
  );
  for (const { name, bit } of passCapabilities) {
    if ((mine & bit) === 0n) continue;
    const only = `-all,+${name}`;
    const prefix = ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
    // Without no_setuid_fixup access(2), by which initdb looks for its programs, would ignore the capability.
    prefix.push(
      '--securebits=+no_setuid_fixup',
      `--inh-caps=${only}`,
      `--ambient-caps=${only}`,
      `--bounding-set=${only}`,
    );
    if (runs(prefix, program)) return prefix;
    const unbounded = prefix.filter((word) => !word.startsWith('--bounding-set'));
    if (runs(unbounded, program)) return unbounded;
  }
  return null;
}

function inNamespace(user: User, program: string): string[] | null {
  if (process.platform !== 'linux') return null;
  const prefix = ['unshare', '--user', `--map-user=${user.uid}`, `--map-group=${user.gid}`];
  return runs(prefix, program) ? prefix : null;
}

function runs(prefix: string[], program: string): boolean {
  try {
    execFileSync('env', [...prefix, program, '--version'], { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}
