/** Breaks of L7 (small history) and L8 (nothing half-done). */
const pages = 'supabase/migrations/0006_pages.sql';
const days = 'supabase/migrations/0008_days.sql';
const backfill = ['test/workflows/backfill.test.ts'];
const input = ['test/workflows/input.test.ts'];
const mapping = ['test/client/mapping.test.ts'];
const resuming = ['test/end-to-end/half-way.test.ts'];

const history = [
  {
    name: 'records-in-history',
    breaks: 'A fetch returns the texts of its pages too, into the history of the workflow.',
    file: 'activities/read-page.ts',
    find: 'return { pageIds, fetched: merged ?? countOf(page)',
    replacement:
      'return { pageIds: [pageIds + Buffer.concat(page.recordsUtf8)], fetched: merged ?? countOf(page)',
    tests: resuming,
  },
  {
    name: 'one-day-a-child',
    breaks: 'Every day gets a child workflow of its own.',
    file: 'workflows/day-window.ts',
    find: 'Math.ceil(maxParallelDays / 2))',
    replacement: '1)',
    tests: ['test/workflows/day-window.test.ts'],
  },
  {
    name: 'never-continued-as-new',
    breaks: 'A long backfill goes on in one history without an end.',
    file: 'workflows/backfill.ts',
    find: 'return longEnough && this.#isLeft;',
    replacement: 'return longEnough && this.#isLeft && Number.NaN > 0;',
    tests: backfill,
  },
  {
    name: 'cursors-in-page-ids',
    breaks: 'Page ids hold the cursors of the provider, however long they are.',
    file: 'activities/page-id.ts',
    find: `return createHash('sha256').update(text).digest('base64url').slice(0, 22);`,
    replacement: 'return createHash === undefined ? "" : text;',
    tests: resuming,
  },
].map((one) => ({ law: 'L7', ...one }));

const whole = [
  {
    name: 'unknown-fields-taken',
    breaks: 'A misspelt field of an input is passed over.',
    file: 'workflows/input.ts',
    find: 'const backfillSchema = z.strictObject({',
    replacement: 'const backfillSchema = z.object({',
    tests: input,
  },
  {
    name: 'ranges-upside-down-taken',
    breaks: 'A range that ends before it begins is taken, and does nothing.',
    file: 'workflows/input-check.ts',
    find: 'from <= to) return;',
    replacement: 'from <= to || to < from) return;',
    tests: input,
  },
  {
    name: 'future-days-taken',
    breaks: 'A backfill of days to come is taken.',
    file: 'workflows/input.ts',
    find: 'if (value > today) {',
    replacement: 'if (value > `9${today}`) {',
    tests: input,
  },
  {
    name: 'days-that-are-none-taken',
    breaks: '30 February is taken for a day.',
    file: 'workflows/input-check.ts',
    find: 'z.refine((text) => isCalendarDay(text))',
    replacement: 'z.refine((text) => isCalendarDay(text) || text.length === 10)',
    tests: input,
  },
  {
    name: 'input-retried',
    breaks: 'An input that can never work fails the task, which is tried again without an end.',
    file: 'workflows/failures.ts',
    find: 'if (!(error instanceof InvalidInputError)) throw error;',
    replacement: 'if (error instanceof InvalidInputError || true) throw error;',
    tests: ['test/workflows/daily-sync.test.ts'],
  },
  {
    name: 'source-that-is-off-asked',
    breaks: 'A source without credentials is found out only when it is asked.',
    file: 'workflows/first-and-last.ts',
    find: 'if (!on.includes(source)) throw',
    replacement: 'if (on.length > 9) throw',
    tests: backfill,
  },
  {
    name: 'credentials-not-tried-first',
    breaks: 'A wrong key is found out when days have been begun.',
    file: 'workflows/daily-sync.ts',
    find: 'await asking(source, `${source}: are the credentials accepted?`).checkCredentials({ source });',
    replacement: '',
    tests: ['test/end-to-end/temporal-cli.test.ts'],
  },
  {
    name: 'clear-without-confirmation',
    breaks: 'Snapshots are cleared without `confirm`.',
    file: 'workflows/operations-input.ts',
    find: 'confirm: z.literal(true)',
    replacement: 'confirm: z.optional(z.boolean())',
    tests: ['test/workflows/operations.test.ts'],
  },
  {
    name: 'clear-without-yes',
    breaks: '`hourledger clear` deletes without `--yes`.',
    file: 'client/commands/regenerate.ts',
    find: 'if (options.yes !== true) {',
    replacement: 'if (options.yes === false) {',
    tests: ['test/client/operations.test.ts'],
  },
  {
    name: 'page-fails-whole',
    breaks: 'One record that cannot be stored fails its whole page.',
    file: pages,
    inside: 'create function hourledger.merge_whole(',
    find: 'when data_exception or check_violation or program_limit_exceeded or cardinality_violation then',
    replacement: 'when cardinality_violation then',
    tests: ['test/database/rejected-records.test.ts'],
  },
  {
    name: 'no-number-is-a-price',
    breaks: 'NaN and Infinity are prices.',
    file: pages,
    inside: 'create function hourledger.exact_decimal(',
    find: `when value ~ '`,
    replacement: `when value ~ '^-?(NaN|Infinity)$|`,
    tests: ['test/database/rejected-records.test.ts'],
  },
  {
    name: 'two-owners-at-once',
    breaks: 'SQL can give a number to two workspaces at a time.',
    file: 'supabase/migrations/0002_mapping.sql',
    find: 'where (not in_conflict)',
    replacement: 'where (false)',
    tests: mapping,
  },
  {
    name: 'negative-rate-taken',
    breaks: 'SQL can set a negative credit rate.',
    file: 'supabase/migrations/0002_mapping.sql',
    find: 'check (usd_per_credit >= 0 and',
    replacement: 'check (',
    tests: ['test/database/costs.test.ts'],
  },
  {
    name: 'import-of-a-part',
    breaks: 'An import of numbers does not look for lines that cannot be taken.',
    file: 'supabase/migrations/0011_mapping_commands.sql',
    find: 'perform check_phones(p_rows);',
    replacement: '',
    tests: ['test/client/commands.test.ts'],
  },
].map((one) => ({ law: 'L8', ...one }));

export const service = { history, whole };
