// Orders to a running simulator over HTTP, for those who are not in its process. Loopback only, as the server is.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FaultRule, Faults, Limits } from './faults.js';
import { isObject, parseJsonObject, type JsonObject, type JsonValue } from './json-text.js';
import type { Stats } from './stats.js';
import type { World } from './world.js';

interface Controlled {
  world: World;
  faults: Faults;
  stats: Stats;
}

interface FaultOrders {
  clear?: boolean;
  add?: FaultRule[];
  remove?: number[];
  limits?: Partial<Record<'twilio' | 'elevenlabs', Limits>>;
  paging?: 'keyset' | 'offset';
  nextPageUri?: 'page-token' | 'after-sid';
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? '{}' : text;
}

function orderFaults(faults: Faults, orders: FaultOrders): object {
  if (orders.clear === true) faults.clear();
  for (const id of orders.remove ?? []) faults.remove(id);
  const added = (orders.add ?? []).map((rule) => faults.add(rule));
  Object.assign(faults.limits, orders.limits);
  if (orders.paging !== undefined) faults.paging = orders.paging;
  if (orders.nextPageUri !== undefined) faults.nextPageUri = orders.nextPageUri;
  return { added, rules: faults.list(), limits: faults.limits };
}

function texts(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** `{calls: {SID: patch}, conversations: {ID: patch}, removeCalls: [SID], now: ISO text or null}`. */
function orderWorld(world: World, orders: JsonObject): object {
  const { calls, conversations, removeCalls, removeConversations, now } = orders;
  if (isObject(calls)) {
    for (const [sid, patch] of Object.entries(calls)) if (isObject(patch)) world.upsertCall(sid, patch);
  }
  if (isObject(conversations)) {
    for (const [id, patch] of Object.entries(conversations)) {
      if (isObject(patch)) world.upsertConversation(id, patch);
    }
  }
  for (const sid of texts(removeCalls)) world.removeCall(sid);
  for (const id of texts(removeConversations)) world.removeConversation(id);
  if (now === null || typeof now === 'string') world.setNow(now);
  return { calls: world.calls.size, conversations: world.conversations.size };
}

/**
 * `POST /_simulator/faults` and `/_simulator/world` take orders, `POST /_simulator/stats/reset` counts anew,
 * `GET` of the first and of `/_simulator/stats` shows what is.
 */
export async function control(
  { world, faults, stats }: Controlled,
  url: URL,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const order = `${request.method ?? ''} ${url.pathname.slice('/_simulator/'.length)}`;
  const text = await readBody(request);
  let result: object | null = null;
  let status = 200;
  try {
    if (order === 'POST faults') result = orderFaults(faults, JSON.parse(text) as FaultOrders);
    if (order === 'GET faults') result = orderFaults(faults, {});
    if (order === 'POST world') result = orderWorld(world, parseJsonObject(text));
    if (order === 'GET stats') result = stats.toJSON();
    if (order === 'POST stats/reset') {
      stats.reset();
      result = stats.toJSON();
    }
  } catch (error) {
    status = 400;
    result = { error: error instanceof Error ? error.message : String(error) };
  }
  response.writeHead(result === null ? 404 : status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(result ?? { error: `There is no ${order}.` }));
}
