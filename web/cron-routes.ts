/** The four addresses that a cron calls: each starts one workflow, and answers with its id or, if asked to, its result. */
import type { WorkflowHandle } from '@temporalio/client';
import { Hono, type Context, type Next } from 'hono';
import type { Source } from '../activities/types.js';
import { startWorkflow, type StartedWorkflow } from '../client/temporal.js';
import { lacking, limitBody, onlyMethods, refuse } from './answers.js';
import { endOf } from './ends.js';
import { bearerToken, isSameSecret } from './secrets.js';
import type { WebDependencies } from './types.js';

/** Nothing in a body is read; a cron sends none, or an empty object. */
const body_bytes_max = 64 * 1024;

interface CronRoute {
  /** Of the address and of the workflow: the same id, so that two calls at once start one workflow. */
  name: string;
  workflow: 'dailySync' | 'regenerateSnapshots';
  input: object;
  summary: string;
}

const routesOf = (source: Source): CronRoute[] => [
  {
    name: `sync-${source}-hourly`,
    workflow: 'dailySync',
    input: { sources: [source] },
    summary: `${source}, by HTTP`,
  },
  {
    name: `generate-${source}-snapshots`,
    workflow: 'regenerateSnapshots',
    input: { source },
    summary: `${source}, all workspaces, by HTTP`,
  },
];

const refuseMethod = onlyMethods('GET', 'POST');

export function cronRoutes(deps: WebDependencies): Hono {
  const routes = new Hono();
  for (const route of [...routesOf('twilio'), ...routesOf('elevenlabs')]) {
    const path = `/api/${route.name}`;
    // HEAD comes in as a GET whose answer nobody reads; it must not start anything.
    routes.use(path, async (c: Context, next: Next) => {
      if (c.req.method === 'HEAD') return refuseMethod(c);
      await next();
      return undefined;
    });
    routes.on(['GET', 'POST'], path, onlyWithSecret(deps), limitBody(body_bytes_max), (c) =>
      run(c, deps, route),
    );
    routes.all(path, refuseMethod);
  }
  return routes;
}

function onlyWithSecret({ settings }: WebDependencies) {
  return async (c: Context, next: Next): Promise<Response | undefined> => {
    const secret = settings.CRON_SECRET;
    if (secret === undefined) return lacking(c, 'CRON_SECRET');
    const given = bearerToken(c.req.header('authorization'));
    if (given === null || !isSameSecret(given, secret)) {
      c.header('WWW-Authenticate', 'Bearer');
      return refuse(c, 401, 'Send the header "Authorization: Bearer ..." with the value of CRON_SECRET.');
    }
    await next();
    return undefined;
  };
}

async function run(c: Context, deps: WebDependencies, route: CronRoute): Promise<Response> {
  const wait = c.req.query('wait') ?? 'false';
  if (wait !== 'true' && wait !== 'false') return refuse(c, 400, '"wait" is neither true nor false.');
  // Reads the body away, as far as it may go.
  await c.req.arrayBuffer();
  const { workflow, name, input, summary } = route;
  const started = await startWorkflow(deps.session, workflow, name, input, summary);
  const about = describe(started);
  if (wait === 'false') return c.json(about, 202);
  const end = await endOf(handleOf(deps, started), deps);
  if (end.kind === 'completed') return c.json({ ...about, result: end.result });
  if (end.kind === 'failed') return refuse(c, 500, `${name} failed: ${end.message}`, about);
  return refuse(c, 503, `The server is shutting down; ${name} goes on. Ask for its result again.`, about);
}

function describe({ workflowId, runId, attached }: StartedWorkflow) {
  return { workflowId, ...(runId === null ? {} : { runId }), attached };
}

/** Of this very run, also when a later one has taken its id meanwhile. */
function handleOf(
  { session }: WebDependencies,
  { workflowId, runId, handle }: StartedWorkflow,
): WorkflowHandle {
  return runId === null ? handle : session.client.workflow.getHandle(workflowId, runId);
}
