/** Where the tests of workflows find their server. */
import { inject } from 'vitest';
import { WorkflowEnvironment } from './workflow-environment.js';

declare module 'vitest' {
  interface ProvidedContext {
    temporalAddress: string;
  }
}

export function connectForTests(): Promise<WorkflowEnvironment> {
  return WorkflowEnvironment.start(inject('temporalAddress'), 'default');
}
