import { createRequire, getCompileCacheDir } from "node:module";
import { dirname } from "node:path";

const require = createRequire(import.meta.url);
/** The published build puts rooms into files of their own (scripts/build.ts). */
const builtFile = createRequire(import.meta.url);
const isBuilt = import.meta.url.endsWith(".mjs");

/**
 * What few calls need and all others should not pay for: loaded at the first use, at once, since those who read wait for nothing. Each costs
 * tens of milliseconds, more than all of `herma ps`.
 */
export const lazily = {
  re2: (): typeof import("re2js") => require("re2js"),
  terminal: (): typeof import("@xterm/headless") => require("@xterm/headless"),
  store: (): typeof import("../store/index.ts") => (isBuilt ? builtFile("../store/index.mjs") : require("../store/index.ts")),
} as const;

/** Loads at the first call, and gives the same from then on: each `import()` of what is loaded costs as much as several looks at files. */
export function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = null; // What kept it from being loaded may pass.
      throw error;
    });
    return loaded;
  };
}

/** Where this program keeps compiled code between its runs, so that one it starts can do so, too; null when it keeps none. */
export function compiledCodeFolder(): string | null {
  // Each version of Node.js has a folder of its own in it.
  const ofVersion = getCompileCacheDir();
  return ofVersion === undefined ? null : dirname(ofVersion);
}
