/** One line of `doctor`: what was looked at, and how it stands. */

export interface Check {
  name: string;
  /** `warning`: worth knowing, and nothing is broken. */
  state: 'ok' | 'warning' | 'failed';
  fact: string;
  /** Null where there is nothing to do. */
  remedy: string | null;
}

export function ok(name: string, fact: string): Check {
  return { name, state: 'ok', fact, remedy: null };
}

export function warning(name: string, fact: string, remedy: string | null): Check {
  return { name, state: 'warning', fact, remedy };
}

export function failed(name: string, fact: string, remedy: string | null): Check {
  return { name, state: 'failed', fact, remedy };
}
