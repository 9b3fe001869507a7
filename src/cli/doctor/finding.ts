import type { Registry } from "../../processes/index.ts";
import type { System } from "../../system/index.ts";
import type { Cli } from "../cli.ts";

/** What a check found. */
export type Finding = {
  /** `ok`: proven. `note`: works, with a limit one should know. `bad`: does not work. `skipped`: could not be looked at. */
  readonly verdict: "ok" | "note" | "bad" | "skipped";
  /** One sentence: what is so. */
  readonly words: string;
  /** What to do about it; absent where there is nothing to do. */
  readonly mend?: string;
};
export type Check = {
  /** One word. */
  readonly name: string;
  /** Only where there is a home already. */
  readonly inHome?: boolean;
  /** It writes in the scratch folder, so it can only be tried out where the home can be written. */
  readonly inScratch?: boolean;
  look(given: Given): Promise<Finding> | Finding;
};
/** What checks look with. `scratch`: an empty folder in the home, removed afterwards. */
export type Given = {
  readonly cli: Cli;
  readonly system: System;
  readonly scratch: string;
  registry(): Promise<Registry>;
};

export const ok = (words: string): Finding => ({ verdict: "ok", words });
export const note = (words: string, mend?: string): Finding => ({ verdict: "note", words, ...(mend === undefined ? {} : { mend }) });
export const bad = (words: string, mend?: string): Finding => ({ verdict: "bad", words, ...(mend === undefined ? {} : { mend }) });
export const skipped = (words: string): Finding => ({ verdict: "skipped", words });
