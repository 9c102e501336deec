/** Ctrl-C, and what else asks a process to end. */

const signals = ['SIGINT', 'SIGTERM'] as const;
/** npm, and what npm runs, pass on what a terminal or a supervisor has sent to all of them already. */
const passedOn_ms = 1_000;

type SignalSource = Pick<NodeJS.Process, 'on' | 'off' | 'kill' | 'pid'>;

/**
 * Calls `leave` for the first signal. Those that come within a second are taken for the same one; a later one ends the
 * process, as somebody wants who does not wait for what `leave` is doing.
 * @returns what ends the listening
 */
export function onInterrupt(leave: () => void, source: SignalSource = process): () => void {
  let first_ms: number | null = null;
  const stop = () => {
    for (const signal of signals) source.off(signal, interrupt);
  };
  const interrupt = (signal: NodeJS.Signals) => {
    if (first_ms === null) {
      first_ms = performance.now();
      leave();
    } else if (performance.now() - first_ms > passedOn_ms) {
      stop();
      source.kill(source.pid, signal);
    }
  };
  for (const signal of signals) source.on(signal, interrupt);
  return stop;
}

/** Runs work with a signal that Ctrl-C aborts: the process is not ended by it, the wait is. */
export async function leavingOnInterrupt<T>(work: (leave: AbortSignal) => Promise<T>): Promise<T> {
  const leave = new AbortController();
  const stop = onInterrupt(() => leave.abort());
  try {
    return await work(leave.signal);
  } finally {
    stop();
  }
}
