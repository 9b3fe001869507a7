#!/usr/bin/env node
// Starts the command line. This file must be understood by Node.js 12, so that an old one can say what is wrong instead of showing a
// syntax error: no `?.`, no `??`, no top-level await, no `node:` names, nothing imported by name that is younger.
import { spawn } from "child_process";
import { accessSync, constants, existsSync, mkdirSync, readdirSync, realpathSync, statSync } from "fs";
import module from "module";
import { homedir } from "os";
import { join } from "path";
import process from "process";
import { fileURLToPath } from "url";

/** The same as in package.json's engines. */
const oldest = [24, 2];
const hint = "Install Node.js 24 or newer, or run `npm ci` in the checkout, which brings one.";

const root = fileURLToPath(new URL("..", import.meta.url));

function isNewEnough(version) {
  const parts = version.split(".").map(Number);
  return parts[0] > oldest[0] || (parts[0] === oldest[0] && parts[1] >= oldest[1]);
}

/** The Node.js that the checkout, or the installation beside it, brings; null when it is absent or already the one that runs. */
function pinnedNode() {
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (const folder of [join(root, "node_modules"), join(root, "..")]) {
    const candidate = join(folder, "node", "bin", name);
    try {
      accessSync(candidate, constants.X_OK);
      if (realpathSync(candidate) !== realpathSync(process.execPath)) return candidate;
    } catch (_error) {
      // Not there: the next one may be.
    }
  }
  return null;
}

/** Runs the same command with another Node.js and ends as that one ends. */
function handOver(node) {
  // In the variables only to keep two old ones from calling each other for ever.
  const variables = Object.assign({}, process.env, { HERMA_NODE_CHOSEN: "1" });
  const child = spawn(node, [join(root, "bin", "herma.mjs")].concat(process.argv.slice(2)), { stdio: "inherit", env: variables });
  // A terminal sends these to the child as well; here they must only not end this program before the child.
  for (const signal of ["SIGINT", "SIGQUIT"]) process.on(signal, () => {});
  // These are sent to one pid, and that is ours.
  const forwarded = process.platform === "win32" ? [] : ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error("herma: " + node + " cannot be started: " + error.message);
    process.exit(78);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * Keeps compiled code between runs, in a folder that only this user may write: whoever can write it can run code as us. Start-up is
 * slower without it and nothing else, so every failure is passed over.
 */
function keepCompiledCode() {
  try {
    const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "herma");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const stat = statSync(folder);
    const mine = process.getuid === undefined || (stat.uid === process.getuid() && (stat.mode & 0o022) === 0);
    if (mine) module.enableCompileCache(folder);
  } catch (_error) {
    // See above.
  }
}

/**
 * True when the sources must run: nothing was built, or something was edited since. The published package has only `dist` (Node.js does not
 * strip types inside node_modules). Two hundred times of files cost a millisecond, the sources three quarters of what `herma ps` may take.
 */
function sourceIsNewer() {
  const sources = join(root, "src");
  if (!existsSync(join(sources, "cli", "main.ts"))) return false;
  try {
    const built = statSync(join(root, "dist", "built")).mtimeMs;
    return anyNewer(sources, built);
  } catch (_error) {
    return true;
  }
}

function anyNewer(folder, thanMs) {
  return readdirSync(folder, { withFileTypes: true }).some((entry) => {
    const path = join(folder, entry.name);
    // A folder's own time tells of files that came or went.
    return statSync(path).mtimeMs > thanMs || (entry.isDirectory() && anyNewer(path, thanMs));
  });
}

function start() {
  if (isNewEnough(process.versions.node)) {
    delete process.env.HERMA_NODE_CHOSEN;
    keepCompiledCode();
    void import(sourceIsNewer() ? "../src/cli/main.ts" : "../dist/cli/main.mjs");
    return;
  }
  const node = process.env.HERMA_NODE_CHOSEN === undefined ? pinnedNode() : null;
  if (node !== null) {
    handOver(node);
    return;
  }
  console.error("herma: Node.js " + process.versions.node + " is too old, " + oldest.join(".") + " or newer is needed. " + hint);
  process.exit(78);
}

start();
