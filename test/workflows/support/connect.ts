/** Where the tests of workflows find their server. */
import { suite } from '../../support/suite.js';
import { WorkflowEnvironment } from './workflow-environment.js';

export function connectForTests(): Promise<WorkflowEnvironment> {
  return WorkflowEnvironment.start(suite().temporalAddress, 'default');
}
