/** One record, asked by its id: what it is, that there is none, or that the provider refuses to say. */
import { ProviderError, type Provider } from '../providers/index.js';

/** What came of asking for a record: its text, null where there is none any more, or why it was refused. */
export interface Answer {
  recordText: string | null;
  refusal: string | null;
}

/**
 * A refusal that concerns this id alone is an answer too: the others of its batch go on.
 * @throws ProviderError where the next one would fare no better; the signal's reason when it is aborted
 */
export async function askRecord(provider: Provider, id: string, signal: AbortSignal): Promise<Answer> {
  try {
    const { recordText } = await provider.fetchRecord(id, signal);
    return { recordText, refusal: null };
  } catch (error) {
    const concernsIt =
      error instanceof ProviderError && (error.kind === 'permanent' || error.kind === 'not-found');
    if (!concernsIt) throw error;
    return { recordText: null, refusal: error.message };
  }
}
