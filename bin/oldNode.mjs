// What an old Node.js does instead of starting Herma: hands over to the one that the checkout or the installation brings, or says what is
// missing. Like herma.mjs, it must be understood by Node.js 12.
import { spawn } from "child_process";
import { accessSync, constants, realpathSync } from "fs";
import { join } from "path";
import process from "process";
import { fileURLToPath } from "url";

const hint = "Install Node.js 24 or newer, or run `npm ci` in the checkout, which brings one.";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Ends this program: with the other Node's exit code, or 78 when there is none. */
export function handOver(oldest) {
  const node = process.env.HERMA_NODE_CHOSEN === undefined ? pinnedNode() : null;
  if (node !== null) {
    runWith(node);
    return;
  }
  console.error("herma: Node.js " + process.versions.node + " is too old, " + oldest.join(".") + " or newer is needed. " + hint);
  process.exit(78);
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
function runWith(node) {
  // In the variables only to keep two old ones from calling each other for ever.
  const variables = Object.assign({}, process.env, { HERMA_NODE_CHOSEN: "1" });
  let child = null;
  // Before the start, so that no signal finds this program without its ears while there is a child already.
  // A terminal sends these to the child as well; here they must only not end this program before the child.
  for (const signal of ["SIGINT", "SIGQUIT"]) process.on(signal, () => {});
  // These are sent to one pid, and that is ours.
  const forwarded = process.platform === "win32" ? [] : ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"];
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  child = spawn(node, [join(root, "bin", "herma.mjs")].concat(process.argv.slice(2)), { stdio: "inherit", env: variables });
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
