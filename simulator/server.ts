// The fake providers' server: both wire formats on one loopback port, with limits, faults and counts.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer, ProviderDouble } from './answers.js';
import { arrive } from './arrivals.js';
import { control } from './control.js';
import { dayOf } from './dates.js';
import { elevenLabsDouble, type ElevenLabsCredentials } from './elevenlabs.js';
import { Faults, type FaultRule, type Limits, type RequestFacts, type SimulatedSource } from './faults.js';
import { Stats } from './stats.js';
import { twilioDouble, type TwilioCredentials } from './twilio.js';
import type { World } from './world.js';

export interface SimulatorOptions extends Limits {
  world: World;
  credentials: { twilio: TwilioCredentials; elevenlabs: ElevenLabsCredentials };
  /** 0, the default, takes a free port. */
  port?: number;
  /** A loopback address. The simulator has no business elsewhere. */
  host?: string;
  /** How long each answer takes at least. */
  latencyMs?: number;
}

export interface Simulator {
  /** An origin, for TWILIO_BASE_URL. */
  twilioUrl: string;
  /** An origin, for ELEVENLABS_BASE_URL. */
  elevenLabsUrl: string;
  world: World;
  faults: Faults;
  stats: Stats;
  /** Changes what each answer takes at least. */
  setLatencyMs: (latencyMs: number) => void;
  /** Ends the server and every connection, stalled ones included. */
  stop: () => Promise<void>;
}

/** Refusals of the last second's surplus: a window of request instants for each provider. */
class RateWindow {
  private instants: number[] = [];

  /** Whether one more request now exceeds `perSecond`; counts it when it does not. */
  exceeds(perSecond: number | undefined): boolean {
    if (perSecond === undefined) return false;
    const nowMs = performance.now();
    this.instants = this.instants.filter((instant) => instant > nowMs - 1000);
    if (this.instants.length >= perSecond) return true;
    this.instants.push(nowMs);
    return false;
  }
}

class RequestHandler {
  readonly faults = new Faults();
  readonly stats = new Stats();
  latencyMs: number;
  private readonly world: World;
  private readonly doubles: Record<SimulatedSource, ProviderDouble>;
  private readonly rates = { twilio: new RateWindow(), elevenlabs: new RateWindow() };

  constructor(options: SimulatorOptions) {
    const {
      world,
      credentials,
      latencyMs = 0,
      maxConcurrent,
      requestsPerSecond,
      retryAfterSeconds,
    } = options;
    this.world = world;
    this.latencyMs = latencyMs;
    this.doubles = {
      twilio: twilioDouble(credentials.twilio),
      elevenlabs: elevenLabsDouble(credentials.elevenlabs),
    };
    const limits: Limits = { maxConcurrent, requestsPerSecond, retryAfterSeconds };
    this.faults.limits.twilio = { ...limits };
    this.faults.limits.elevenlabs = { ...limits };
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (url.pathname.startsWith('/_simulator/')) {
      await control({ world: this.world, faults: this.faults, stats: this.stats }, url, request, response);
      return;
    }
    const source: SimulatedSource = url.pathname.startsWith('/v1/') ? 'elevenlabs' : 'twilio';
    const facts = request.method === 'GET' ? this.doubles[source].recognize(url) : null;
    if (facts === null) {
      send(response, this.doubles[source].error(404, url.pathname));
      return;
    }
    this.stats.begin(source, facts.kind, facts.id);
    response.once('close', () => this.stats.end(source));
    await this.respond(url, this.withDays(facts), request, response);
  }

  private async respond(
    url: URL,
    facts: RequestFacts,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const double = this.doubles[facts.source];
    const refusal = double.refuseCredentials(request.headers, url) ?? this.refuseSurplus(facts.source);
    if (refusal !== null) {
      this.finish(facts, response, refusal);
      return;
    }
    const hit = this.faults.take(facts);
    const delayMs = hit.reduce(
      (sum, rule) => sum + (rule.kind === 'delay' ? (rule.delayMs ?? 0) : 0),
      this.latencyMs,
    );
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    for (const rule of hit) if (rule.kind === 'arrive') arrive(this.world, facts, rule.count ?? 1);
    const early = hit.find(({ kind }) => kind === 'status' || kind === 'html' || kind === 'reset');
    if (early !== undefined) {
      this.misbehave(facts, response, early);
      return;
    }
    const answer = double.answer({ url, facts, world: this.world, faults: this.faults, hit });
    const spoiled = hit.find(({ kind }) => kind === 'cut' || kind === 'stall' || kind === 'truncate');
    if (spoiled === undefined) this.finish(facts, response, answer);
    else this.spoil(facts, response, answer, spoiled);
  }

  /** A single record's day is known to the world only. */
  private withDays(facts: RequestFacts): RequestFacts {
    if (facts.id === null) return facts;
    const records = facts.kind === 'call' ? this.world.calls : this.world.conversations;
    const entry = records.get(facts.id);
    return entry === undefined ? facts : { ...facts, days: [dayOf(entry.at)] };
  }

  private refuseSurplus(source: SimulatedSource): Answer | null {
    const {
      maxConcurrent = Number.POSITIVE_INFINITY,
      requestsPerSecond,
      retryAfterSeconds,
    } = this.faults.limits[source];
    const surplus =
      this.stats.underWay[source] > maxConcurrent || this.rates[source].exceeds(requestsPerSecond);
    return surplus ? withRetryAfter(this.doubles[source].error(429, ''), retryAfterSeconds) : null;
  }

  private misbehave(facts: RequestFacts, response: ServerResponse, rule: FaultRule): void {
    if (rule.kind === 'reset') {
      this.stats.count(facts.kind, 'reset');
      response.socket?.resetAndDestroy();
      return;
    }
    if (rule.kind === 'html') {
      const body = rule.body ?? '<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>';
      const answer = { status: rule.status ?? 200, body, headers: { 'content-type': 'text/html' } };
      this.finish(facts, response, withRetryAfter(answer, rule.retryAfterSeconds));
      return;
    }
    const answer = this.doubles[facts.source].error(rule.status ?? 500, facts.path);
    this.finish(
      facts,
      response,
      withRetryAfter({ ...answer, body: rule.body ?? answer.body }, rule.retryAfterSeconds),
    );
  }

  /** The answer is right, but only half of it arrives. */
  private spoil(facts: RequestFacts, response: ServerResponse, answer: Answer, rule: FaultRule): void {
    const body = Buffer.concat(toBuffers(answer.body));
    const half = body.subarray(0, Math.floor(body.length / 2));
    if (rule.kind === 'truncate') {
      this.finish(facts, response, { ...answer, body: half });
      return;
    }
    this.stats.count(facts.kind, rule.kind);
    response.writeHead(answer.status, { 'content-type': 'application/json', 'content-length': body.length });
    response.write(half, () => {
      if (rule.kind === 'cut') response.socket?.destroy();
    });
  }

  private finish(facts: RequestFacts, response: ServerResponse, answer: Answer): void {
    this.stats.count(facts.kind, String(answer.status));
    send(response, answer);
  }
}

function toBuffers(body: Answer['body']): readonly Buffer[] {
  if (typeof body === 'string') return [Buffer.from(body)];
  return Buffer.isBuffer(body) ? [body] : body;
}

function withRetryAfter(answer: Answer, seconds: number | undefined): Answer {
  if (seconds === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(seconds) } };
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  const pieces = toBuffers(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': pieces.reduce((sum, { length }) => sum + length, 0),
    ...headers,
  });
  for (const piece of pieces.slice(0, -1)) response.write(piece);
  response.end(pieces.at(-1));
}

/** Starts the fake providers. @throws the server's error, for example when the port is taken (EADDRINUSE). */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { port = 0, host = '127.0.0.1' } = options;
  if (!/^(?:127(?:\.\d+){3}|::1|localhost)$/.test(host)) {
    throw new RangeError(`The simulator listens on loopback only, not on ${JSON.stringify(host)}.`);
  }
  const handler = new RequestHandler(options);
  const server = createServer((request, response) => {
    handler.handle(request, response).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      if (!response.headersSent) send(response, { status: 500, body: `The simulator failed: ${message}` });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
  return {
    twilioUrl: origin,
    elevenLabsUrl: origin,
    world: options.world,
    faults: handler.faults,
    stats: handler.stats,
    setLatencyMs: (latencyMs) => {
      handler.latencyMs = latencyMs;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
