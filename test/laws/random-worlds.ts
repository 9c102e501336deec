/** Random worlds: what providers may hold, and what people and workers may do to it meanwhile. Small, so that things meet. */
import fc from 'fast-check';
import { num, stringifyJson, type JsonValue } from '../../simulator/json-text.js';
import { rfc2822 } from '../../simulator/dates.js';
import type { OracleMapping } from '../oracle/oracle.js';

export const days = ['2025-10-03', '2025-10-04'] as const;

/** A version of a record: its text, and the day whose list gives it. */
export interface Version {
  text: string;
  day: string;
}

export interface ProviderRecord {
  id: string;
  versions: Version[];
}

export interface World {
  calls: ProviderRecord[];
  conversations: ProviderRecord[];
  phones: OracleMapping['workspace_phones'][number][];
  agents: OracleMapping['workspace_agents'][number][];
  settings: { ledger_currency: string; default_workspace_id: number };
}

/** One thing that happens; the numbers choose among what there is at that moment. */
export interface Step {
  kind:
    | 'sync'
    | 'read'
    | 'drain'
    | 'begin run'
    | 'ask page'
    | 'answer page'
    | 'merge page'
    | 'ask by id'
    | 'change record'
    | 'assign'
    | 'roll up'
    | 'change phone'
    | 'change agent'
    | 'change settings'
    | 'edit row';
  a: number;
  b: number;
}

const callIds = ['CA0', 'CA1', 'CAa', 'CAB', 'CA_', 'CA9'];
const conversationIds = ['conv_0', 'conv_A', 'conv_a'];
const numbers = ['34001', '34002', '34003'];
const leads = ['57100', '57200'];
const agents = ['agent_1', 'agent_2'];
export const workspaces = [1, 2, 3];

/** Few instants, at the edges of hours and days, so that ends tie and mappings end exactly at a call. */
const instants = [
  '2025-10-03T00:00:00Z',
  '2025-10-03T22:59:59Z',
  '2025-10-03T23:30:00Z',
  '2025-10-03T23:59:59Z',
  '2025-10-04T00:00:00Z',
  '2025-10-04T00:30:00Z',
  '2025-10-04T01:00:00Z',
  '2025-10-04T18:29:59Z',
  '2025-10-04T23:59:59Z',
];
const instant = fc.constantFrom(...instants);

const written = (number: string): fc.Arbitrary<string> =>
  fc.constantFrom(number, `+${number}`, `sip:+${number}@host;x=y`, `SIPS:${number};user=phone`);
const address = (pool: readonly string[]): fc.Arbitrary<string | null> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...pool).chain(written) },
    { weight: 1, arbitrary: fc.constantFrom('client:34001', 'anonymous', 'sip:anna@host', '') },
    { weight: 1, arbitrary: fc.constant(null) },
  );

const direction = fc.constantFrom<(string | null)[]>(
  'outbound-api',
  'outbound-api',
  'trunking-terminating',
  'trunking-originating',
  'trunking-originating',
  'inbound',
  'outbound-dial',
  'something-new',
  null,
);

const price = fc.constantFrom<(string | null)[]>(
  null,
  '0',
  '-0.01400',
  '-0.00750000000000000001',
  '-12345678901234567890.5',
  '-0.1',
  '-0.2',
  '1e-7',
);

const call: fc.Arbitrary<(id: string) => Version> = fc
  .record({
    direction,
    from: address([...numbers, ...leads]),
    to: address([...leads, ...numbers]),
    start: fc.option(instant, { freq: 6 }),
    created: instant,
    end: fc.option(instant, { freq: 4 }),
    duration: fc.constantFrom(null, '0', '1', '60', '61', '86400'),
    price,
    unit: fc.constantFrom(null, 'USD', 'usd', 'JPY', ''),
    status: fc.constantFrom('completed', 'completed', 'in-progress', 'busy', 'canceled', ''),
    parent: fc.option(fc.constantFrom(...callIds, 'CA-nowhere'), { freq: 2 }),
    account: fc.constantFrom(null, 'AC1', 'AC1', 'AC/2'),
  })
  .map((r) => (id: string) => {
    const rfc = (at: string | null): string | null => (at === null ? null : rfc2822(Date.parse(at)));
    const record: Record<string, JsonValue> = {
      sid: id,
      account_sid: r.account,
      parent_call_sid: r.parent,
      from: r.from,
      to: r.to,
      direction: r.direction,
      status: r.status,
      date_created: rfc(r.created),
      start_time: rfc(r.start),
      end_time: rfc(r.end),
      duration: r.duration,
      price: r.price,
      price_unit: r.unit,
    };
    return { text: stringifyJson(record), day: (r.start ?? r.created).slice(0, 10) };
  });

const decimal = fc.constantFrom<(string | null)[]>(
  null,
  '0',
  '0.0',
  '70.0',
  '66235',
  '6.800000000000001e-05',
  '0.12345678901234567891',
);
const value = (text: string | null): JsonValue => (text === null ? null : num(text));

const conversation: fc.Arbitrary<(id: string) => Version> = fc
  .record({
    start: instant,
    status: fc.constantFrom('done', 'done', 'failed', 'processing'),
    agent: fc.option(fc.constantFrom(...agents)),
    agentNumber: address(numbers),
    callSid: fc.option(fc.constantFrom(...callIds, 'CA-nowhere'), { freq: 3 }),
    seconds: fc.constantFrom(null, '0', '59'),
    cost: decimal,
    fiat: decimal,
    price: decimal,
    charge: decimal,
    discount: fc.constantFrom(null, true, false),
    hasCharging: fc.boolean(),
    hasPhone: fc.boolean(),
  })
  .map((r) => (id: string) => {
    const charging: JsonValue = {
      llm_price: value(r.price),
      llm_charge: value(r.charge),
      call_charge: value(r.charge),
      free_minutes_consumed: value(r.price),
      dev_discount: r.discount,
    };
    const record: Record<string, JsonValue> = {
      conversation_id: id,
      agent_id: r.agent,
      status: r.status,
      metadata: {
        start_time_unix_secs: num(String(Date.parse(r.start) / 1000)),
        call_duration_secs: value(r.seconds),
        cost: value(r.cost),
        cost_fiat: value(r.fiat),
        charging: r.hasCharging ? charging : null,
        phone_call: r.hasPhone ? { agent_number: r.agentNumber, call_sid: r.callSid } : null,
      },
    };
    return { text: stringifyJson(record), day: r.start.slice(0, 10) };
  });

function records(
  ids: readonly string[],
  version: fc.Arbitrary<(id: string) => Version>,
): fc.Arbitrary<ProviderRecord[]> {
  const versions = fc.array(version, { minLength: 1, maxLength: 3 });
  return fc.array(versions, { maxLength: ids.length }).map((lists) =>
    lists.map((made, index) => {
      const id = ids[index]!;
      return { id, versions: made.map((make) => make(id)) };
    }),
  );
}

/** Validities of one number that do not overlap: always, until, from, or until and from on with another owner. */
const validity: fc.Arbitrary<Omit<World['phones'][number], 'phone_number'>[]> = fc
  .record({
    first: fc.constantFrom(...workspaces),
    then: fc.constantFrom(...workspaces),
    at: instant,
    shape: fc.nat(3),
  })
  .map(({ first, then, at, shape }) => [
    ...(shape === 0 ? [{ workspace_id: first, valid_from: null, valid_to: null }] : []),
    ...(shape === 1 || shape === 3 ? [{ workspace_id: first, valid_from: null, valid_to: at }] : []),
    ...(shape === 2 || shape === 3 ? [{ workspace_id: then, valid_from: at, valid_to: null }] : []),
  ]);

const phones = fc
  .tuple(...numbers.map(() => fc.option(validity, { freq: 4 })))
  .map((owners) =>
    owners.flatMap((parts, index) =>
      (parts ?? []).map((part) => ({ phone_number: `+${numbers[index]!}`, ...part })),
    ),
  );

const agentsOwned = fc
  .tuple(...agents.map(() => fc.option(fc.constantFrom(...workspaces))))
  .map((owners) =>
    owners.flatMap((workspace_id, index) =>
      workspace_id === null ? [] : [{ agent_id: agents[index]!, workspace_id }],
    ),
  );

export const world: fc.Arbitrary<World> = fc.record({
  calls: records(callIds, call),
  conversations: records(conversationIds, conversation),
  phones,
  agents: agentsOwned,
  settings: fc.record({
    ledger_currency: fc.constantFrom('USD', 'USD', 'JPY'),
    default_workspace_id: fc.constantFrom(1, 1, 3),
  }),
});

const kinds: Record<Step['kind'], number> = {
  sync: 5,
  read: 4,
  drain: 4,
  'begin run': 2,
  'ask page': 6,
  'answer page': 5,
  'merge page': 5,
  'ask by id': 2,
  'change record': 6,
  assign: 2,
  'roll up': 2,
  'change phone': 2,
  'change agent': 1,
  'change settings': 1,
  'edit row': 1,
};

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      ...Object.entries(kinds).map(([kind, weight]) => ({
        weight,
        arbitrary: fc.constant(kind as Step['kind']),
      })),
    ),
    a: fc.nat(60),
    b: fc.nat(60),
  }),
  { minLength: 4, maxLength: 18, size: 'max' },
);
