// From raw JSON text to rows without an owner, or to the reason why a record cannot be stored.
import { parseRfc2822 } from '../../simulator/dates.js';
import { Decimal } from '../../simulator/decimal.js';
import {
  isObject,
  parseJsonObject,
  RawNumber,
  stringifyJson,
  type JsonObject,
  type JsonValue,
} from '../../simulator/json-text.js';
import type { OracleCall, OracleConversation } from './types.js';

/** Why a record cannot be stored, with its id as far as it has one. */
export class Rejection extends Error {
  readonly id: string | null;

  constructor(id: string | null, reason: string) {
    super(reason);
    this.id = id;
  }
}

export type UnassignedCall = Omit<OracleCall, 'workspace_id' | 'classification'>;
export type UnassignedConversation = Omit<OracleConversation, 'workspace_id' | 'classification'>;

/** Text that Postgres' jsonb cannot hold: a NUL character, or half of a surrogate pair. */
function holdsForbiddenText(value: JsonValue): boolean {
  if (typeof value === 'string') return value.includes('\u0000') || /\p{Surrogate}/u.test(value);
  if (Array.isArray(value)) return value.some(holdsForbiddenText);
  if (!isObject(value)) return false;
  return Object.entries(value).some(([key, member]) => holdsForbiddenText(key) || holdsForbiddenText(member));
}

class Fields {
  private readonly fields: JsonObject;
  private readonly id: string | null;

  constructor(fields: JsonObject, id: string | null) {
    this.fields = fields;
    this.id = id;
  }

  reject(reason: string): Rejection {
    return new Rejection(this.id, reason);
  }

  /** A text; the empty one is none. Numbers are taken as their digits. */
  text(key: string): string | null {
    const value = this.fields[key];
    if (value instanceof RawNumber) return value.text;
    return typeof value === 'string' && value !== '' ? value : null;
  }

  date(key: string): string | null {
    const text = this.text(key);
    if (text === null) return null;
    const instantMs = parseRfc2822(text);
    if (instantMs === null) throw this.reject(`${key} ${text} is no date`);
    return new Date(instantMs).toISOString();
  }

  decimal(key: string): Decimal | null {
    const text = this.text(key);
    if (text === null) return null;
    const value = Decimal.tryParse(text);
    if (value === null) throw this.reject(`${key} ${text} is no number`);
    return value;
  }

  seconds(key: string): number | null {
    const value = this.decimal(key);
    if (value === null) return null;
    if (!/^-?\d{1,9}$/.test(value.toString())) throw this.reject(`${key} is no whole number of seconds`);
    return Number(value.toString());
  }

  boolean(key: string): boolean | null {
    const value = this.fields[key];
    return typeof value === 'boolean' ? value : null;
  }

  object(key: string): Fields {
    const value = this.fields[key];
    return new Fields(isObject(value) ? value : {}, this.id);
  }

  json(key: string): string | null {
    const value = this.fields[key];
    return value === undefined || value === null ? null : stringifyJson(value);
  }
}

function open(text: string, idKey: string): { id: string; fields: Fields } {
  const record = parseJsonObject(text);
  const given = new Fields(record, null).text(idKey);
  if (given === null) throw new Rejection(null, `no ${idKey}`);
  if (text.includes('\\u') && holdsForbiddenText(record))
    throw new Rejection(given, 'text that jsonb refuses');
  return { id: given, fields: new Fields(record, given) };
}

function currencyOf(cost: Decimal | null, unit: string | null): string | null {
  if (unit !== null) return unit.toUpperCase();
  return cost === null ? null : 'XXX';
}

/** @throws Rejection */
export function readCall(text: string): UnassignedCall {
  const { id, fields } = open(text, 'sid');
  const start = fields.date('start_time');
  const callDate = start ?? fields.date('date_created');
  if (callDate === null) throw fields.reject('no date');
  const cost = fields.decimal('price')?.abs() ?? null;
  return {
    id,
    source: 'twilio',
    direction: fields.text('direction'),
    status: fields.text('status'),
    phone_from: fields.text('from'),
    phone_to: fields.text('to'),
    call_date: callDate,
    end_date: fields.date('end_time'),
    duration: fields.seconds('duration'),
    cost: cost?.toString() ?? null,
    currency: currencyOf(cost, fields.text('price_unit')),
    parent_call_sid: fields.text('parent_call_sid'),
    account_sid: fields.text('account_sid'),
    raw_data: text,
  };
}

/** @throws Rejection */
export function readConversation(text: string): UnassignedConversation {
  const { id, fields } = open(text, 'conversation_id');
  const metadata = fields.object('metadata');
  const charging = metadata.object('charging');
  const phone = metadata.object('phone_call');
  const start = metadata.decimal('start_time_unix_secs');
  if (start === null) throw fields.reject('no start_time_unix_secs');
  const money = (from: Fields, key: string): string | null => from.decimal(key)?.toString() ?? null;
  return {
    conversation_id: id,
    agent_id: fields.text('agent_id'),
    status: fields.text('status'),
    conversation_date: new Date(Number(start.toString()) * 1000).toISOString(),
    call_duration_secs: metadata.seconds('call_duration_secs'),
    cost: money(metadata, 'cost'),
    cost_fiat: money(metadata, 'cost_fiat'),
    llm_price: money(charging, 'llm_price'),
    llm_charge: money(charging, 'llm_charge'),
    call_charge: money(charging, 'call_charge'),
    free_minutes_consumed: money(charging, 'free_minutes_consumed'),
    free_llm_dollars_consumed: money(charging, 'free_llm_dollars_consumed'),
    dev_discount: charging.boolean('dev_discount'),
    llm_usage: charging.json('llm_usage'),
    agent_number: phone.text('agent_number'),
    external_number: phone.text('external_number'),
    call_sid: phone.text('call_sid'),
    raw_data: text,
  };
}
