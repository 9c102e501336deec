/** The results of the benchmarks as tables in Markdown, which are as readable in a terminal. */
import { reaches, type Figure, type Measure } from './figures.js';

/** One line for each figure: the ratio with its spread, what it must reach, and both sides of it. */
export function figureTable(figures: readonly Figure[]): string {
  const head = ['Figure', 'Ratio', 'Spread', 'Target', 'Reached', 'Product', 'Baseline'];
  const rows = figures.map((figure) => [
    figure.title,
    String(figure.ratio.median),
    `${figure.ratio.min} to ${figure.ratio.max}`,
    targetOf(figure),
    { true: 'yes', false: 'no', null: '' }[String(reaches(figure))] ?? '',
    measureOf(figure.product),
    `${measureOf(figure.baseline)} (${figure.baseline.what})`,
  ]);
  return table(head, rows);
}

/** Processor time by process, of the figures that know it; a baseline that does has a line of its own. */
export function costTable(figures: readonly Figure[]): string {
  const lines = figures.flatMap(({ title, baseline, details }) => {
    const own = { title, cpu: cpuOf(details?.['cpuMsPerThousand']) };
    const other = { title: `${title}: ${baseline.what}`, cpu: cpuOf(details?.['baselineCpuMsPerThousand']) };
    return [own, other].filter(({ cpu }) => Object.keys(cpu).length > 0);
  });
  const parts = [...new Set(lines.flatMap(({ cpu }) => Object.keys(cpu)))];
  const rows = lines.map(({ title, cpu }) => {
    const sum = Object.values(cpu).reduce((total, each) => total + each, 0);
    return [title, ...parts.map((part) => shown(cpu[part])), shown(sum)];
  });
  return table(['Milliseconds for 1,000 records', ...parts, 'sum'], rows);
}

interface Kept {
  history?: { eventsPerDay: number; bytesPerDay: number; workflows: number };
  space?: {
    perRecord: { heap: number; indexes: number; toast: number };
    rawData: { text: number; stored: number };
  };
}

/** What stays of a backfill: history in Temporal by day, bytes in Postgres by record. */
export function keptTable(figures: readonly Figure[]): string {
  const head = [
    'Kept',
    'events a day',
    'bytes of history a day',
    'row',
    'indexes',
    'JSON as text',
    'JSON stored',
  ];
  const rows = figures.flatMap(({ title, details }) => {
    const { history, space } = (details ?? {}) as Kept;
    if (history === undefined || space === undefined) return [];
    const { perRecord, rawData } = space;
    const row = perRecord.heap + perRecord.toast;
    const numbers = [history.eventsPerDay, history.bytesPerDay, row, perRecord.indexes];
    return [[title, ...[...numbers, rawData.text, rawData.stored].map((value) => shown(value))]];
  });
  return table(head, rows);
}

function cpuOf(value: unknown): Record<string, number> {
  return typeof value === 'object' && value !== null ? (value as Record<string, number>) : {};
}

function shown(value: number | undefined): string {
  if (value === undefined) return '';
  return (value < 10 ? Math.round(value * 10) / 10 : Math.round(value)).toLocaleString('en');
}

function table(head: string[], rows: string[][]): string {
  const widths = head.map((name, column) =>
    Math.max(3, name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}

function targetOf({ better, target, product, productTarget }: Figure): string {
  const bound = better === 'higher' ? 'at least' : 'at most';
  if (productTarget !== undefined) return `${bound} ${productTarget} ${product.unit}`;
  return target === null ? '' : `${bound} ${target}`;
}

function measureOf({ value, unit }: Measure): string {
  return `${value.median.toLocaleString('en')} ${unit}`;
}
