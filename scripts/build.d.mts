/** The types of build.mjs, for TypeScript that calls it. */
export declare function build(options?: { log?: (line: string) => void }): Promise<boolean>;
export declare function buildBench(): Promise<void>;
