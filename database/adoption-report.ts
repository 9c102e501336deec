/** What adopting the tables of the system before hourledger found: as JSON, and as lines for people. */

export interface AdoptedTable {
  table: string;
  /** Rows before. */
  rows: number;
  /** Of these, rows that are in the table of the same name now. */
  kept: number;
  /** Of these, rows that cannot be stored: they are in rejected_records, to be asked again. */
  rejected: number;
}

export interface AdoptionFinding {
  /** A key of `meanings`, unless a newer SQL file knows more. */
  finding: string;
  count: number;
  /** At most five, for people; all of them are in the table predecessor.findings. */
  examples: string[];
}

export interface AdoptionReport {
  tables: AdoptedTable[];
  /** Rows of the old snapshot tables, which the ledger replaces by its own sums. */
  replacedSnapshots: number;
  findings: AdoptionFinding[];
}

/** What each finding means, and what to do about it. */
const meanings: Readonly<Record<string, string>> = {
  'workspace-not-kept': 'workspaces without a positive id: not taken over',
  'workspace-without-name': 'workspaces without a name: named by their id',
  'number-in-two-workspaces':
    'numbers under two workspaces: kept in conflict, they map nothing until one of the rows is removed and the other released',
  'number-listed-twice':
    'numbers listed twice in one workspace: one row maps, the other is marked in conflict',
  'number-without-digits': 'phone numbers that are none: not taken over',
  'number-without-workspace': 'phone numbers of no workspace that exists: not taken over',
  'workspace-number-mapped': "workspaces' own numbers that stood in no list: in workspace_phones now",
  'workspace-number-contradicted':
    "workspaces' own numbers that the list gives to another workspace: they map nothing",
  'call-rejected': 'calls that cannot be stored: in rejected_records, to be asked again',
  'call-of-elevenlabs': 'calls of source elevenlabs: kept, in no snapshot',
  'call-without-workspace': 'calls that had no workspace: assigned by the rules',
  'call-without-raw-data': 'calls without raw_data: their columns are all there is, without a direction',
  'call-raw-data-unreadable': 'calls whose raw_data cannot be read: their columns stand for it',
  'call-cost-0-unknown': 'calls whose cost was 0 though raw_data does not say so: unknown now (NULL)',
  'call-currency-assumed': "calls with a cost and no currency: the ledger's",
  'call-cost-differs': 'calls whose raw_data says another cost than their column: raw_data holds',
  'call-hour-differs': 'calls whose raw_data says another hour than their column: raw_data holds',
  'call-value-impossible':
    'calls with a value that cannot be: unknown now (NULL), unless raw_data has another',
  'conversation-rejected': 'conversations that cannot be stored: in rejected_records, to be asked again',
  'conversation-without-workspace': 'conversations that had no workspace: assigned by the rules',
  'conversation-without-raw-data': 'conversations without raw_data: their columns are all there is',
  'conversation-raw-data-unreadable':
    'conversations whose raw_data cannot be read: their columns stand for it',
  'conversation-cost-0-unknown':
    'conversations whose cost was 0 though raw_data does not say so: unknown now (NULL)',
  'conversation-cost-differs':
    'conversations whose raw_data says another cost than their column: raw_data holds',
  'conversation-hour-differs':
    'conversations whose raw_data says another hour than their column: raw_data holds',
  'conversation-value-impossible':
    'conversations with a value that cannot be: unknown now (NULL), unless raw_data has another',
  'snapshot-without-records':
    'old snapshots of hours without any record: only in schema predecessor now, a backfill may find the records',
  'table-left-alone': 'tables left as they are',
};

/** One line for each table and each finding, in plain words. */
export function adoptionLines(report: AdoptionReport): string[] {
  const tables = report.tables.map(({ table, rows, kept, rejected }) => {
    const asked = rejected === 0 ? '' : `, ${rejected} in rejected_records`;
    return `Adopted ${table}: ${kept} of ${rows} rows${asked}.`;
  });
  const findings = report.findings.map(({ finding, count, examples }) => {
    const more = count > examples.length ? '; …' : '';
    return `Found ${count} × ${meanings[finding] ?? finding}. (${examples.join('; ')}${more})`;
  });
  return [
    ...tables,
    ...findings,
    `Old snapshots: ${report.replacedSnapshots}. A worker rolls all hours up anew; the old tables are in schema predecessor.`,
  ];
}
