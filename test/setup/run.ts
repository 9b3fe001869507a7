import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import nodeProcess from "node:process";
import { type MarkedProcess, processesWithMark, readMarked, runMark } from "./marks.ts";
import { until } from "./waiting.ts";

/**
 * Marks everything that is started while the tests run, and fails the run when something of it outlives them. What is left is named and
 * then ended, by pid and only after its mark was read again, so that a red run leaves the machine clean for the next one.
 * A child that a test gave an environment of its own carries no mark; the check after each test (leaks.ts) sees it as a child.
 */
export default function setUpRun(): () => Promise<void> {
  const [major = 0, minor = 0] = nodeProcess.versions.node.split(".").map(Number);
  if (major < 24 || (major === 24 && minor < 2)) {
    throw new Error(`the tests need Node.js 24.2 or newer and run on ${nodeProcess.versions.node}; use \`npm test\` or \`npx vitest\``);
  }
  const runId = randomBytes(8).toString("hex");
  nodeProcess.env[runMark] = runId;
  const folder = useHomeOfItsOwn();
  return async () => {
    try {
      await tearDownRun(runId);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
}

/**
 * Every keeper asks the user's login shell for its variables. Tests kill keepers and shells at any moment, which start-up files are not made
 * for (pyenv's leave a lock that hangs each later shell for a minute), and must not depend on what stands in them. Compiled code stays where
 * it is kept.
 */
function useHomeOfItsOwn(): string {
  nodeProcess.env.XDG_CACHE_HOME ||= join(homedir(), ".cache");
  const folder = mkdtempSync(join(tmpdir(), "herma-user-"));
  nodeProcess.env.HOME = folder;
  return folder;
}

async function tearDownRun(runId: string): Promise<void> {
  const strays = (): MarkedProcess[] => processesWithMark(runId).filter((candidate) => !isOfTheRunner(candidate));
  try {
    await until("processes of the tests are gone", () => strays().length === 0, { deadlineMs: 3000 });
  } catch {
    const left = strays();
    if (left.length === 0) return;
    for (const stray of left) endStray(stray, runId);
    const names = left.map((stray) => `  ${stray.pid} (parent ${stray.parent}): ${stray.command.slice(0, 200)}`);
    throw new Error(`${left.length} process(es) started by tests were still running after them (now killed):\n${names.join("\n")}`);
  }
}

/** Vitest's own workers and watchdog inherit the mark; they are children of this program and run Vitest's files. */
function isOfTheRunner(candidate: MarkedProcess): boolean {
  return candidate.parent === nodeProcess.pid && /vitest/.test(candidate.command);
}

function endStray(stray: MarkedProcess, runId: string): void {
  if (readMarked(stray.pid, runId)?.startTime !== stray.startTime) return;
  try {
    nodeProcess.kill(stray.pid, "SIGKILL");
  } catch {
    // It has ended by itself in between.
  }
}
