/** The embedded parts, for the commands `stack` and `demo` and for the tests. */
export { StackError } from './stack-error.js';
export type { PartName, StackInfo } from './state.js';
export {
  readStack,
  resolveDataDir,
  stackStatus,
  startStack,
  stopStack,
  type PartStatus,
  type StackOptions,
  type StackStatus,
  type StopResult,
} from './stack.js';
