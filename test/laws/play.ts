/** Plays the steps of a random case against the database, then lets a last whole fetch and a drain bring it to its end. */
import pg from 'pg';
import { expect } from 'vitest';
import {
  expectedTables,
  type LedgerWorld,
  type Merged,
  type Page,
  type Source,
} from '../support/ledger-world.js';
import type { TestDatabase } from '../support/test-database.js';
import { days, workspaces, type ProviderRecord, type Step, type World } from './random-worlds.js';

const sources: readonly Source[] = ['twilio', 'elevenlabs'];

/** Reading one day by one run. */
interface Reading {
  runId: string;
  source: Source;
  day: string;
  pageSize: number;
  askSettled: boolean;
  ticket: string | number;
  offset: number;
  isAsking: boolean;
  isDone: boolean;
}

/** A request on its way: the provider reads its records when it is asked, or not before it answers. */
interface Request {
  reading: Reading | null;
  source: Source;
  runId: string;
  listed: string[];
  ids: string[];
  ticket: string | number;
  texts: string[] | null;
}

interface Staged {
  pageId: string;
  runId: string;
  counts: Merged | null;
}

const emptying = [
  ...['calls', 'elevenlabs_conversations', 'twilio_snapshots', 'elevenlabs_snapshots', 'rejected_records'],
  ...['sync_days', 'workspace_phones', 'workspace_agents', 'credit_rates'],
  ...['runs', 'day_runs', 'staged_pages', 'staged_texts', 'dirty_hours', 'dirty_keys'].map(
    (t) => `hourledger.${t}`,
  ),
];

/** Empties a database between cases, faster than a new one is made; triggers have no say in it. */
export class Cleaner {
  readonly #client: pg.Client;
  #cases = 0;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(database: TestDatabase): Promise<Cleaner> {
    const client = new pg.Client({ connectionString: database.databaseUrl });
    await client.connect();
    await client.query(`set session_replication_role = replica; set synchronous_commit = off`);
    await client.query(`insert into workspaces (id, name) values (2, 'Two'), (3, 'Three')`);
    return new Cleaner(client);
  }

  async empty({ settings, phones, agents }: World): Promise<void> {
    await this.#client.query(emptying.map((table) => `delete from ${table};`).join(''));
    await this.#client.query('update settings set ledger_currency = $1, default_workspace_id = $2', [
      settings.ledger_currency,
      settings.default_workspace_id,
    ]);
    for (const phone of phones) await insertPhone(this.#client, phone);
    for (const agent of agents) {
      await this.#client.query('insert into workspace_agents values ($1, $2)', [
        agent.agent_id,
        agent.workspace_id,
      ]);
    }
    await this.#client.query(
      `insert into credit_rates values ('2025-10-03T23:00Z', 0.00033), ('2025-10-04T01:00Z', 0.0005)`,
    );
    // What was deleted makes every look at the tables slower, until it is cleared away.
    if (this.#cases++ % 50 === 49) await this.#client.query(`vacuum ${emptying.join(', ')}`);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}

const rates = [
  { valid_from: '2025-10-03T23:00:00Z', usd_per_credit: '0.00033' },
  { valid_from: '2025-10-04T01:00:00Z', usd_per_credit: '0.0005' },
];

async function insertPhone(client: pg.Client, phone: World['phones'][number]): Promise<void> {
  const { phone_number, workspace_id, valid_from, valid_to } = phone;
  await client.query(
    'insert into workspace_phones (phone_number, workspace_id, valid_from, valid_to) values ($1, $2, $3, $4)',
    [phone_number, workspace_id, valid_from, valid_to],
  );
}

function pick<Item>(items: readonly Item[], index: number): Item | undefined {
  return items.length === 0 ? undefined : items[index % items.length];
}

export class Player {
  readonly #ledger: LedgerWorld;
  readonly #world: World;
  readonly #current = new Map<string, number>();
  readonly #readings: Reading[] = [];
  readonly #requests: Request[] = [];
  readonly #staged: Staged[] = [];
  #phones: World['phones'];
  #agents: World['agents'];
  #settings: World['settings'];
  #runs = 0;

  constructor(ledger: LedgerWorld, world: World) {
    this.#ledger = ledger;
    this.#world = world;
    this.#phones = world.phones;
    this.#agents = world.agents;
    this.#settings = world.settings;
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#steps[step.kind](step);
  }

  /** A last whole fetch, what is still on its way in any order around it, records in doubt asked, all dirt drained. */
  async finish(order: number): Promise<void> {
    for (let request = this.#requests.shift(); request !== undefined; request = this.#requests.shift()) {
      await this.#answer(request);
    }
    const finalRuns = new Set<string>();
    for (const source of sources) finalRuns.add(await this.#readWhole(source, (order % 3) + 1, true));
    await this.#mergeRest(order, finalRuns);
    for (const source of sources) await this.#askInDoubt(source);
    expect(await this.#ledger.drain((order % 4) + 1)).toEqual([]);
  }

  async expectOracleAgrees(): Promise<void> {
    const texts = (records: ProviderRecord[]): string[] => records.map(({ id }) => this.#text(id));
    const expected = expectedTables({
      calls: texts(this.#world.calls),
      conversations: texts(this.#world.conversations),
      mapping: {
        workspaces: workspaces.map((id) => ({ id, name: String(id) })),
        workspace_phones: this.#phones,
        workspace_agents: this.#agents,
        credit_rates: rates,
      },
      settings: this.#settings,
    });
    expect(await this.#ledger.tables()).toEqual(expected);
  }

  readonly #steps: Record<Step['kind'], (step: Step) => Promise<unknown>> = {
    // A source read whole and merged; read whole and left lying; everything drained.
    sync: async ({ a, b }) => {
      const source = pick(sources, a)!;
      const runId = await this.#readWhole(source, (b % 3) + 1, b % 2 === 0);
      for (const page of this.#staged) if (page.runId === runId) await this.#merge(page);
      if (b % 3 === 0) await this.#ledger.completeDays(runId, source, days);
    },
    read: ({ a, b }) => this.#readWhole(pick(sources, a)!, (b % 3) + 1, true),
    drain: async () => expect(await this.#ledger.drain(3)).toEqual([]),
    'begin run': ({ a, b }) => this.#begin(pick(sources, a)!, (b % 3) + 1, a % 4 > 1),
    'ask page': ({ a, b }) => {
      const reading = pick(
        this.#readings.filter(({ isDone, isAsking }) => !isDone && !isAsking),
        a,
      );
      return reading === undefined ? Promise.resolve() : this.#ask(reading, b);
    },
    'answer page': async ({ a }) => {
      const request = pick(this.#requests, a);
      if (request === undefined) return;
      this.#requests.splice(this.#requests.indexOf(request), 1);
      await this.#answer(request);
    },
    'merge page': ({ a, b }) => {
      // A page that is merged already is merged again now and then.
      const page = pick(b % 8 === 0 ? this.#staged : this.#staged.filter(({ counts }) => counts === null), a);
      return page === undefined ? Promise.resolve() : this.#merge(page);
    },
    'ask by id': ({ a, b }) => this.#askUnsettled(pick(sources, a)!, b % 2 === 0),
    'change record': ({ a }) => {
      const record = pick([...this.#world.calls, ...this.#world.conversations], a);
      if (record !== undefined) this.#current.set(record.id, (this.#current.get(record.id) ?? 0) + 1);
      return Promise.resolve();
    },
    assign: ({ a }) => this.#ledger.classifyDirt((a % 3) + 1),
    'roll up': ({ a }) => this.#ledger.rollupDirt((a % 3) + 1),
    'change phone': (step) => this.#changePhone(step),
    'change agent': (step) => this.#changeAgent(step),
    'change settings': ({ a, b }) => {
      this.#settings = {
        ledger_currency: pick(['USD', 'JPY'], a)!,
        default_workspace_id: pick(workspaces, b)!,
      };
      const { ledger_currency, default_workspace_id } = this.#settings;
      return this.#ledger.rows('update settings set ledger_currency = $1, default_workspace_id = $2', [
        ledger_currency,
        default_workspace_id,
      ]);
    },
    'edit row': ({ a, b }) => this.#editRow(a, b),
  };

  #record(id: string): ProviderRecord {
    return [...this.#world.calls, ...this.#world.conversations].find((record) => record.id === id)!;
  }

  #version(id: string) {
    const { versions } = this.#record(id);
    return versions[(this.#current.get(id) ?? 0) % versions.length]!;
  }

  #text(id: string): string {
    return this.#version(id).text;
  }

  /** The ids that the provider's list of a day gives now; what lies between its pages may shift meanwhile. */
  #list(source: Source, day: string): string[] {
    const records = source === 'twilio' ? this.#world.calls : this.#world.conversations;
    return records.map(({ id }) => id).filter((id) => this.#version(id).day === day);
  }

  async #begin(source: Source, pageSize: number, askSettled: boolean): Promise<Reading[]> {
    const runId = `run-${++this.#runs}`;
    const ticket = await this.#ledger.beginDays(runId, source, days);
    const begun = days.map((day): Reading => {
      return { runId, source, day, pageSize, askSettled, ticket, offset: 0, isAsking: false, isDone: false };
    });
    this.#readings.push(...begun);
    return begun;
  }

  async #ask(reading: Reading, how: number): Promise<Request> {
    const { runId, source, day, offset, pageSize, askSettled } = reading;
    // Now and then a page repeats the last record of the page before.
    const from = how % 3 === 0 ? Math.max(0, offset - 1) : offset;
    const listed = this.#list(source, day).slice(from, offset + pageSize);
    const request: Request = {
      reading,
      source,
      runId,
      listed,
      ids: listed,
      ticket: reading.ticket,
      texts: null,
    };
    if (source === 'elevenlabs') {
      const args = { p_ids: listed, p_run_id: runId, p_day: day, p_ask_settled: askSettled };
      const answer = await this.#ledger.call<{ ids: string[]; ticket: number }>('conversations_to_ask', args);
      request.ids = answer.ids;
      request.ticket = answer.ticket;
    }
    if (how % 2 === 0) request.texts = request.ids.map((id) => this.#text(id));
    reading.isAsking = true;
    this.#requests.push(request);
    return request;
  }

  async #answer(request: Request): Promise<void> {
    const { reading, source, runId, ids, listed, ticket } = request;
    const records = request.texts ?? ids.map((id) => this.#text(id));
    if (reading === null) {
      await this.#stage({
        pageId: `${runId}/ids/${ticket}`,
        source,
        runId,
        day: null,
        records,
        ids,
        askedTicket: ticket,
        isList: false,
      });
      return;
    }
    const { day, offset, pageSize } = reading;
    const pageId = `${runId}/${day}/${offset}`;
    if (source === 'elevenlabs' && ids.length > 0) {
      const details = {
        pageId: `${pageId}/from`,
        source,
        runId,
        day,
        records,
        ids,
        askedTicket: ticket,
        isList: false,
      };
      await this.#stage(details);
    }
    const isTwilio = source === 'twilio';
    const { nextTicket } = await this.#stage({
      ...{ pageId, source, runId, day, isList: true, askedTicket: reading.ticket },
      records: isTwilio ? records : [],
      ids: isTwilio ? null : listed,
      recordsKey: isTwilio ? 'calls' : null,
      // Of every other run, pages are merged as they come, as the worker has it.
      mergeAtOnce: isTwilio && Number(runId.split('-')[1]) % 2 === 0,
    });
    reading.ticket = nextTicket;
    reading.offset = offset + pageSize;
    reading.isAsking = false;
    reading.isDone = reading.offset >= this.#list(source, day).length;
  }

  async #stage(page: Page): Promise<{ nextTicket: number }> {
    this.#staged.push({ pageId: page.pageId, runId: page.runId, counts: null });
    return this.#ledger.stage(page);
  }

  async #merge(page: Staged): Promise<void> {
    const counts = await this.#ledger.merge(page.pageId);
    if (page.counts !== null) expect(counts).toEqual(page.counts);
    const { fetched, inserted, updated, unchanged, rejected } = counts;
    expect(inserted + updated + unchanged + rejected).toBe(fetched);
    expect(Math.min(inserted, updated, unchanged, rejected)).toBeGreaterThanOrEqual(0);
    page.counts = counts;
  }

  async #askUnsettled(source: Source, readsNow: boolean): Promise<void> {
    const runId = `run-${++this.#runs}`;
    const { ids, ticket } = await this.#ledger.unsettled(runId, source, '2025-10-05T00:00:00Z');
    const texts = readsNow ? ids.map((id) => this.#text(id)) : null;
    if (ids.length > 0)
      this.#requests.push({ reading: null, source, runId, listed: ids, ids, ticket, texts });
  }

  async #readWhole(source: Source, pageSize: number, askSettled: boolean): Promise<string> {
    const readings = await this.#begin(source, pageSize, askSettled);
    for (const reading of readings) {
      while (!reading.isDone) {
        const request = await this.#ask(reading, 1);
        this.#requests.splice(this.#requests.indexOf(request), 1);
        await this.#answer(request);
      }
    }
    return readings[0]!.runId;
  }

  async #mergeRest(order: number, finalRuns: ReadonlySet<string>): Promise<void> {
    const waiting = this.#staged.filter(({ counts }) => counts === null);
    for (let position = order; waiting.length > 0; position = (position * 7 + 3) % 1009) {
      const page = waiting.splice(position % waiting.length, 1)[0]!;
      await this.#merge(page);
      if (position % 4 === 0) await this.#ledger.drain();
      const isLast = !waiting.some(({ runId }) => runId === page.runId);
      if (isLast && finalRuns.has(page.runId)) {
        const { source } = this.#readings.find(({ runId }) => runId === page.runId)!;
        const totals = await this.#ledger.completeDays(page.runId, source, days);
        const { fetched, inserted, updated, unchanged, rejected, gone } = totals;
        expect(inserted + updated + unchanged + rejected + gone).toBe(fetched);
        expect(fetched).toBe((source === 'twilio' ? this.#world.calls : this.#world.conversations).length);
      }
    }
  }

  /** As a run does at its end; a further one takes what was still in doubt after that. */
  async #askInDoubt(source: Source): Promise<void> {
    for (let turn = 0; turn < 3; turn++) {
      const runId = `run-${++this.#runs}`;
      const { ids, ticket } = await this.#ledger.unordered(runId, source, days);
      if (ids.length === 0) return;
      const answers = Object.fromEntries(ids.map((id) => [id, this.#text(id)]));
      await this.#ledger.answerByIds(runId, source, answers, ticket);
    }
    throw new Error(`Records of ${source} stay in doubt although they were asked.`);
  }

  async #changePhone({ a, b }: Step): Promise<void> {
    const number = pick(['34001', '34002', '34003'], a)!;
    const at = pick(['2025-10-03T23:30:00Z', '2025-10-04T00:00:00Z', '2025-10-04T00:30:00Z'], b)!;
    const [first, then] = [pick(workspaces, a + b)!, pick(workspaces, b)!];
    const shapes: Omit<World['phones'][number], 'phone_number'>[][] = [
      [],
      [{ workspace_id: first, valid_from: null, valid_to: null }],
      [{ workspace_id: first, valid_from: null, valid_to: at }],
      [
        { workspace_id: first, valid_from: null, valid_to: at },
        { workspace_id: then, valid_from: at, valid_to: null },
      ],
    ];
    const isOf = (phone: { phone_number: string }): boolean => phone.phone_number.endsWith(number);
    const before = this.#phones.filter(isOf);
    let after = pick(shapes, b)!.map((part) => ({ phone_number: number, ...part }));
    if (b % 5 === 0 && before.length > 0) {
      after = before.map((phone) => ({ ...phone, workspace_id: then }));
      await this.#ledger.rows('update workspace_phones set workspace_id = $1 where digits = $2', [
        then,
        number,
      ]);
    } else {
      await this.#ledger.rows('delete from workspace_phones where digits = $1', [number]);
      for (const phone of after) await insertPhone(this.#ledger.client, phone);
    }
    this.#phones = [...this.#phones.filter((phone) => !isOf(phone)), ...after];
  }

  async #changeAgent({ a, b }: Step): Promise<void> {
    const agent_id = pick(['agent_1', 'agent_2'], a)!;
    const workspace_id = pick(workspaces, b)!;
    this.#agents = this.#agents.filter((agent) => agent.agent_id !== agent_id);
    if (b % 4 === 0) {
      await this.#ledger.rows('delete from workspace_agents where agent_id = $1', [agent_id]);
      return;
    }
    this.#agents = [...this.#agents, { agent_id, workspace_id }];
    await this.#ledger.rows(
      'insert into workspace_agents values ($1, $2) on conflict (agent_id) do update set workspace_id = $2',
      [agent_id, workspace_id],
    );
  }

  /** What a person does in psql: moves a record by hand, which the rules take back, or deletes it. */
  async #editRow(a: number, b: number): Promise<void> {
    const { id } = pick([...this.#world.calls, ...this.#world.conversations], a) ?? { id: '' };
    const [table, key] = id.startsWith('CA')
      ? ['calls', 'id']
      : ['elevenlabs_conversations', 'conversation_id'];
    const change = b % 2 === 0 ? `update ${table} set workspace_id = ${(b % 3) + 1}` : `delete from ${table}`;
    await this.#ledger.rows(`${change} where ${key} = $1`, [id]);
  }
}
