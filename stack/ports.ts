/** Ports on the loopback interface: chosen free the first time, then kept. */
import { createServer } from 'node:net';
import { StackError } from './stack-error.js';
import { waitUntil } from './processes.js';

/**
 * Below the range from which systems take ports for outgoing connections (Linux from 32768, others from 49152), so that
 * none of those sits on a kept port while its part is down.
 */
const portFirst = 15_000;
const portLast = 32_000;

/** True when somebody could listen there now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A port on which nobody listens now, and that none of `taken` is. */
export async function choosePort(taken: (number | undefined)[] = []): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const port = portFirst + Math.floor(Math.random() * (portLast - portFirst));
    if (!taken.includes(port) && (await isPortFree(port))) return port;
  }
  throw new StackError(
    `No free port between ${portFirst} and ${portLast} on 127.0.0.1: end what listens there.`,
  );
}

/**
 * Makes sure that a part can have its kept port again.
 *
 * @throws StackError (exit code 2) when another program has taken it meanwhile.
 */
export async function requirePort(port: number, part: string): Promise<void> {
  // What has just been killed may hold its socket for another moment.
  if (await waitUntil(() => isPortFree(port), 2_000)) return;
  throw new StackError(
    `Port ${port}, on which ${part} of this data directory listens, is in use by another program: ` +
      `end that one (find it with: lsof -i :${port}) and start again, or use another --data-dir.`,
    2,
  );
}
