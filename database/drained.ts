/** What `classify_dirt` and `rollup_dirt` answer. */
export interface Drained {
  /** The newest dirt of this round. */
  upTo: number;
  taken: number;
  /** Records that moved, or keys that were followed: both leave dirt of their own. */
  followed?: number;
  /** Taken by nobody yet, or by a drain that has not committed. */
  left: number;
  setAside: string[];
}
