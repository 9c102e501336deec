// What the oracle takes and gives: plain objects, keyed and named like the ledger's tables.

export interface OracleMapping {
  workspaces: readonly { id: number; name: string }[];
  workspace_phones: readonly {
    phone_number: string;
    workspace_id: number;
    /** ISO 8601; null: always. */
    valid_from: string | null;
    /** ISO 8601, exclusive; null: still. */
    valid_to: string | null;
  }[];
  workspace_agents: readonly { agent_id: string; workspace_id: number }[];
  credit_rates: readonly { valid_from: string; usd_per_credit: string }[];
}

export interface OracleInput {
  /** Newest record of every call, raw JSON text. */
  calls: readonly string[];
  /** Newest detail of every conversation, raw JSON text. */
  conversations: readonly string[];
  mapping: OracleMapping;
  settings?: { ledger_currency?: string; default_workspace_id?: number };
}

export type CallClassification = 'from-number' | 'to-number' | 'transfer' | 'parent' | 'default';
export type ConversationClassification = 'agent-number' | 'agent' | 'call' | 'default';

/** Instants are ISO 8601 with milliseconds (`Date.toISOString()`), money is a canonical decimal text. */
export interface OracleCall {
  id: string;
  source: 'twilio';
  workspace_id: number;
  classification: CallClassification;
  direction: string | null;
  status: string | null;
  phone_from: string | null;
  phone_to: string | null;
  call_date: string;
  end_date: string | null;
  duration: number | null;
  cost: string | null;
  currency: string | null;
  parent_call_sid: string | null;
  account_sid: string | null;
  raw_data: string;
}

export interface OracleConversation {
  conversation_id: string;
  workspace_id: number;
  classification: ConversationClassification;
  agent_id: string | null;
  status: string | null;
  conversation_date: string;
  call_duration_secs: number | null;
  cost: string | null;
  cost_fiat: string | null;
  llm_price: string | null;
  llm_charge: string | null;
  call_charge: string | null;
  free_minutes_consumed: string | null;
  free_llm_dollars_consumed: string | null;
  dev_discount: boolean | null;
  /** JSON text. */
  llm_usage: string | null;
  agent_number: string | null;
  external_number: string | null;
  call_sid: string | null;
  raw_data: string;
}

export interface OracleTwilioSnapshot {
  workspace_id: number;
  snapshot_date: string;
  total_calls: number;
  total_cost: string;
  total_duration: number;
  real_minutes: number;
  unpriced_calls: number;
  cost_by_currency: Record<string, string>;
}

export interface OracleElevenLabsSnapshot {
  workspace_id: number;
  snapshot_date: string;
  total_conversations: number;
  total_cost: string;
  total_cost_fiat: string;
  total_duration: number;
  credits_without_fiat: string;
  llm_price: string;
  llm_charge: string;
  call_charge: string;
  free_minutes_consumed: string;
  free_llm_dollars_consumed: string;
  dev_discount: number;
  unsettled_conversations: number;
}

export interface OracleCommunicationCost {
  workspace_id: number;
  snapshot_date: string;
  total_calls: number;
  total_conversations: number;
  call_seconds: number;
  conversation_seconds: number;
  twilio_cost: string;
  elevenlabs_credits: string;
  elevenlabs_usd: string | null;
  total_usd: string | null;
  other_costs: Record<string, string>;
}

export interface OracleRejected {
  source: 'twilio' | 'elevenlabs';
  /** Null when the record has none. */
  id: string | null;
  reason: string;
}

/** Snapshots and costs are keyed by `snapshotKey(workspace, hour)`, records by their id. */
export interface OracleTables {
  calls: Map<string, OracleCall>;
  elevenlabs_conversations: Map<string, OracleConversation>;
  twilio_snapshots: Map<string, OracleTwilioSnapshot>;
  elevenlabs_snapshots: Map<string, OracleElevenLabsSnapshot>;
  communication_costs: Map<string, OracleCommunicationCost>;
  rejected_records: OracleRejected[];
  /** Numbers without an owner that should have had one: how many records, and the first and last instant. */
  unmapped: Map<string, { records: number; first: string; last: string }>;
}

/** `4 2025-10-04T15:00:00.000Z` */
export function snapshotKey(workspaceId: number, hour: string): string {
  return `${workspaceId} ${new Date(hour).toISOString()}`;
}
