/** The types of tree.mjs, for the rule test that sees whether every break still applies. */
import type { Break } from './breaks.mjs';

export declare function misfits(root: string, breaks: readonly Break[]): string[];
export declare function broken(text: string, one: Break): string;
