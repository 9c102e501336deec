/** `/healthz`: the process answers. `/readyz`: the database and Temporal answer it, so that it can do its work. */
import { Hono } from 'hono';
import { onlyMethods } from './answers.js';
import { log } from './log.js';
import type { WebDependencies } from './types.js';

/** Both are asked side by side; who checks health waits some seconds at most. */
const answer_ms_max = 3_000;

export function healthRoutes(deps: WebDependencies): Hono {
  const routes = new Hono();
  routes.get('/healthz', (c) => c.json({ status: 'ok' }));
  routes.get('/readyz', async (c) => {
    const [database, temporal] = await Promise.all([
      answers('database', () => askDatabase(deps)),
      answers('temporal', () => askTemporal(deps)),
    ]);
    const parts = { database: database ? 'ok' : 'no answer', temporal: temporal ? 'ok' : 'no answer' };
    if (database && temporal) return c.json({ status: 'ok', ...parts });
    const silent = [...(database ? [] : ['The database']), ...(temporal ? [] : ['Temporal'])];
    const error = `${silent.join(' and ')} did not answer within ${answer_ms_max / 1000} s. Try: hourledger doctor`;
    return c.json({ error, ...parts }, 503);
  });
  for (const path of ['/healthz', '/readyz']) routes.all(path, onlyMethods('GET'));
  return routes;
}

async function askDatabase({ ledger }: WebDependencies): Promise<void> {
  await ledger.call('read_settings', {}, AbortSignal.timeout(answer_ms_max));
}

async function askTemporal({ session }: WebDependencies): Promise<void> {
  const { client, namespace } = session;
  await client.withDeadline(Date.now() + answer_ms_max, () =>
    client.workflowService.describeNamespace({ namespace }),
  );
}

async function answers(part: string, ask: () => Promise<void>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    log.warn({ part, reason: error instanceof Error ? error.message : String(error) }, 'Not ready');
    return false;
  }
}
