import type { ParseConfig } from "./configFile.ts";

export type { ParseConfig, ParseConfigOptions } from "./configFile.ts";

/** Loads the reader of `herma.yaml`. Apart from the door, because the YAML library would slow every short command down. */
export async function loadConfigParser(): Promise<ParseConfig> {
  return (await import("./configFile.ts")).parseConfig;
}
