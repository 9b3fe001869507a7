import { type ChildProcess, execFile } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { startModelServer } from "../fixtures/modelServer.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { root } from "./home.ts";

const run = promisify(execFile);
const node = nodeProcess.execPath;

/** A project that has installed the package as it is published: what was built, and nothing of the sources. */
const project = temporaryFolder();

beforeAll(async () => {
  const herma = join(project, "node_modules/herma");
  mkdirSync(herma, { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
  cpSync(join(root, "package.json"), join(herma, "package.json"));
  cpSync(join(root, "examples"), join(project, "examples"), { recursive: true });
  // What the package depends on.
  symlinkSync(join(root, "node_modules"), join(herma, "node_modules"));
  for (const name of ["ai", "@ai-sdk", "@types"]) symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
  await run(node, [join(root, "scripts/build.ts"), join(herma, "dist")]);
  await run(node, [join(root, "scripts/buildLibrary.ts"), join(herma, "dist")]);
}, 120_000);

async function example(name: string, variables: Record<string, string> = {}): Promise<string> {
  const child = run(node, [join(project, "examples", `${name}.ts`)], { env: { ...nodeProcess.env, ...variables }, timeout: 90_000 });
  const { stdout } = await (child as Promise<{ stdout: string; stderr: string }> & { child: ChildProcess });
  return stdout;
}

describe("the examples, with the package as it is published", () => {
  test.each(["run-a-command", "wait-for-a-port", "watch-a-log", "survive-a-restart"])("%s", async (name) => {
    expect(await example(name)).toMatch(/^ok$/m);
  });

  test("agent", async () => {
    const model = await startModelServer([
      { calls: [{ name: "terminal", input: { command: "echo from-the-command" } }] },
      ({ messages }) => ({ text: `It printed: ${String(messages.at(-1)?.content)}` }),
    ]);
    const printed = await example("agent", { MODEL_URL: model.url });
    expect(printed).toMatch(/It printed: .*from-the-command/);
    expect(printed).toMatch(/^ok$/m);
    expect(model.requests[0]?.tools?.map((tool) => tool.function.name)).toEqual(["terminal", "process"]);
  });

  test("types: strict, as a program sees them", async () => {
    const options = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--lib",
      "es2024,esnext.disposable",
      "--allowImportingTsExtensions",
      "--types",
      "node",
    ];
    const files = ["run-a-command", "wait-for-a-port", "watch-a-log", "survive-a-restart", "agent"].map((name) => `examples/${name}.ts`);
    const checked = run(join(root, "node_modules/.bin/tsc"), [...options, "--skipLibCheck", ...files], { cwd: project });
    expect(await checked.catch((error: { stdout: string }) => error.stdout)).toMatchObject({ stdout: "" });
  });
});
