/**
 * Writes the passwords and keys of docker-compose.yml into .env, those that are missing there: `node scripts/make-keys.mjs`.
 *
 * The two API keys are JSON Web Tokens (HS256) that name a role, signed with JWT_SECRET, as Supabase makes them; they
 * are derived from it again whenever it changes. The file is for its owner only (0600). Nothing is printed but names.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const file = path.resolve(process.argv[2] ?? '.env');
const years_s = 10 * 365 * 86_400;

let text = existsSync(file) ? readFileSync(file, 'utf8') : '';
const written = [];

// Without characters that a URL would have to escape, because they go into URLs of the database.
keep('POSTGRES_PASSWORD', () => randomBytes(24).toString('hex'));
keep('AUTHENTICATOR_PASSWORD', () => randomBytes(24).toString('hex'));
keep('JWT_SECRET', () => randomBytes(48).toString('base64url'));
derive('SUPABASE_ANON_KEY', 'anon');
derive('SUPABASE_SERVICE_ROLE_KEY', 'service_role');

const aside = `${file}.${process.pid}.new`;
writeFileSync(aside, text, { mode: 0o600 });
chmodSync(aside, 0o600);
renameSync(aside, file);
process.stdout.write(
  written.length === 0 ? `${file} has everything.\n` : `${file}: wrote ${written.join(', ')}.\n`,
);

function read(name) {
  return new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
}

function write(name, value) {
  const line = `${name}=${value}`;
  const standing = new RegExp(`^${name}=.*$`, 'm');
  if (standing.test(text)) text = text.replace(standing, () => line);
  else text += `${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`;
  written.push(name);
}

function keep(name, make) {
  if (read(name) === '') write(name, make());
}

/** A key that the secret has signed already stays, so that a second run changes nothing. */
function derive(name, role) {
  const secret = read('JWT_SECRET');
  const [header = '', claims = '', signature = ''] = read(name).split('.');
  if (signature !== '' && sign(`${header}.${claims}`, secret) === signature) return;
  const issuedAt_s = Math.floor(Date.now() / 1000);
  const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const body = { iss: 'hourledger', role, iat: issuedAt_s, exp: issuedAt_s + years_s };
  const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(body)}`;
  write(name, `${content}.${sign(content, secret)}`);
}

function sign(content, secret) {
  return createHmac('sha256', secret).update(content).digest('base64url');
}
