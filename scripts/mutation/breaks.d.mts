/** The types of the mutation scripts, for the rule test that reads them. */
export interface Break {
  /** Unique, in kebab case. */
  name: string;
  law: string;
  /** A sentence: what is broken. */
  breaks: string;
  file: string;
  /** Where the function begins that `find` is in; without it, `find` is there once in the whole file. */
  inside?: string;
  find?: string;
  replacement?: string;
  /** Several texts to be replaced, where one would not break anything. */
  edits?: { inside?: string; find: string; replacement: string }[];
  /** The files of tests that ought to notice, the cheapest first. */
  tests: string[];
  /** Random worlds to try, where the usual number does not do. */
  cases?: number;
}
export declare const breaks: Break[];
