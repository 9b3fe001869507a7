import type * as editing from "./configEdit.ts";
import type { ParseConfig } from "./configFile.ts";

import type { ParseHermesConfig } from "./hermesConfig.ts";

export type { ParseConfig, ParseConfigOptions } from "./configFile.ts";

/** Loads the reader of `herma.yaml`. Apart from the door, because the YAML library would slow every short command down. */
export async function loadConfigParser(): Promise<ParseConfig> {
  return (await import("./configFile.ts")).parseConfig;
}

/** Loads what changes a `herma.yaml`: one command needs it. */
export async function loadConfigEditor(): Promise<Pick<typeof editing, "editConfig" | "statedSettings">> {
  return await import("./configEdit.ts");
}

/** Loads the reader of the original's `config.yaml`. */
export async function loadHermesConfigParser(): Promise<ParseHermesConfig> {
  return (await import("./hermesConfig.ts")).parseHermesConfig;
}
