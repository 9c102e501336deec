/** The types of docs.mjs, for the rule test that reads the table. */
export declare function rowsOf(text: string): { law: string; name: string; words: string; result: string }[];
