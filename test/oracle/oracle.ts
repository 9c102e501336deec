// The oracle: every final table from the newest records, the mapping and the settings, without the product's help.
import { Decimal } from '../../simulator/decimal.js';
import { Assigner, numberOf } from './assign.js';
import {
  readCall,
  readConversation,
  Rejection,
  type UnassignedCall,
  type UnassignedConversation,
} from './read.js';
import {
  snapshotKey,
  type OracleCall,
  type OracleCommunicationCost,
  type OracleConversation,
  type OracleElevenLabsSnapshot,
  type OracleInput,
  type OracleRejected,
  type OracleTables,
  type OracleTwilioSnapshot,
} from './types.js';

export { numberOf } from './assign.js';
export { snapshotKey } from './types.js';
export type * from './types.js';

/** Whether two texts name the same number, whatever their scale or exponent. Null equals null only. */
export function sameDecimal(a: string | null, b: string | null): boolean {
  if (a === null || b === null) return a === b;
  return Decimal.parse(a).equals(Decimal.parse(b));
}

/** A number's canonical text: no exponent, no trailing zeros behind the point. */
export function canonicalDecimal(text: string): string {
  return Decimal.parse(text).toString();
}

/** The UTC hour of an instant, ISO 8601. */
export function hourOf(instant: string): string {
  return `${new Date(instant).toISOString().slice(0, 13)}:00:00.000Z`;
}

function sum(values: readonly (string | null)[]): string {
  let total = Decimal.zero;
  for (const value of values) if (value !== null) total = total.add(Decimal.parse(value));
  return total.toString();
}

function count<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  return items.filter(holds).length;
}

function totalSeconds(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}

function readAll<Row>(
  source: OracleRejected['source'],
  texts: readonly string[],
  read: (text: string) => Row,
  keyOf: (row: Row) => string,
  rejected: OracleRejected[],
): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const text of texts) {
    try {
      const row = read(text);
      rows.set(keyOf(row), row);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      rejected.push({ source, id: error.id, reason: error.message });
    }
  }
  return rows;
}

function groupByHour<Row extends { workspace_id: number }>(
  rows: Iterable<Row>,
  dateOf: (row: Row) => string,
): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = snapshotKey(row.workspace_id, hourOf(dateOf(row)));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

function splitKey(key: string): { workspace_id: number; snapshot_date: string } {
  const [workspace = '', hour = ''] = key.split(' ');
  return { workspace_id: Number(workspace), snapshot_date: hour };
}

const unbilled = ['busy', 'failed', 'no-answer', 'canceled'];

function twilioSnapshot(
  key: string,
  calls: readonly OracleCall[],
  ledgerCurrency: string,
): OracleTwilioSnapshot {
  const priced = calls.filter(({ cost }) => cost !== null);
  const currencies = [...new Set(priced.map(({ currency }) => currency ?? 'XXX'))].sort();
  const costIn = (currency: string): string =>
    sum(priced.filter((call) => call.currency === currency).map(({ cost }) => cost));
  return {
    ...splitKey(key),
    total_calls: calls.length,
    total_cost: costIn(ledgerCurrency),
    total_duration: totalSeconds(calls.map(({ duration }) => duration)),
    real_minutes: totalSeconds(calls.map(({ duration }) => Math.ceil((duration ?? 0) / 60))),
    unpriced_calls: count(calls, ({ cost, status }) => cost === null && !unbilled.includes(status ?? '')),
    cost_by_currency: Object.fromEntries(currencies.map((currency) => [currency, costIn(currency)])),
  };
}

function elevenLabsSnapshot(key: string, rows: readonly OracleConversation[]): OracleElevenLabsSnapshot {
  return {
    ...splitKey(key),
    total_conversations: rows.length,
    total_cost: sum(rows.map(({ cost }) => cost)),
    total_cost_fiat: sum(rows.map(({ cost_fiat }) => cost_fiat)),
    total_duration: totalSeconds(rows.map(({ call_duration_secs }) => call_duration_secs)),
    credits_without_fiat: sum(rows.filter(({ cost_fiat }) => cost_fiat === null).map(({ cost }) => cost)),
    llm_price: sum(rows.map(({ llm_price }) => llm_price)),
    llm_charge: sum(rows.map(({ llm_charge }) => llm_charge)),
    call_charge: sum(rows.map(({ call_charge }) => call_charge)),
    free_minutes_consumed: sum(rows.map(({ free_minutes_consumed }) => free_minutes_consumed)),
    free_llm_dollars_consumed: sum(rows.map(({ free_llm_dollars_consumed }) => free_llm_dollars_consumed)),
    dev_discount: count(rows, ({ dev_discount }) => dev_discount === true),
    unsettled_conversations: count(
      rows,
      ({ status, cost }) => (status !== 'done' && status !== 'failed') || cost === null,
    ),
  };
}

/** What the hour's credits cost in dollars; null where a rate is needed and there is none from before the hour. */
function creditDollars(
  snapshot: OracleElevenLabsSnapshot | undefined,
  rates: OracleInput['mapping']['credit_rates'],
): string | null {
  if (snapshot === undefined) return '0';
  const credits = Decimal.parse(snapshot.credits_without_fiat);
  const fiat = Decimal.parse(snapshot.total_cost_fiat);
  if (credits.isZero()) return fiat.toString();
  let newest: { valid_from: string; usd_per_credit: string } | null = null;
  for (const rate of rates) {
    if (Date.parse(rate.valid_from) > Date.parse(snapshot.snapshot_date)) continue;
    if (newest === null || Date.parse(rate.valid_from) > Date.parse(newest.valid_from)) newest = rate;
  }
  return newest === null ? null : fiat.add(credits.times(Decimal.parse(newest.usd_per_credit))).toString();
}

function communicationCost(
  key: string,
  twilio: OracleTwilioSnapshot | undefined,
  elevenlabs: OracleElevenLabsSnapshot | undefined,
  rates: OracleInput['mapping']['credit_rates'],
  ledgerCurrency: string,
): OracleCommunicationCost {
  const dollars = creditDollars(elevenlabs, rates);
  const twilioCost = twilio?.total_cost ?? '0';
  const others = Object.entries(twilio?.cost_by_currency ?? {}).filter(
    ([currency]) => currency !== ledgerCurrency,
  );
  return {
    ...splitKey(key),
    total_calls: twilio?.total_calls ?? 0,
    total_conversations: elevenlabs?.total_conversations ?? 0,
    call_seconds: twilio?.total_duration ?? 0,
    conversation_seconds: elevenlabs?.total_duration ?? 0,
    twilio_cost: twilioCost,
    elevenlabs_credits: elevenlabs?.total_cost ?? '0',
    elevenlabs_usd: dollars,
    total_usd: dollars === null || ledgerCurrency !== 'USD' ? null : sum([twilioCost, dollars]),
    other_costs: Object.fromEntries(others),
  };
}

function listUnmapped(
  assigner: Assigner,
  calls: Iterable<UnassignedCall>,
  conversations: Iterable<UnassignedConversation>,
): OracleTables['unmapped'] {
  const unmapped: OracleTables['unmapped'] = new Map();
  const note = (address: string | null, at: string): void => {
    const number = numberOf(address);
    if (number === null || assigner.owner(address, at) !== null) return;
    const old = unmapped.get(number) ?? { records: 0, first: at, last: at };
    unmapped.set(number, {
      records: old.records + 1,
      first: at < old.first ? at : old.first,
      last: at > old.last ? at : old.last,
    });
  };
  for (const call of calls) {
    const named = call.direction === 'outbound-api' || call.direction === 'trunking-terminating';
    if (named) note(call.phone_from, call.call_date);
  }
  for (const { agent_number, conversation_date } of conversations) note(agent_number, conversation_date);
  return unmapped;
}

/** All final tables. Records come in any order; of two with one id the later in the list counts. */
export function computeTables(input: OracleInput): OracleTables {
  const { ledger_currency: currency = 'USD', default_workspace_id: fallback = 1 } = input.settings ?? {};
  const rejected: OracleRejected[] = [];
  const readCalls = readAll('twilio', input.calls, readCall, ({ id }) => id, rejected);
  const readConversations = readAll(
    'elevenlabs',
    input.conversations,
    readConversation,
    (row) => row.conversation_id,
    rejected,
  );
  const assigner = new Assigner(readCalls, input.mapping, fallback);
  const calls = new Map([...readCalls].map(([id, call]) => [id, { ...call, ...assigner.assignCall(call) }]));
  const conversations = new Map(
    [...readConversations].map(([id, row]) => [id, { ...row, ...assigner.assignConversation(row) }]),
  );
  const twilio = new Map<string, OracleTwilioSnapshot>();
  for (const [key, rows] of groupByHour(calls.values(), (call) => call.call_date)) {
    twilio.set(key, twilioSnapshot(key, rows, currency));
  }
  const elevenlabs = new Map<string, OracleElevenLabsSnapshot>();
  for (const [key, rows] of groupByHour(conversations.values(), (row) => row.conversation_date)) {
    elevenlabs.set(key, elevenLabsSnapshot(key, rows));
  }
  const costs = new Map<string, OracleCommunicationCost>();
  for (const key of new Set([...twilio.keys(), ...elevenlabs.keys()])) {
    const rates = input.mapping.credit_rates;
    costs.set(key, communicationCost(key, twilio.get(key), elevenlabs.get(key), rates, currency));
  }
  return {
    calls,
    elevenlabs_conversations: conversations,
    twilio_snapshots: twilio,
    elevenlabs_snapshots: elevenlabs,
    communication_costs: costs,
    rejected_records: rejected,
    unmapped: listUnmapped(assigner, readCalls.values(), readConversations.values()),
  };
}
