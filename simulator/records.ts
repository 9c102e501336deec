// The JSON text of records that are made, not recorded: every field that the providers send, at realistic size.
import { rfc2822 } from './dates.js';
import { Random } from './random.js';

export interface CallFacts {
  sid: string;
  accountSid: string;
  parentCallSid: string | null;
  from: string;
  to: string;
  direction: string | null;
  status: string;
  /** Milliseconds since 1970. */
  createdMs: number;
  /** Null: the call never started. */
  startMs: number | null;
  /** Null: the call has not ended. */
  endMs: number | null;
  durationSecs: number | null;
  /** When the price was known; the call was last updated then. */
  pricedMs: number;
  /** Negative decimal, or null. */
  price: string | null;
  /** Null is sent as null; undefined leaves the field out. */
  priceUnit: string | null | undefined;
  phoneNumberSid: string | null;
  trunkSid: string | null;
  answeredBy: string | null;
  /** Some captures hold empty texts where others hold null. */
  emptyForNull: boolean;
  /** With the addresses that newer records name too, which makes them 2 kB each. */
  moreSubresources?: boolean;
}

const subresources = [
  ['notifications', 'Notifications'],
  ['recordings', 'Recordings'],
  ['streams', 'Streams'],
  ['payments', 'Payments'],
  ['events', 'Events'],
  ['transcriptions', 'Transcriptions'],
] as const;
const newerSubresources = [
  ['siprec', 'Siprec'],
  ['user_defined_messages', 'UserDefinedMessages'],
  ['user_defined_message_subscriptions', 'UserDefinedMessageSubscriptions'],
] as const;

/** A call as Twilio's API writes it; `priced` false: as it was before the price was known. */
export function callText(call: CallFacts, priced: boolean): string {
  const nothing = call.emptyForNull ? '""' : 'null';
  const text = (value: string | null): string => (value === null ? nothing : `"${value}"`);
  const date = (instantMs: number | null): string =>
    instantMs === null ? 'null' : `"${rfc2822(instantMs)}"`;
  const uri = `/2010-04-01/Accounts/${call.accountSid}/Calls/${call.sid}`;
  const named = call.moreSubresources === true ? [...subresources, ...newerSubresources] : subresources;
  const uris = named.map(([name, path]) => `"${name}":"${uri}/${path}.json"`).join(',');
  const unit = call.priceUnit === undefined ? '' : `"price_unit":${text(call.priceUnit)},`;
  const updatedMs = priced ? call.pricedMs : (call.endMs ?? call.createdMs);
  return (
    `{"date_updated":"${rfc2822(updatedMs)}",${unit}"parent_call_sid":${text(call.parentCallSid)},` +
    `"caller_name":${nothing},"duration":${call.durationSecs === null ? nothing : `"${call.durationSecs}"`},` +
    `"from":"${call.from}","to":"${call.to}","annotation":null,"answered_by":${text(call.answeredBy)},` +
    `"sid":"${call.sid}","queue_time":"0","price":${text(priced ? call.price : null)},` +
    `"api_version":"2010-04-01","status":"${call.status}",` +
    `"direction":${call.direction === null ? 'null' : `"${call.direction}"`},` +
    `"start_time":${date(call.startMs)},"date_created":"${rfc2822(call.createdMs)}",` +
    `"from_formatted":"${call.from}","group_sid":null,"trunk_sid":${text(call.trunkSid)},` +
    `"forwarded_from":${nothing},"uri":"${uri}.json","account_sid":"${call.accountSid}",` +
    `"end_time":${date(call.endMs)},"to_formatted":"${call.to}",` +
    `"phone_number_sid":${text(call.phoneNumberSid)},"subresource_uris":{${uris}}}`
  );
}

export interface PhoneCallFacts {
  type: 'twilio' | 'sip_trunking';
  direction: 'inbound' | 'outbound';
  agentNumber: string;
  externalNumber: string;
  callSid: string;
}

/** Number literals are written as they are: `70`, `70.0`, `6.800000000000001e-05`, `null`. */
export interface ChargingFacts {
  llmPrice: string;
  llmCharge: string;
  callCharge: string;
  freeMinutes: string;
  freeLlmDollars: string;
  devDiscount: boolean;
  isBurst: boolean;
  tokensIn: number;
  tokensOut: number;
}

export interface ConversationFacts {
  id: string;
  agentId: string;
  agentName: string;
  status: string;
  startSecs: number;
  durationSecs: number;
  /** Credits, as a number literal or `null`. */
  cost: string;
  /** Dollars, as a number literal; null leaves the field out, as in older records. */
  costFiat: string | null;
  /** Null leaves the whole object out, as in the oldest records. */
  charging: ChargingFacts | null;
  phoneCall: PhoneCallFacts | null;
  /** Decides what was said. */
  seed: number;
}

const agentLines = [
  'Good morning, you are speaking with the virtual assistant. How can I help you today?',
  'Of course. Could you tell me the reference that stands on your last letter, please?',
  'I have found it. The appointment is confirmed, and you will get a message with the details.',
  'I understand. One of my colleagues will call you back within the next working day.',
  'Thank you for waiting. Everything is in order now, nothing else is needed from your side.',
];
const userLines = [
  'Hello, I am calling about my contract, I would like to change the date.',
  'Yes, one moment, I have to look for it. Here it is.',
  'That sounds good, thank you very much for your help.',
  'No, that is not what I asked for. Can I speak with a person?',
  'Perfect. That is all, have a nice day.',
];

function transcript(conversation: ConversationFacts): string {
  const random = new Random(conversation.seed, 7);
  const turns = 2 + Math.min(3, Math.floor(conversation.durationSecs / 60));
  const lines: string[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const agent = turn % 2 === 0;
    lines.push(
      `{"role":"${agent ? 'agent' : 'user'}","message":"${random.pick(agent ? agentLines : userLines)}",` +
        `"time_in_call_secs":${Math.floor((conversation.durationSecs * turn) / turns)},"tool_calls":[],` +
        `"tool_results":[],"feedback":null,"interrupted":false,"source_medium":null}`,
    );
  }
  return lines.join(',');
}

function chargingText(charging: ChargingFacts): string {
  const usage = (input: number, output: number): string =>
    `{"model_usage":{"gemini-2.0-flash":{"input":{"tokens":${input},"price":${charging.llmPrice}},` +
    `"input_cache_read":{"tokens":0,"price":0.0},"input_cache_write":{"tokens":0,"price":0.0},` +
    `"output_total":{"tokens":${output},"price":0.0}}}}`;
  return (
    `{"dev_discount":${charging.devDiscount},"is_burst":${charging.isBurst},"tier":"business",` +
    `"llm_usage":{"irreversible_generation":${usage(charging.tokensIn, charging.tokensOut)},` +
    `"initiated_generation":${usage(charging.tokensIn + 3, charging.tokensOut)}},` +
    `"llm_price":${charging.llmPrice},"llm_charge":${charging.llmCharge},"call_charge":${charging.callCharge},` +
    `"platform_charge":${charging.callCharge},"free_minutes_consumed":${charging.freeMinutes},` +
    `"free_llm_dollars_consumed":${charging.freeLlmDollars}}`
  );
}

function phoneCallText(phone: PhoneCallFacts): string {
  const own = phone.type === 'twilio' ? `"stream_sid":"MZ${phone.callSid.slice(2)}"` : '"call_id":null';
  return (
    `{"direction":"${phone.direction}","phone_number_id":"phnum_${phone.agentNumber.replace(/\D/g, '')}",` +
    `"agent_number":"${phone.agentNumber}","external_number":"${phone.externalNumber}",` +
    `"call_sid":"${phone.callSid}",${own},"type":"${phone.type}"}`
  );
}

/** A conversation's detail as ElevenLabs' API writes it; `settled` false: as it was before it had a cost. */
export function conversationText(conversation: ConversationFacts, settled: boolean): string {
  const { charging, phoneCall, status, costFiat } = conversation;
  const costs = settled
    ? `"cost":${conversation.cost},` +
      (costFiat === null ? '' : `"cost_fiat":${costFiat},`) +
      (charging === null ? '' : `"charging":${chargingText(charging)},`)
    : '"cost":null,';
  const failed = status === 'failed';
  const successful = failed ? 'failure' : 'success';
  return (
    `{"agent_id":"${conversation.agentId}","agent_name":"${conversation.agentName}",` +
    `"conversation_id":"${conversation.id}","status":"${settled ? status : 'processing'}","user_id":null,` +
    `"branch_id":null,"transcript":[${transcript(conversation)}],` +
    `"metadata":{"start_time_unix_secs":${conversation.startSecs},` +
    `"accepted_time_unix_secs":${conversation.startSecs},"call_duration_secs":${conversation.durationSecs},` +
    `${costs}"deletion_settings":{"deletion_time_unix_secs":null,"deleted_logs_at_time_unix_secs":null,` +
    `"deleted_audio_at_time_unix_secs":null,"deleted_transcript_at_time_unix_secs":null,` +
    `"delete_transcript_and_pii":true,"delete_audio":true},"feedback":{"overall_score":null,"likes":0,` +
    `"dislikes":0},"authorization_method":"${phoneCall === null ? 'signed_url' : 'authorization_header'}",` +
    `"phone_call":${phoneCall === null ? 'null' : phoneCallText(phoneCall)},"batch_call":null,` +
    `"termination_reason":"${failed ? 'error' : 'Remote party ended call'}",` +
    `"error":${failed ? '{"code":1011,"reason":"Connection lost"}' : 'null'},"main_language":"en",` +
    `"rag_usage":null,"text_only":false,"timezone":null},"analysis":{"evaluation_criteria_results":{},` +
    `"data_collection_results":{},"call_successful":"${successful}",` +
    `"transcript_summary":"The caller asked about a contract and was helped."},` +
    `"conversation_initiation_client_data":{"conversation_config_override":{},"custom_llm_extra_body":{},` +
    `"dynamic_variables":{}},"has_audio":true,"has_user_audio":true,"has_response_audio":true,"has_auxiliary_audio":false}`
  );
}

/** A conversation as the list shows it: without any cost. */
export function conversationSummaryText(conversation: ConversationFacts, settled: boolean): string {
  const { phoneCall, status } = conversation;
  return (
    `{"agent_id":"${conversation.agentId}","agent_name":"${conversation.agentName}",` +
    `"conversation_id":"${conversation.id}","start_time_unix_secs":${conversation.startSecs},` +
    `"call_duration_secs":${conversation.durationSecs},"message_count":4,` +
    `"status":"${settled ? status : 'processing'}","call_successful":"${status === 'failed' ? 'failure' : 'success'}",` +
    `"transcript_summary":null,"call_summary_title":null,"main_language":"en",` +
    `"direction":${phoneCall === null ? 'null' : `"${phoneCall.direction}"`},"rating":null}`
  );
}
