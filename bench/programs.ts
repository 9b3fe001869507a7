import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";

export const root: string = join(import.meta.dirname, "..");
/** The Node.js that the checkout brings: everything measured runs on it. */
export const pinnedNode: string = join(root, "node_modules", "node", "bin", "node");
/** The command line as its npm package installs it. */
export const hermaProgram: string = join(root, "bin", "herma.mjs");
/** The command line of a checkout, a shell that finds the pinned Node.js. */
export const hermaLauncher: string = join(root, "bin", "herma");
/** The keeper as it is built: what a command line that runs from `dist/` starts. */
export const builtKeeper: string = join(root, "dist", "keeper", "main.mjs");

/** Builds `dist/`, which is what people run. Throws with what the build printed. */
export function build(): void {
  const { status, stdout, stderr } = spawnSync(pinnedNode, [join(root, "scripts", "build.ts")], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(`the build failed:\n${stdout}${stderr}`);
}

/** True when a source was edited since the build: `bin/herma` then runs the sources, which start much slower. */
export function isBuildStale(): boolean {
  const builtMs = statSync(join(root, "dist", "built")).mtimeMs;
  return readdirSync(join(root, "src"), { recursive: true }).some((name) => statSync(join(root, "src", String(name))).mtimeMs > builtMs);
}

/** Runs a program to its end and returns the milliseconds from spawn to close, with its output. Throws when it does not exit with 0. */
export async function timeProgram(
  argv: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<{ readonly ms: number; readonly stdout: string }> {
  const [program = "", ...args] = argv;
  const start = performance.now();
  const child = spawn(program, args, { env: variables, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code, signal] = await once(child, "close");
  const ms = performance.now() - start;
  if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${signal ?? code}: ${stderr.slice(-2000)}`);
  return { ms, stdout };
}

/** Milliseconds that a Node.js takes that does nothing. */
export async function timeEmptyNode(variables: Readonly<Record<string, string>>): Promise<number> {
  return (await timeProgram([pinnedNode, "-e", "0"], variables)).ms;
}

/** Ours, without what would lead a Herma elsewhere or make a Node.js slower. */
export function plainVariables(): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(nodeProcess.env))
    if (value !== undefined && !/^(HERMA_|NODE_|npm_)/.test(name)) variables[name] = value;
  return variables;
}

/** Seconds of CPU that a program has used in all its threads, in steps of 10 ms. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold blanks; field 3 follows its last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticksPerSecond = 100;
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/**
 * Bytes of anonymous memory (heaps, buffers, stacks), a fair part of what is shared. Pages of files do not count: those of Node.js itself are
 * shared with every other Node.js on the machine and move with their number.
 */
export function memoryBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kibibytes = /^Pss_Anon:\s+(\d+) kB$/m.exec(rollup)?.[1];
  if (kibibytes === undefined) throw new Error(`the kernel does not tell the memory of pid ${pid}`);
  return Number(kibibytes) * 1024;
}

/** Runs `work` for 0 to count - 1, at most `concurrency` at a time. */
export async function inParallel(count: number, concurrency: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
