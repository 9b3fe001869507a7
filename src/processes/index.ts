/** The registry over process folders: start, read, follow, wait, write, signal, kill, recover. */
export { loadAhead } from "./loadAhead.ts";
export { openRegistry } from "./registry.ts";
export { registryConfig } from "./settings.ts";
export type * from "./types.ts";
