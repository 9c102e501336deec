/** Reads the CSV file of `phones import`, and refuses it with the line and the value that is wrong. */
import { readFile } from 'node:fs/promises';
import { CsvError, parse } from 'csv-parse/sync';
import { isInstant } from '../workflows/calendar.js';
import { CliError } from './cli-error.js';

/** One number as `import_phones` takes it; `line` is where it stands in the file. */
export interface PhoneRow {
  line: number | null;
  phoneNumber: string;
  workspaceId: number;
  isPrimary: boolean;
  validFrom: string | null;
  validTo: string | null;
}

const required = ['phone_number', 'workspace_id'];
const known = [...required, 'is_primary', 'valid_from', 'valid_to'];

interface CsvLine {
  info: { lines: number };
  record: Record<string, string>;
}

/** @throws CliError (2) naming the file, the line and the value */
export async function readPhonesFile(file: string): Promise<PhoneRow[]> {
  const rows = parseCsv(file, await readText(file)).map(({ info, record }) => {
    const refuse = (problem: string) => new CliError(`${file} line ${info.lines}: ${problem}`, 2);
    return toRow(record, info.lines, refuse);
  });
  if (rows.length === 0)
    throw new CliError(`${file} holds no numbers. Give a line for each below the header.`, 2);
  return rows;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const fact = code === 'ENOENT' ? 'There is no such file' : `It cannot be read (${code ?? String(error)})`;
    throw new CliError(`${file}: ${fact}. Give the path of a CSV file.`, 2, { cause: error });
  }
}

function parseCsv(file: string, text: string): CsvLine[] {
  try {
    return parse(text, {
      bom: true,
      columns: (header: string[]) => checkHeader(file, header),
      info: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as CsvLine[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new CliError(`${file}: ${error.message}. Correct the file; nothing was imported.`, 2, {
      cause: error,
    });
  }
}

function checkHeader(file: string, header: string[]): string[] {
  const shape = `The header is ${required.join(',')}[,is_primary][,valid_from][,valid_to].`;
  const unknown = header.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new CliError(`${file} line 1: there is no column "${unknown}". ${shape}`, 2);
  const missing = required.find((name) => !header.includes(name));
  if (missing !== undefined) throw new CliError(`${file} line 1: column ${missing} is missing. ${shape}`, 2);
  const twice = header.find((name, index) => header.indexOf(name) !== index);
  if (twice !== undefined) throw new CliError(`${file} line 1: column ${twice} is there twice. ${shape}`, 2);
  return header;
}

function toRow(
  record: Record<string, string>,
  line: number,
  refuse: (problem: string) => CliError,
): PhoneRow {
  const phoneNumber = record['phone_number'] ?? '';
  if (phoneNumber === '') throw refuse('phone_number is empty. Give its digits, such as +12025550110.');
  const workspace = record['workspace_id'] ?? '';
  if (!/^[1-9][0-9]{0,8}$/.test(workspace)) {
    throw refuse(
      `workspace_id is "${workspace}", which is no workspace. Give its number; see: hourledger workspaces list`,
    );
  }
  const primary = (record['is_primary'] ?? '').toLowerCase();
  if (!['', 'true', 'false', 't', 'f', '1', '0', 'yes', 'no'].includes(primary)) {
    throw refuse(
      `is_primary is "${primary}", which is neither true nor false. Give true or false, or leave it empty.`,
    );
  }
  const instant = (column: 'valid_from' | 'valid_to') => {
    const text = record[column] ?? '';
    if (text === '') return null;
    if (isInstant(text)) return text;
    throw refuse(
      `${column} is "${text}", which is no instant. Give ISO 8601 with its zone, such as 2025-10-04T00:00:00Z.`,
    );
  };
  return {
    line,
    phoneNumber,
    workspaceId: Number(workspace),
    isPrimary: ['true', 't', '1', 'yes'].includes(primary),
    validFrom: instant('valid_from'),
    validTo: instant('valid_to'),
  };
}
