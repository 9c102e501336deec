/** In-memory stand-ins for the activities: what they were asked, and answers that a test decides. */
import { ApplicationFailure } from '@temporalio/common';
import type {
  Activities,
  AskAgainInput,
  BackfillPlanInput,
  Counts,
  Day,
  DayCursor,
  DailyPlanInput,
  FailedDay,
  FetchInput,
  Run,
  Source,
  TotalsInput,
  WorkspaceDaysInput,
} from '../../../activities/types.js';

const noCounts: Counts = {
  fetched: 0,
  inserted: 0,
  updated: 0,
  unchanged: 0,
  rejected: 0,
  gone: 0,
  unordered: 0,
};

/** What a provider does with a day; a day without one has a single page of ten records. */
interface Behaviour {
  /** Pages of ten records each. */
  pages?: number;
  /** Every fetch that has the day in it fails for good with this message. */
  breaks?: string;
  /** The provider says for good that it refuses the day. */
  refused?: string;
  /** Merges find the day's pages gone this many times. */
  vanishes?: number;
  /** They vanish because they are no JSON, which merging says in these words. */
  malformed?: string;
  /** This many records need asking again, one batch each. */
  unordered?: number;
  /** Merging its pages fails for good. */
  unmergeable?: string;
  /** Fetches bring nothing, and say that there is more. */
  stalls?: boolean;
}

/** A door that activities wait at until the test opens it. */
class Gate {
  readonly opened: Promise<void>;
  open!: () => void;
  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** Every day between two, oldest first. */
export function daysBetween(from: Day, to: Day): Day[] {
  const days: Day[] = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += 86_400_000) {
    days.push(new Date(at).toISOString().slice(0, 10));
  }
  return days;
}

export class FakeLedger {
  sourcesOn: Source[] = ['twilio', 'elevenlabs'];
  behaviours = new Map<Day, Behaviour>();
  /** Every fetch of this source finds its key refused. */
  credentialsRefused: Source | null = null;
  /** So does the small request before the first one. */
  keyRefused: Source | null = null;
  dailyDays: Day[] = [];
  unsettledBatches = 0;
  /** Records that webhooks have named. */
  hints = 0;
  /** Records that each batch of others finds refused. */
  refusals = 0;
  /** Rolling hours up fails for good with this message. */
  drainFailure: string | null = null;
  /** Names of activities in the order in which they were called. */
  readonly calls: string[] = [];
  /** Days whose figures differ from the provider's until they are fetched again, or for good. */
  readonly drifts = new Set<Day>();
  readonly driftsAlways = new Set<Day>();
  readonly fetches: FetchInput[] = [];
  readonly completions: { source: Source; run: Run; days: Day[]; failed: FailedDay[] }[] = [];
  readonly asked: AskAgainInput[] = [];
  readonly dailyPlans: DailyPlanInput[] = [];
  readonly plans: BackfillPlanInput[] = [];
  readonly merges: string[][] = [];
  /** What the provider says of how many records a day has. */
  recordsPerDay: number | null = null;
  readonly totals: TotalsInput[] = [];
  /** Days in the order in which they were first fetched. */
  readonly begun: Day[] = [];
  mostDaysUnderWay = 0;
  readonly #underWay = new Set<Day>();
  readonly #gates = new Map<Day, Gate>();
  readonly #vanished = new Map<Day, number>();
  readonly #waiting: { holds: () => boolean; resolve: () => void }[] = [];
  readonly #known = new Map<Day, 'completed'>();

  /** Lets fetches of a day, `checkCredentials` or `sweepPages` wait until it is released. */
  hold(...gates: string[]): void {
    for (const gate of gates) this.#gates.set(gate, new Gate());
  }

  release(...days: Day[]): void {
    for (const day of days) this.#gates.get(day)?.open();
  }

  releaseAll(): void {
    for (const gate of this.#gates.values()) gate.open();
  }

  get completedDays(): Day[] {
    return this.completions.flatMap(({ days }) => days).sort();
  }

  get failedDays(): FailedDay[] {
    return this.completions.flatMap(({ failed }) => failed);
  }

  /** Resolves as soon as `holds`; asked whenever an activity begins or ends. */
  when(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }));
  }

  #notice(): void {
    for (const { holds, resolve } of this.#waiting) if (holds()) resolve();
  }

  /** How often an activity was called. */
  count(name: keyof Activities): number {
    return this.calls.filter((call) => call === name).length;
  }

  /** The activities, as a worker takes them. */
  activities(): Activities {
    const called =
      <Args extends unknown[], R>(name: keyof Activities, work: (...args: Args) => Promise<R> | R) =>
      async (...args: Args): Promise<R> => {
        this.calls.push(name);
        try {
          const result = work(...args);
          this.#notice();
          return await result;
        } finally {
          this.#notice();
        }
      };
    const drained = { done: 0, setAside: [] };
    return {
      listSources: called('listSources', () => this.sourcesOn),
      checkCredentials: called('checkCredentials', async ({ source }) => {
        await this.#gates.get('checkCredentials')?.opened;
        if (this.keyRefused !== source) return { recordsPerDay: this.recordsPerDay };
        throw ApplicationFailure.nonRetryable('The key was refused.', 'ProviderCredentialsRefused');
      }),
      planBackfill: called('planBackfill', (input) => this.#planBackfill(input)),
      planDailySync: called('planDailySync', (input) => {
        this.dailyPlans.push(input);
        return this.dailyDays;
      }),
      fetchProviderPage: called('fetchProviderPage', (input) => this.#fetch(input)),
      fetchRecordsAgain: called('fetchRecordsAgain', (input) => this.#askAgain(input)),
      upsertRawRows: called('upsertRawRows', (input) => this.#merge(input.pageIds)),
      classifyWorkspace: called('classifyWorkspace', () => drained),
      rollupHours: called('rollupHours', () => {
        if (this.drainFailure !== null) throw ApplicationFailure.nonRetryable(this.drainFailure);
        return drained;
      }),
      completeDays: called('completeDays', (input) => this.#complete(input)),
      checkWorkspace: called('checkWorkspace', ({ workspaceId }) => {
        if (workspaceId > 100) throw ApplicationFailure.nonRetryable('No such workspace.', 'InvalidInput');
      }),
      regenerateDays: called('regenerateDays', (input) => this.#workThrough(input)),
      clearDays: called('clearDays', (input) => this.#workThrough(input)),
      reclassifyRecords: called('reclassifyRecords', ({ phoneNumbers }) => ({
        done: phoneNumbers?.length ?? 30,
        setAside: [],
      })),
      fetchProviderTotals: called('fetchProviderTotals', (input) => {
        this.totals.push(input);
      }),
      compareDays: called('compareDays', ({ days }) => this.#compare(days)),
      countUnsettled: called('countUnsettled', () => undefined),
      sweepPages: called('sweepPages', async () => {
        await this.#gates.get('sweepPages')?.opened;
        return { swept: 0 };
      }),
    };
  }

  #planBackfill(input: BackfillPlanInput) {
    this.plans.push(input);
    const newest = input.order === 'newest-first';
    const all = daysBetween(input.from, input.to).filter(
      (day) => input.reprocess === 'completed' || !this.#known.has(day) || input.after !== null,
    );
    if (newest) all.reverse();
    const { after } = input;
    const behind = all.filter((day) => after === null || (newest ? day < after : day > after));
    const days = behind.slice(0, input.limit);
    return { days, total: all.length, more: behind.length > days.length };
  }

  async #fetch(input: FetchInput) {
    this.fetches.push(input);
    if (this.credentialsRefused === input.source) {
      throw ApplicationFailure.nonRetryable('The key was refused.', 'ProviderCredentialsRefused');
    }
    for (const { day, cursor, restarts } of input.days) {
      if (cursor === null && restarts === 0) this.begun.push(day);
      this.#underWay.add(day);
    }
    this.mostDaysUnderWay = Math.max(this.mostDaysUnderWay, this.#underWay.size);
    for (const { day } of input.days) await this.#gates.get(day)?.opened;
    const result = {
      pageIds: [] as string[],
      unfinished: [] as DayCursor[],
      failed: [] as FailedDay[],
      fetched: 0,
    };
    for (const { day, cursor, restarts } of input.days) {
      const { pages = 1, breaks, refused } = this.behaviours.get(day) ?? {};
      if (breaks !== undefined) throw ApplicationFailure.nonRetryable(breaks, 'ProviderRefusedRequest');
      if (refused !== undefined) {
        result.failed.push({ day, message: refused });
        continue;
      }
      if (this.behaviours.get(day)?.stalls) {
        result.unfinished.push({ day, cursor, restarts });
        continue;
      }
      const page = Number(cursor ?? 0) + 1;
      if (!input.dryRun) result.pageIds.push(`${day}#${restarts}#${page}`);
      result.fetched += 10;
      if (page < pages) result.unfinished.push({ day, cursor: String(page), restarts });
    }
    if (input.dryRun) for (const { day } of input.days) this.#underWay.delete(day);
    return result;
  }

  #merge(pageIds: string[]) {
    this.merges.push(pageIds);
    const counts = { ...noCounts };
    const missingDays = new Set<Day>();
    const broken: FailedDay[] = [];
    for (const [day, , page] of pageIds.map((id) => id.split('#') as [Day, string, string])) {
      const { vanishes = 0, malformed, unordered = 0, unmergeable } = this.behaviours.get(day) ?? {};
      if (unmergeable !== undefined) throw ApplicationFailure.nonRetryable(unmergeable, 'MergeRefused');
      const vanished = this.#vanished.get(day) ?? 0;
      if (vanished < vanishes) {
        this.#vanished.set(day, vanished + 1);
        missingDays.add(day);
        if (malformed !== undefined) broken.push({ day, message: malformed });
        continue;
      }
      counts.fetched += 10;
      counts.inserted += 10;
      if (page === '1') counts.unordered += unordered;
    }
    return {
      counts,
      missingDays: [...missingDays],
      ...(broken.length === 0 ? {} : { malformed: broken }),
    };
  }

  #askAgain(input: AskAgainInput) {
    this.asked.push(input);
    const { scope } = input;
    if (scope.kind === 'hinted') return this.#askHinted(input);
    const batches =
      scope.kind === 'unsettled'
        ? this.unsettledBatches
        : scope.days.reduce((sum, day) => sum + (this.behaviours.get(day)?.unordered ?? 0), 0);
    const asked = input.batch < batches ? 1 : 0;
    const pageIds = asked > 0 ? [`again#${scope.kind}#${input.batch}`] : [];
    return { pageIds, asked, refused: this.refusals, more: input.batch + 1 < batches };
  }

  /** As the real one: after each batch it is looked whether hints are left. */
  #askHinted({ batch }: AskAgainInput) {
    const asked = this.hints;
    this.hints = 0;
    return { pageIds: asked > 0 ? [`again#hinted#${batch}`] : [], asked, refused: 0, more: asked > 0 };
  }

  /** Three days, one for each activity. */
  #workThrough(input: WorkspaceDaysInput) {
    const number = Number(input.after?.day.slice(-2) ?? 0) + 1;
    const after = { workspaceId: 1, day: `2025-10-0${number}` };
    return { after, more: number < 3, days: 1, snapshots: 24 };
  }

  /** Days drift until they are fetched; those in `driftsAlways` do so afterwards too. */
  #compare(days: Day[]) {
    const fetched = new Set(this.completedDays);
    return {
      drifting: days.filter(
        (day) => this.driftsAlways.has(day) || (this.drifts.has(day) && !fetched.has(day)),
      ),
    };
  }

  #complete(input: { source: Source; run: Run; days: Day[]; failed: FailedDay[] }) {
    this.completions.push(input);
    for (const day of input.days) this.#known.set(day, 'completed');
    for (const day of [...input.days, ...input.failed.map((each) => each.day)]) this.#underWay.delete(day);
    const fetched = input.days.reduce((sum, day) => sum + 10 * (this.behaviours.get(day)?.pages ?? 1), 0);
    return { counts: { ...noCounts, fetched, inserted: fetched }, open: 0 };
  }
}
