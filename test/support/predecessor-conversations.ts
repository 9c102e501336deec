/** Conversations of the system before hourledger, and what the ledger has to make of each. */

export interface OldConversation {
  conversation_id: string | null;
  agent_id?: string;
  status?: string | null;
  workspace_id?: number | null;
  call_duration_secs?: number | null;
  cost?: string | null;
  dev_discount?: string | null;
  llm_price?: string | null;
  llm_charge?: string | null;
  call_charge?: string | null;
  llm_usage?: string | null;
  agent_number?: string | null;
  call_sid?: string | null;
  conversation_date?: string | null;
  raw_data?: string | null;
}

export interface ConversationCase {
  what: string;
  row: OldConversation;
  /** The API's detail that the ledger understands, as text, so that no digit is lost; null: not in the ledger. */
  record: string | null;
}

const date = '2025-10-04T15:10:00Z';
const unix = Date.parse(date) / 1000;

/** A detail; `metadata` is JSON text without its braces. */
function detail(id: string, metadata: string, more = '"agent_id":"agent_1","status":"done"'): string {
  return `{"conversation_id":"${id}",${more},"metadata":{"start_time_unix_secs":${unix},"call_duration_secs":42,${metadata}}}`;
}

function row(id: string | null, raw: string | null, change: Partial<OldConversation> = {}): OldConversation {
  const columns = { status: 'done', call_duration_secs: 42, cost: '120', conversation_date: date };
  return { conversation_id: id, agent_id: 'agent_1', workspace_id: 4, ...columns, raw_data: raw, ...change };
}

function fromRaw(
  what: string,
  id: string,
  raw: string,
  change: Partial<OldConversation> = {},
): ConversationCase {
  return { what, row: row(id, raw, change), record: raw };
}

const charging =
  '"llm_price":0.00007900000000000000001,"llm_charge":20,"call_charge":100,"dev_discount":true';

export const conversationCases: ConversationCase[] = [
  fromRaw(
    'more digits than the columns',
    'conv_a',
    detail(
      'conv_a',
      `"cost":120,"cost_fiat":0.01980000000000000001,"charging":{${charging},"llm_usage":{"a":1}},
      "phone_call":{"agent_number":"+12025550104","external_number":"+12395550122","call_sid":"CA01"}`,
    ),
    { llm_price: '0.0001', llm_charge: '20', call_charge: '100', dev_discount: '1' },
  ),
  {
    what: 'cost 0 without raw_data',
    row: row('conv_b', null, { cost: '0', dev_discount: '1', llm_price: '0.5', llm_charge: '0' }),
    record: detail('conv_b', '"cost":null,"charging":{"dev_discount":true,"llm_price":0.5,"llm_charge":0}'),
  },
  {
    what: 'settled without raw_data',
    row: row('conv_c', null, { agent_number: '+12025550105', dev_discount: '0', llm_usage: '{"kept":1}' }),
    record: detail(
      'conv_c',
      '"cost":120,"charging":{"dev_discount":false},"phone_call":{"agent_number":"+12025550105"}',
    ),
  },
  fromRaw(
    'a failed one that costs, its missing charges become 0',
    'conv_d',
    detail('conv_d', '"cost":27,"charging":null', '"agent_id":"agent_1","status":"failed"'),
    { cost: '27', llm_price: '0', llm_charge: '0', call_charge: '0', dev_discount: '0', status: 'failed' },
  ),
  {
    what: 'a line of the list for raw_data',
    row: row(
      'conv_e',
      `{"conversation_id":"conv_e","agent_id":"agent_1","status":"done","start_time_unix_secs":${unix + 3600},"call_duration_secs":12}`,
    ),
    record: `{"conversation_id":"conv_e","agent_id":"agent_1","status":"done","metadata":{"start_time_unix_secs":${unix + 3600},"call_duration_secs":12,"cost":120}}`,
  },
  { what: 'no date at all', row: row('conv_f', null, { conversation_date: null }), record: null },
  {
    what: 'no id in the column',
    row: row(null, detail('conv_g', '"cost":5'), { cost: '5' }),
    record: detail('conv_g', '"cost":5'),
  },
  { what: 'no id anywhere', row: row(null, null), record: null },
  { what: 'the id of another row', row: row(null, detail('conv_a', '"cost":7')), record: null },
  { what: 'the id of another row again', row: row(null, detail('conv_a', '"cost":8')), record: null },
  {
    what: 'raw_data that is text',
    row: row('conv_j', '"garbage"', { cost: '9' }),
    record: detail('conv_j', '"cost":9'),
  },
  fromRaw(
    'assigned by the call that carried it',
    'conv_k',
    detail('conv_k', '"cost":3,"phone_call":{"agent_number":"","call_sid":"CA01"}'),
    { workspace_id: 1, cost: '3' },
  ),
  fromRaw('a cost of 0 that ElevenLabs says', 'conv_l', detail('conv_l', '"cost":0'), { cost: '0' }),
  fromRaw(
    'still processing',
    'conv_m',
    detail('conv_m', '"cost":null', '"agent_id":"a","status":"processing"'),
    { cost: '0', workspace_id: null },
  ),
  {
    what: 'raw_data of another conversation',
    row: row('conv_n', detail('conv_a', '"cost":1'), { cost: '11' }),
    record: detail('conv_n', '"cost":11'),
  },
  {
    what: 'a negative duration',
    row: row('conv_o', null, { call_duration_secs: -1 }),
    record: `{"conversation_id":"conv_o","agent_id":"agent_1","status":"done","metadata":{"start_time_unix_secs":${unix},"cost":120}}`,
  },
];
