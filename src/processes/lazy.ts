import { createRequire, getCompileCacheDir } from "node:module";
import { dirname } from "node:path";

const require = createRequire(import.meta.url);
/** The published build puts rooms into files of their own (scripts/build.ts). */
const builtFile = createRequire(import.meta.url);
const isBuilt = import.meta.url.endsWith(".mjs");

/**
 * Modules that few calls need. They are loaded at the first use, because each takes tens of milliseconds to load, more than all of `herma ps`; and
 * synchronously, because reads are synchronous.
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

/** The folder in which this program keeps compiled code between its runs, for the keepers that it starts; null when it keeps none. */
export function compiledCodeFolder(): string | null {
  // Each version of Node.js has a folder of its own in it.
  const ofVersion = getCompileCacheDir();
  return ofVersion === undefined ? null : dirname(ofVersion);
}
