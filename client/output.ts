/** What commands print: results on standard output, everything else on standard error. */

/** A column of a table, and of the same table as CSV. Values that are money are texts from the database. */
export interface Column<Row> {
  title: string;
  /** The name in the CSV header. */
  key: string;
  value: (row: Row) => string | number | null;
  align?: 'left' | 'right';
}

/** A result for people or programs. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A remark for people, which is no part of the result. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The one JSON document of a command. */
export function printJson(document: unknown): void {
  print(JSON.stringify(document, null, 2));
}

/** Prints a document or its form for people. */
export function printResult(asJson: boolean | undefined, document: unknown, text: () => string): void {
  if (asJson === true) printJson(document);
  else print(text());
}

/** An aligned table with a rule beneath its titles, and one above the last row if that row is a total. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], total?: Row): string {
  const all = total === undefined ? rows : [...rows, total];
  const cells = all.map((row) => columns.map((column) => String(column.value(row) ?? '-')));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const lineOf = (texts: readonly string[]) =>
    texts
      .map((text, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.align === 'right' ? text.padStart(width) : text.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  const lines = cells.map(lineOf);
  if (total !== undefined) lines.splice(-1, 0, rule);
  return [lineOf(columns.map(({ title }) => title)), rule, ...lines].join('\n');
}

/** CSV as RFC 4180 has it, with a header; unknown values are empty. */
export function formatCsv<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = rows.map((row) => columns.map((column) => quote(String(column.value(row) ?? ''))).join(','));
  return [columns.map(({ key }) => quote(key)).join(','), ...lines].join('\n');
}

/** `1 day`, `2 days`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

/** `45 s`, `2 min 5 s`, `1 h 3 min`. */
export function formatDuration(duration_ms: number): string {
  const seconds = Math.round(duration_ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
