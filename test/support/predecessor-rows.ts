/**
 * Rows of the system before hourledger: the ordinary ones, and each oddity that its databases have. Beside each stands
 * the provider's record that the ledger has to make of it, which the oracle then computes all tables from.
 */
import { randomBytes } from 'node:crypto';

export interface OldCall {
  id: string;
  workspace_id?: number | null;
  source?: string | null;
  phone_from?: string | null;
  phone_to?: string | null;
  duration?: number | null;
  cost?: string | null;
  status?: string | null;
  call_date?: string | null;
  /** JSON text. */
  raw_data?: string | null;
}

export interface CallCase {
  what: string;
  row: OldCall;
  /** What the ledger understands, in the API's words; null: no Twilio call of the ledger. */
  record: Record<string, unknown> | null;
}

const account = 'AC00000000000000000000000000000011';
const lead = '+12395550122';
const created = '2025-10-04T14:59:58.000Z';
const started = '2025-10-04T15:00:00.000Z';
const ended = '2025-10-04T15:01:05.000Z';

/** The API's object of an ordinary call of workspace 4, of which a case changes something. */
function wire(id: string, change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    sid: id,
    account_sid: account,
    parent_call_sid: null,
    from: '+12025550104',
    to: '+12395550900',
    direction: 'outbound-api',
    status: 'completed',
    date_created: created,
    start_time: started,
    end_time: ended,
    duration: '65',
    price: '-0.00850',
    price_unit: 'USD',
    phone_number_sid: 'PN00000000000000000000000000000004',
    ...change,
  };
}

/** The JSON of the twilio SDK's object: camelCase, dates as ISO 8601. */
export function sdkJson(record: Record<string, unknown>): string {
  const camel = (name: string) => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return JSON.stringify(
    Object.fromEntries(Object.entries(record).map(([key, value]) => [camel(key), value])),
  );
}

/** The row that the predecessor made of a record: cost cut to four decimals, null become 0. */
function stored(record: Record<string, unknown>, change: Partial<OldCall> = {}): OldCall {
  const price = record['price'];
  return {
    id: String(record['sid']),
    workspace_id: 4,
    source: 'twilio',
    phone_from: record['from'] as string | null,
    phone_to: record['to'] as string | null,
    duration: Number(record['duration'] ?? 0),
    cost: typeof price === 'string' && /^-?[\d.]+$/.test(price) ? price.replace('-', '') : '0',
    status: record['status'] as string,
    call_date: (record['start_time'] ?? record['date_created']) as string | null,
    raw_data: sdkJson(record),
    ...change,
  };
}

function fromRaw(
  what: string,
  id: string,
  change: Record<string, unknown>,
  column: Partial<OldCall> = {},
): CallCase {
  const record = wire(id, change);
  return { what, row: stored(record, column), record };
}

/** Only the columns are there: no direction, no account, no end. */
function fromColumns(what: string, row: OldCall, change: Record<string, unknown> = {}): CallCase {
  const column = {
    phone_from: '+12025550104',
    phone_to: '+12395550901',
    status: 'completed',
    duration: 61,
    ...row,
  };
  const full: OldCall = { workspace_id: 4, source: 'twilio', call_date: started, raw_data: null, ...column };
  const record = {
    sid: row.id,
    from: full.phone_from,
    to: full.phone_to,
    status: full.status,
    start_time: full.call_date,
    duration: full.duration === null ? null : String(full.duration),
    price: full.cost ?? null,
    price_unit: full.cost === null || full.cost === undefined ? null : 'USD',
    ...change,
  };
  return { what, row: full, record };
}

const unknownCost = { price: null, price_unit: null };
/** Text that does not compress: longer than what an index of Postgres takes. */
const longText = randomBytes(4000).toString('hex');

export const callCases: CallCase[] = [
  fromRaw('an ordinary call', 'CA01', {}),
  fromRaw('more digits than the column', 'CA02', { price: '-0.00750000000000000001' }, { cost: '0.0075' }),
  fromRaw('a price that is not there yet, become 0', 'CA03', { price: null }),
  fromRaw('a price of 0 that Twilio says', 'CA04', { price: '0' }),
  fromColumns('cost 0 without raw_data', { id: 'CA05', cost: '0' }, unknownCost),
  fromColumns('a cost without raw_data or currency', { id: 'CA06', cost: '0.0123' }),
  { ...fromRaw('raw_data without a currency', 'CA07', { price_unit: 'USD' }), ...withoutUnit('CA07') },
  {
    ...fromRaw('a currency in small letters', 'CA08', { price_unit: 'EUR' }),
    row: stored(wire('CA08', { price_unit: 'eur' })),
  },
  fromRaw(
    'a call that has not started',
    'CA09',
    {
      start_time: null,
      end_time: null,
      duration: null,
      price: null,
      status: 'queued',
    },
    { call_date: null, duration: 0 },
  ),
  {
    what: 'no date at all',
    row: { id: 'CA10', source: 'twilio', workspace_id: 4, status: 'queued', cost: '0' },
    record: null,
  },
  fromRaw('a leg to a lead', 'CA11', {
    direction: 'trunking-terminating',
    to: lead,
    end_time: '2025-10-04T16:10:00.000Z',
  }),
  fromRaw(
    'its transfer, on another day',
    'CA12',
    {
      direction: 'trunking-originating',
      from: lead,
      to: 'sip:+34911000000@host;p=1',
      start_time: '2025-10-05T00:10:00.000Z',
      end_time: '2025-10-05T00:12:00.000Z',
      price: '-0.0040',
    },
    { workspace_id: 1 },
  ),
  fromRaw(
    'a child of another call',
    'CA13',
    {
      direction: 'outbound-dial',
      from: '+12025559999',
      parent_call_sid: 'CA01',
      price: '-0.0140',
    },
    { workspace_id: 1 },
  ),
  {
    what: 'a call of source elevenlabs',
    row: {
      id: 'conv_in_calls',
      source: 'elevenlabs',
      workspace_id: 5,
      cost: '120.5',
      call_date: started,
      duration: 70,
      raw_data: '{"metadata":{"cost":120.5}}',
    },
    record: null,
  },
  fromRaw('no workspace, and a number in no list', 'CA15', { from: '+12025557777' }, { workspace_id: null }),
  fromRaw('a number under two workspaces', 'CA16', { from: '+12025550199' }, { workspace_id: 5 }),
  fromRaw("a workspace's own number", 'CA17', { from: '+12025550106' }, { workspace_id: 6 }),
  { ...fromRaw('raw_data stored as the text of its JSON', 'CA18', { price: '-0.12345' }), ...asText('CA18') },
  fromColumns('raw_data that is an array', { id: 'CA19', cost: '0.02', raw_data: '[1]' }),
  fromColumns('raw_data of another call', { id: 'CA20', cost: '0.03', raw_data: sdkJson(wire('CA01')) }),
  fromRaw('a price that is no number', 'CA21', { price: 'abc' }, { cost: '0.02' }),
  fromRaw('a duration beyond any', 'CA22', { duration: '99999999999' }, { duration: 30 }),
  fromColumns('a negative duration', { id: 'CA23', cost: '0.01', duration: -5 }, { duration: null }),
  fromColumns('a cost that is no number', { id: 'CA24', cost: 'NaN' }, unknownCost),
  {
    what: 'an infinite date',
    row: { id: 'CA25', source: 'twilio', workspace_id: 4, call_date: 'infinity', cost: '0.01' },
    record: null,
  },
  fromRaw(
    'a date that does not exist',
    'CA26',
    { start_time: '2025-02-30T00:00:00.000Z' },
    { call_date: started },
  ),
  fromRaw('another cost than the column', 'CA27', { price: '-0.5' }, { cost: '1.0000' }),
  fromRaw(
    'another hour than the column',
    'CA28',
    { start_time: '2025-10-04T17:00:00.000Z' },
    { call_date: started },
  ),
  fromColumns('a negative cost', { id: 'CA29', cost: '-0.03' }, { price: '0.0300' }),
  fromRaw('empty texts', 'CA30', {
    status: 'busy',
    price: '',
    price_unit: '',
    end_time: '',
    parent_call_sid: '',
    duration: '0',
  }),
  {
    ...fromRaw('the names of the API', 'CA31', {}),
    row: stored(wire('CA31'), { raw_data: JSON.stringify(wire('CA31')) }),
  },
  {
    what: 'a text longer than an index takes',
    row: stored(wire('CA32', { parent_call_sid: longText })),
    record: null,
  },
  fromRaw('an inbound call to a number that has no plus', 'CA33', {
    direction: 'inbound',
    from: lead,
    to: '12025550105',
  }),
  fromRaw('a price of 25 digits', 'CA34', { price: '-1.234567890123456789012345' }, { cost: '1.2346' }),
  fromColumns('no source', { id: 'CA35', cost: '0.01', source: null }),
  fromRaw('a call still ringing with 0 seconds', 'CA36', { status: 'ringing', duration: null, price: null }),
];

function withoutUnit(id: string): Pick<CallCase, 'row'> {
  const record = wire(id);
  delete record['price_unit'];
  return { row: stored(record) };
}

function asText(id: string): Pick<CallCase, 'row'> {
  const record = wire(id, { price: '-0.12345' });
  return { row: stored(record, { cost: '0.1235', raw_data: JSON.stringify(sdkJson(record)) }) };
}

/** What the cases whose raw_data is partly unreadable come to. */
const mended: Record<string, Record<string, unknown>> = {
  CA21: { price: '0.0200' },
  CA22: { duration: '30' },
  CA26: { start_time: started },
};
for (const one of callCases) {
  const id = String(one.record?.['sid']);
  if (one.record !== null && id in mended) one.record = { ...one.record, ...mended[id] };
}
