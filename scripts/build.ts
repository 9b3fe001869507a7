/**
 * `npm run build`, and by itself after `npm ci`: puts the sources together into `dist/`, one file per program and a few they share. Loading
 * two hundred files costs a command line three times what its work costs. bin/herma.mjs uses `dist/` only while it is newer than every
 * source, so an edited checkout always runs what was edited.
 */
import { rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join, resolve } from "node:path";
import nodeProcess from "node:process";
import { rolldown } from "rolldown";
import { laterSchemas } from "./laterSchemas.ts";

/**
 * An import of a module of Node.js makes it read every property of that, and so load what stands behind each: terminals, sockets and workers
 * behind `node:process`, all of fetch behind `node:http`. Asked for as an object, it reads what is used: a tenth of what `herma ps` takes.
 */
const builtinsAsObjects = {
  name: "builtins-as-objects",
  resolveId: (source: string, importer: string | undefined, { kind }: { kind: string }) => {
    const name = source.replace(/^node:/, "");
    // The bundler's own first lines come before everything.
    if (importer?.startsWith("\0") || !builtinModules.includes(name) || (kind !== "import-statement" && kind !== "dynamic-import"))
      return null;
    return { id: `\0${kind}:${name}`, moduleSideEffects: false };
  },
  load: (id: string) => {
    const [, kind, name] = /^\0(import-statement|dynamic-import):(.+)$/.exec(id) ?? [];
    return name === undefined ? null : builtinSource(name, kind === "dynamic-import");
  },
};

/**
 * The web server asks of each request whether it came over HTTP/2, which none of ours speaks; loading that for the question costs a tenth of a
 * gateway's start.
 */
const noHttp2 = "export class Http2ServerRequest {} export const constants = Object.freeze({ NGHTTP2_NO_ERROR: 0, NGHTTP2_CANCEL: 8 });";

/** Each name by itself, so that those nobody imports are left out. A dynamic import leaves none out, so it gets none that loads something. */
function builtinSource(name: string, isDynamic: boolean): string {
  if (name === "process") return "export default globalThis.process;";
  if (name === "http2") return noHttp2;
  const properties = Object.getOwnPropertyDescriptors(nodeProcess.getBuiltinModule(name));
  const names = Object.entries(properties)
    .filter(
      ([key, property]) =>
        /^[A-Za-z_$][\w$]*$/.test(key) && key !== "default" && property.enumerable && (!isDynamic || "value" in property),
    )
    .map(([key]) => key);
  const asked = `/* @__PURE__ */ globalThis.process.getBuiltinModule(${JSON.stringify(`node:${name}`)})`;
  return [`const builtin = ${asked};`, "export default builtin;", ...names.map((key) => `export const ${key} = builtin.${key};`)].join(
    "\n",
  );
}

const root = resolve(import.meta.dirname, "..");

/** What `herma ps` loads whatever it is asked for. */
const psStarts = ["src/cli/main.ts", "src/cli/commands/ps.ts", "src/cli/output.ts", "src/processes/index.ts", "src/system/index.ts"];
const keeperStarts = ["src/keeper/main.ts"];

type Graph = { getModuleInfo(id: string): { readonly importedIds: readonly string[] } | null };

/** Everything that is loaded with these files, since they or what they import name it. */
function loadedWith(graph: Graph, starts: readonly string[]): Set<string> {
  const loaded = new Set<string>();
  const waiting = starts.map((path) => join(root, path));
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (loaded.has(id)) continue;
    loaded.add(id);
    waiting.push(...(graph.getModuleInfo(id)?.importedIds ?? []));
  }
  return loaded;
}

let loaded: { readonly ps: ReadonlySet<string>; readonly keeper: ReadonlySet<string> } | null = null;

/**
 * What is always loaded together stands in one file, because each file costs a start half a millisecond: what the keeper and `herma ps` both
 * need, and what `herma ps` needs besides. Everything else is split by who uses it.
 */
function chunkOf(id: string, graph: Graph): string | null {
  loaded ??= { ps: loadedWith(graph, psStarts), keeper: loadedWith(graph, keeperStarts) };
  // Of a package each takes the parts it uses. And whoever waits for an import must not stand in a file that this imports.
  if (!loaded.ps.has(id) || id.includes("node_modules") || id.endsWith("/main.ts")) return null;
  // What packages use as well must not stand in a file that uses those packages.
  if (id.startsWith("\0")) return "node";
  return loaded.keeper.has(id) ? "base" : "ps";
}

/** `node scripts/build.ts FOLDER` builds somewhere else, for tests of what is built. */
const dist = resolve(nodeProcess.argv[2] ?? join(root, "dist"));

rmSync(dist, { recursive: true, force: true });
const bundle = await rolldown({
  input: {
    "cli/main": join(root, "src/cli/main.ts"),
    "keeper/main": join(root, "src/keeper/main.ts"),
    // A thread's own program (src/system/node/loopObserver.ts).
    "system/loopThread": join(root, "src/system/node/loopThread.ts"),
    // Loaded by its name, at the first use (src/processes/lazy.ts).
    "store/index": join(root, "src/store/index.ts"),
  },
  platform: "node",
  // A program may offer more than it was written to, for those whose code stands with it.
  preserveEntrySignatures: "allow-extension",
  // Packages with binaries find them beside themselves.
  external: [/^koffi($|\/)/, /^@lydell\/node-pty($|\/)/],
  logLevel: "warn",
  plugins: [builtinsAsObjects, laterSchemas],
  // A name that nobody imports is not read either.
  treeshake: { propertyReadSideEffects: false },
});
await bundle.write({
  dir: dist,
  format: "esm",
  entryFileNames: "[name].mjs",
  chunkFileNames: "shared/[name]-[hash].mjs",
  codeSplitting: { groups: [{ name: chunkOf, debugName: "together" }], includeDependenciesRecursively: false },
  // Readable stacks are worth more than bytes that nobody downloads.
  minify: false,
});
await bundle.close();
// Last, because its time says that everything before it is done.
writeFileSync(join(dist, "built"), "");
