/** How far backfills are, while one waits: a bar for each on a terminal, a line now and then anywhere else. */
import type { BackfillProgress } from '../workflows/messages.js';
import { formatDuration } from './output.js';

/** Records and days a second, over the time that one can still remember. */
const window_ms = 15_000;
/** How often a line is printed at most where there is no terminal. */
const linePause_ms = 3_000;

/** One backfill in the display. */
export interface ProgressLine {
  update: (progress: BackfillProgress) => void;
  /** Prints a remark above or between. */
  note: (text: string) => void;
}

export interface ProgressDisplay {
  /** @param label what tells this backfill from others, such as its source */
  line: (label: string) => ProgressLine;
  stop: () => void;
}

/** A display on a stream, made for it. */
export async function createProgressDisplay(stream: NodeJS.WriteStream): Promise<ProgressDisplay> {
  return stream.isTTY ? barDisplay(stream) : lineDisplay(stream);
}

/** What is shown of a backfill at a moment. */
export interface Shown {
  daysDone: number;
  daysTotal: number;
  failed: number;
  records: number;
  recordsPerSecond: number;
  /** Null while nothing can be said. */
  left_ms: number | null;
  state: BackfillProgress['state'];
}

/** Computes speed and time left from the progress seen so far. */
export class Pace {
  readonly #samples: { at: number; days: number; records: number }[] = [];

  add(progress: BackfillProgress, now: number): Shown {
    const { days, records, recordsUnderWay, state } = progress;
    const daysDone = days.completed + days.open + days.failed;
    const sample = { at: now, days: daysDone, records: records.fetched + recordsUnderWay };
    this.#samples.push(sample);
    while (this.#samples.length > 2 && now - (this.#samples[1]?.at ?? now) > window_ms) this.#samples.shift();
    const oldest = this.#samples[0] ?? sample;
    const seconds = Math.max(0.001, (now - oldest.at) / 1000);
    const daysPerSecond = (sample.days - oldest.days) / seconds;
    const daysLeft = days.total - daysDone;
    return {
      daysDone,
      daysTotal: days.total,
      failed: days.failed,
      records: sample.records,
      recordsPerSecond: Math.max(0, Math.round((sample.records - oldest.records) / seconds)),
      left_ms:
        daysPerSecond > 0 ? (daysLeft / daysPerSecond) * 1000 : daysLeft === 0 && days.total > 0 ? 0 : null,
      state,
    };
  }
}

function describe(shown: Shown): string {
  const count = (value: number) => value.toLocaleString('en-US');
  const parts = [`${count(shown.records)} records`, `${count(shown.recordsPerSecond)}/s`];
  if (shown.failed > 0) parts.push(`${count(shown.failed)} failed`);
  const isMoving = shown.state === 'running' || shown.state === 'planned';
  if (!isMoving) parts.push(shown.state);
  else if (shown.left_ms !== null) parts.push(`${formatDuration(shown.left_ms)} left`);
  return parts.join(', ');
}

function lineDisplay(stream: NodeJS.WriteStream): ProgressDisplay {
  const write = (text: string) => stream.write(`${text}\n`);
  return {
    line(label) {
      const pace = new Pace();
      let last = '';
      let lastAt = -Infinity;
      return {
        note: (text) => write(text),
        update(progress) {
          const now = Date.now();
          const shown = pace.add(progress, now);
          // Speed and time left change by themselves; only what was done is news.
          const news = [shown.daysDone, shown.daysTotal, shown.records, shown.state].join(' ');
          if (news === last || now - lastAt < linePause_ms) return;
          [last, lastAt] = [news, now];
          write(`${label}: ${shown.daysDone} of ${shown.daysTotal} days, ${describe(shown)}`);
        },
      };
    },
    stop: () => undefined,
  };
}

async function barDisplay(stream: NodeJS.WriteStream): Promise<ProgressDisplay> {
  const { MultiBar, Presets } = (await import('cli-progress')).default;
  const format = '{label} {bar} {value}/{total} days, {text}';
  const bars = new MultiBar(
    { stream, format, hideCursor: true, clearOnComplete: false, barsize: 24, gracefulExit: false },
    Presets.shades_classic,
  );
  return {
    line(label) {
      const pace = new Pace();
      const bar = bars.create(0, 0, { label, text: 'waiting' });
      return {
        note: (text) => bars.log(`${text}\n`),
        update(progress) {
          const shown = pace.add(progress, Date.now());
          bar.setTotal(shown.daysTotal);
          bar.update(shown.daysDone, { text: describe(shown) });
        },
      };
    },
    stop: () => bars.stop(),
  };
}
