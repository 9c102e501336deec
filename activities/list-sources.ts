/** The activity `listSources`: the sources that the worker has credentials for. */
import type { Dependencies } from './dependencies.js';
import type { Activities, Source } from './types.js';

export function createListSources({ providers }: Dependencies): Activities['listSources'] {
  return () => Promise.resolve(Object.keys(providers) as Source[]);
}
