/**
 * Ring 0: everything about the code that needs no test. Each step runs whatever the others say; one line each, then what the failed ones
 * printed. Exit 1 when one failed.
 *
 *     node scripts/check.ts [STEP...]
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import nodeProcess from "node:process";

const root = join(import.meta.dirname, "..");
const bin = (name: string): string => join(root, "node_modules", ".bin", name);

type Step = { readonly name: string; readonly what: string; readonly command: readonly string[]; readonly mend: string };
type Outcome = { readonly step: Step; readonly ok: boolean; readonly output: string; readonly ms: number };

const steps: readonly Step[] = [
  { name: "lint", what: "format and lint (Biome)", command: [bin("biome"), "check", "--error-on-warnings", "."], mend: "npm run format" },
  { name: "types", what: "types (TypeScript)", command: [bin("tsc"), "--noEmit"], mend: "" },
  {
    name: "rooms",
    what: "floors, doors, permits, picture",
    command: [nodeProcess.execPath, "scripts/rooms.ts"],
    mend: "npm run rooms -- --write (for the picture)",
  },
  { name: "dead", what: "dead files, exports, dependencies (Knip)", command: [bin("knip"), "--no-progress"], mend: "" },
  {
    name: "lock",
    what: "the lock has every platform",
    command: [nodeProcess.execPath, "scripts/lock.ts", "--check"],
    mend: "npm run lock",
  },
  {
    name: "package",
    what: "the package's doors (publint)",
    command: [bin("publint"), "--strict", "--pack", "false"],
    mend: "npm run build (when it is not built)",
  },
  { name: "docs", what: "generated docs unchanged", command: [nodeProcess.execPath, "scripts/docs.ts", "--check"], mend: "npm run docs" },
];

async function runStep(step: Step): Promise<Outcome> {
  const start = performance.now();
  const [program = "", ...args] = step.command;
  const { promise, resolve } = Promise.withResolvers<{ ok: boolean; output: string }>();
  let output = "";
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      output += text;
    });
  }
  child.on("error", (error) => resolve({ ok: false, output: error.message }));
  child.on("close", (code) => resolve({ ok: code === 0, output }));
  const result = await promise;
  return { step, ...result, ms: performance.now() - start };
}

async function main(): Promise<void> {
  const wanted = nodeProcess.argv.slice(2);
  const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`no such step: ${unknown.join(", ")} (there are ${steps.map((step) => step.name).join(", ")})`);
    nodeProcess.exitCode = 2;
    return;
  }
  const outcomes: Outcome[] = [];
  // One after the other: most of them use every core by themselves.
  for (const step of steps) {
    if (wanted.length > 0 && !wanted.includes(step.name)) continue;
    const outcome = await runStep(step);
    outcomes.push(outcome);
    console.log(`${outcome.ok ? "ok  " : "FAIL"} ${step.name.padEnd(6)} ${(outcome.ms / 1000).toFixed(1).padStart(5)} s  ${step.what}`);
  }
  const failed = outcomes.filter((outcome) => !outcome.ok);
  for (const { step, output } of failed) {
    console.log(`\n--- ${step.name} ---\n${output.trim()}${step.mend === "" ? "" : `\nTo mend: ${step.mend}`}`);
  }
  nodeProcess.exitCode = failed.length === 0 ? 0 : 1;
}

await main();
