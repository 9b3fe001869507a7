#!/usr/bin/env node
// Starts the command line. This file must be understood by Node.js 12, so that an old one can say what is wrong instead of showing a
// syntax error: no `?.`, no `??`, no top-level await, no `node:` names. It imports nothing: an import of `fs` makes Node.js load all that
// stands behind any of its properties, which costs as much as everything else that `herma ps` does.

// Where Node.js was started without --disable-sigusr1, that signal would open its debugger until somebody listens to it. What is left is the time
// in which Node.js itself starts, some 20 ms: only whoever starts it could close that.
process.on("SIGUSR1", () => {});

/** The same as in package.json's engines. */
const oldest = [24, 2];

const parts = process.versions.node.split(".").map(Number);
if (parts[0] > oldest[0] || (parts[0] === oldest[0] && parts[1] >= oldest[1])) start();
else void import("./oldNode.mjs").then((old) => old.handOver(oldest));

function start() {
  const fs = process.getBuiltinModule("fs");
  const path = process.getBuiltinModule("path");
  const root = path.dirname(path.dirname(process.getBuiltinModule("url").fileURLToPath(import.meta.url)));
  delete process.env.HERMA_NODE_CHOSEN;
  keepCompiledCode(fs, path);
  void import(sourceIsNewer(fs, path, root) ? "../src/cli/main.ts" : "../dist/cli/main.mjs");
}

/**
 * Keeps compiled code between runs, in a folder that only this user may write: whoever can write it can run code as us. Start-up is
 * slower without it and nothing else, so every failure is passed over.
 */
function keepCompiledCode(fs, path) {
  try {
    const caches = process.env.XDG_CACHE_HOME || path.join(process.getBuiltinModule("os").homedir(), ".cache");
    const folder = path.join(caches, "herma");
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = fs.statSync(folder);
    const mine = process.getuid === undefined || (stat.uid === process.getuid() && (stat.mode & 0o022) === 0);
    if (mine) process.getBuiltinModule("module").enableCompileCache(folder);
  } catch (_error) {
    // See above.
  }
}

/**
 * True when the sources must run: nothing was built, or something was edited since. The published package has only `dist` (Node.js does not
 * strip types inside node_modules). Two hundred times of files cost a millisecond, the sources three quarters of what `herma ps` may take.
 * Tests are passed over: no program runs them.
 */
function sourceIsNewer(fs, path, root) {
  const sources = path.join(root, "src");
  if (!fs.existsSync(path.join(sources, "cli", "main.ts"))) return false;
  try {
    return anyNewer(fs, sources, fs.statSync(path.join(root, "dist", "built")).mtimeMs);
  } catch (_error) {
    return true;
  }
}

function anyNewer(fs, folder, thanMs) {
  return fs.readdirSync(folder, { withFileTypes: true }).some((entry) => {
    if (entry.name.endsWith(".test.ts")) return false;
    const path = folder + "/" + entry.name;
    // A folder's own time tells of files that came or went.
    return fs.statSync(path).mtimeMs > thanMs || (entry.isDirectory() && anyNewer(fs, path, thanMs));
  });
}
