// How the demonstration's calls ended: status, seconds and price, before anybody knows who called whom.
import { distribute, type Random } from '../random.js';
import { demoFigures, isWorkedExample, type Slot } from './slots.js';

export interface Outcome {
  status: string;
  durationSecs: number | null;
  /** Negative decimal; null: none; undefined: to be computed from minutes and direction. */
  price: string | null | undefined;
  priceUnit: string | null | undefined;
  /** False: canceled before it began, so that there is no start_time. */
  started: boolean;
}

const statuses = [
  ['completed', 700],
  ['no-answer', 150],
  ['busy', 80],
  ['failed', 45],
  ['canceled', 25],
] as const;

function durationOf(random: Random): number {
  return random.perMille(120) ? random.between(180, 900) : random.between(4, 170);
}

function outcome(random: Random): Outcome {
  const status = random.weighted(statuses);
  const base = { status, started: true, priceUnit: 'USD' };
  if (status !== 'completed') {
    const canceledOddly = status === 'canceled' && random.perMille(40);
    const started = status !== 'canceled' || canceledOddly || random.perMille(850);
    return { ...base, started, durationSecs: 0, price: canceledOddly ? '-0.01400' : null };
  }
  const durationSecs = durationOf(random);
  if (random.perMille(6)) return { ...base, durationSecs, price: '0' };
  if (random.below(4000) === 0) return { ...base, durationSecs, price: undefined, priceUnit: undefined };
  if (random.below(6000) === 0) return { ...base, durationSecs, price: '-4', priceUnit: 'JPY' };
  return { ...base, durationSecs, price: undefined };
}

/** The worked example's hour: plain outcomes whose seconds and dollars add up to its figures. */
function workedOutcomes(random: Random, count: number): Outcome[] {
  const plain = Array.from({ length: count }, (): Outcome => {
    const status = random.weighted(statuses);
    return { status, started: true, durationSecs: 0, price: null, priceUnit: 'USD' };
  });
  const completed = plain.filter(({ status }) => status === 'completed');
  const { callSeconds, callCost } = demoFigures.workedExample;
  const seconds = distribute(
    callSeconds,
    completed.map(() => random.between(10, 100)),
  );
  const tenThousandths = distribute(
    Number(callCost.replace('.', '')),
    completed.map(() => random.between(60, 110)),
  );
  completed.forEach((call, index) => {
    call.durationSecs = seconds[index] ?? 0;
    call.price = `-0.${String(tenThousandths[index] ?? 0).padStart(4, '0')}`;
  });
  return plain;
}

/** One outcome for each of the slot's calls. */
export function outcomesOf(random: Random, slot: Slot): Outcome[] {
  if (isWorkedExample(slot)) return workedOutcomes(random, slot.calls);
  return Array.from({ length: slot.calls }, () => outcome(random));
}

/** Dollars for a minute, in hundred-thousandths, by direction. */
const rates: Record<string, readonly number[]> = {
  'outbound-api': [1400, 1400, 2120, 3670],
  'outbound-dial': [1400, 400],
  inbound: [850, 850, 1000],
  'trunking-terminating': [700, 1120],
  'trunking-originating': [340, 700],
};

/** A price as Twilio writes it: per begun minute, negative, four or five decimals. */
export function priceOf(random: Random, direction: string | null, durationSecs: number): string {
  const rate = random.pick(rates[direction ?? ''] ?? [1300]);
  const units = rate * Math.max(1, Math.ceil(durationSecs / 60));
  const digits = String(units).padStart(6, '0');
  const text = `-${digits.slice(0, -5)}.${digits.slice(-5)}`;
  return text.endsWith('0') && random.perMille(400) ? text.slice(0, -1) : text;
}
