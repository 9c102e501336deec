/** `askHinted`: asks the provider for the records that webhooks have named, until none is left. */
import { continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Counts, Source } from '../activities/types.js';
import { askAgain, describeRefused, nothingAskedAgain, type AskedAgain } from './ask-again.js';
import { refusing } from './failures.js';
import { drain } from './ingest-days.js';
import { internalsOf, type Internals } from './internals.js';
import { hinted } from './messages.js';
import { parseAskHintedInput, type AskHintedInput } from './operations-input.js';
import { currentRun } from './run-days.js';

const setAsideKept_max = 50;

/** What came of the hints. */
export interface AskHintedSummary {
  source: Source;
  /** Of the records that were asked; unknown ones are counted as gone. */
  records: Counts;
  /** What could not be drained, with the reason; and how many records were refused. */
  setAside: string[];
}

/** Carried from run to run of the chain. */
export interface HintedTally {
  asked: AskedAgain;
  setAside: string[];
}

/**
 * Webhooks start it under one id for each source, or signal the one that runs. A signal that comes in its last moment
 * is not lost: Temporal refuses to end a workflow that has not seen all its signals.
 * @throws ApplicationFailure InvalidInput before anything is asked; SourceOff, after which the hints are kept
 */
export async function askHinted(
  input: AskHintedInput,
  internals?: Internals<HintedTally>,
): Promise<AskHintedSummary> {
  const { source } = refusing(() => parseAskHintedInput(input));
  const { tuning, carried } = internalsOf('askHinted', internals);
  const { asked, setAside } = carried ?? { asked: nothingAskedAgain(), setAside: [] };
  const hints = { signalled: 0, seen: 0 };
  setHandler(hinted, () => {
    hints.signalled += 1;
  });
  const target = { source, run: currentRun(), scope: { kind: 'hinted' as const } };
  do {
    hints.seen = hints.signalled;
    asked.done = false;
    await askAgain(target, asked, `${source}, named by webhooks`, () => !mustContinue());
    const left = await drain('what is left');
    setAside.push(...left.slice(0, setAsideKept_max - setAside.length));
    if (mustContinue()) {
      const carrying = { asked, setAside };
      return continueAsNew<typeof askHinted>(input, {
        kind: 'hourledger-internals',
        tuning,
        carried: carrying,
      });
    }
  } while (hints.signalled > hints.seen);
  setAside.push(...describeRefused(source, asked.refused));
  return { source, records: asked.counts, setAside };
}

/** Webhooks may come without an end. */
function mustContinue(): boolean {
  return workflowInfo().continueAsNewSuggested;
}
