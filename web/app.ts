/** All routes in one application, with what holds for each of them. */
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { refuse } from './answers.js';
import { cronRoutes } from './cron-routes.js';
import { healthRoutes } from './health-routes.js';
import { log } from './log.js';
import type { WebDependencies } from './types.js';
import { webhookRoutes } from './webhook-routes.js';

/** The application; it listens nowhere yet. */
export function createApp(deps: WebDependencies): Hono {
  const app = new Hono();
  app.use(async (c, next) => {
    const began_ms = performance.now();
    await next();
    c.header('Cache-Control', 'no-store');
    // A connection that is kept would hold the end up.
    if (deps.stopping.aborted) c.header('Connection', 'close');
    c.header('X-Content-Type-Options', 'nosniff');
    const took_ms = Math.round(performance.now() - began_ms);
    log.info({ method: c.req.method, path: c.req.path, status: c.res.status, took_ms }, 'Request');
  });
  app.route('/', healthRoutes(deps));
  app.route('/', cronRoutes(deps));
  app.route('/', webhookRoutes(deps));
  app.notFound((c) => refuse(c, 404, `There is nothing at ${c.req.path}.`));
  app.onError((error, c) => {
    if (error instanceof HTTPException && error.status < 500)
      return refuse(c, error.status, 'The request cannot be read.');
    log.error({ method: c.req.method, path: c.req.path, reason: reasonOf(error) }, 'Request failed');
    return refuse(c, 500, 'Something failed inside; the log of hourledger serve says what.');
  });
  return app;
}

/** Names and messages, down to the cause; the objects themselves could carry headers. */
function reasonOf(error: Error): string {
  const line = `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${line} (${reasonOf(error.cause)})` : line;
}
