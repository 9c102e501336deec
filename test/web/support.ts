/** `hourledger serve` as a process of its own, and requests signed as the providers sign them. */
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks.js';

const cli = new URL('../../bin/hourledger.mjs', import.meta.url).pathname;

export interface ServeProcess {
  url: string;
  /** Everything that it has written to standard error. */
  log(): string;
  /** Sends the signal, and resolves to the exit code. */
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a server on a free port; ready when this resolves. */
export async function startServe(env: NodeJS.ProcessEnv): Promise<ServeProcess> {
  const child = spawn(process.execPath, [cli, 'serve'], {
    env: { ...env, PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (line.includes('Server is ready')) resolve((JSON.parse(line) as { url: string }).url);
    });
    void ended.then(() => reject(new Error(`The server ended: ${lines.join('\n')}`)));
  });
  return {
    url,
    log: () => lines.join('\n'),
    async kill(signal) {
      child.kill(signal);
      return (await ended)[0];
    },
  };
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  body: Record<string, unknown>;
}

export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}

export interface ElevenLabsWebhook {
  secret: string;
  /** Seconds that are added to the time of the signature. */
  shift_secs?: number;
  /** What is sent, where it is not what was signed. */
  sent?: string;
}

export function elevenLabsWebhook(body: string, how: ElevenLabsWebhook): RequestInit {
  const time = Math.floor(Date.now() / 1000) + (how.shift_secs ?? 0);
  const hmac = createHmac('sha256', how.secret).update(`${time}.${body}`).digest('hex');
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'elevenlabs-signature': `t=${time},v0=${hmac}` },
    body: how.sent ?? body,
  };
}

/** @param signedUrl the address as Twilio was told it */
export function twilioWebhook(
  fields: Record<string, string>,
  { token, signedUrl, sent = fields }: { token: string; signedUrl: string; sent?: Record<string, string> },
): RequestInit {
  return {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
      'x-twilio-signature': getExpectedTwilioSignature(token, signedUrl, fields),
    },
    body: new URLSearchParams(sent).toString(),
  };
}
