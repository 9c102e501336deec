/** What the whole suite shares: one stack, started once, and a migrated database in it that the tests clone. */
import { inject } from 'vitest';

export interface Suite {
  /** The folder of this run, removed at its end. */
  dir: string;
  dataDir: string;
  /** A superuser's address of the database `postgres`. */
  adminUrl: string;
  templateName: string;
  authenticatorPassword: string;
  jwtSecret: string;
  serviceRoleKey: string;
  anonKey: string;
  temporalAddress: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    suite: Suite;
  }
}

export function suite(): Suite {
  return inject('suite');
}
