/** The types of install.mjs, for TypeScript that calls it. */
export declare function nodeProblem(version?: string): string | null;
export declare function ensurePackages(options: { log: (line: string) => void }): number;
