import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { promisify } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startModelServer } from "../fixtures/modelServer.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { root, runHerma } from "./home.ts";

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

type Daemon = { port(): Promise<number>; readonly end: Promise<{ code: number | null }>; kill(): void; stderr(): string };

/** The daemon as its own program; its log tells the port. */
function startDaemon(home: string): Daemon {
  const child = spawn(node, [join(project, "examples/daemon.ts"), home], { stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  const { promise: port, resolve } = Promise.withResolvers<number>();
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    const told = /"port":(\d+)/.exec(stderr)?.[1];
    if (told !== undefined) resolve(Number(told));
  });
  const end = new Promise<{ code: number | null }>((done) => child.on("close", (code) => done({ code })));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await end;
  });
  return {
    port: () => deadline(port, 60_000, "the daemon's port"),
    end,
    kill: () => child.kill("SIGKILL"),
    stderr: () => stderr,
  };
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

  test("daemon: single-instance, drainable, restart-safe, and explained when it is killed", async () => {
    const home = join(temporaryFolder(), "counter");
    const first = startDaemon(home);
    const port = await first.port();
    const ask = async (at: number) => {
      const response = await fetch(`http://127.0.0.1:${at}/`);
      return `${response.status} ${(await response.text()).trim()}`;
    };
    expect([await ask(port), await ask(port)]).toEqual(["200 1", "200 2"]);
    expect((await runHerma(home, ["gateway", "status"])).stdout).toContain("running");

    const second = startDaemon(home);
    expect((await second.end).code).toBe(1);
    expect(second.stderr()).toContain("is running already");

    expect((await runHerma(home, ["gateway", "drain", "--wait"])).code).toBe(0);
    expect(await ask(port)).toMatch(/^503 .*draining/);
    expect((await runHerma(home, ["gateway", "undrain"])).code).toBe(0);
    await until("it counts again", async () => (await ask(port)) === "200 3");

    expect((await runHerma(home, ["gateway", "stop"])).code).toBe(0);
    expect((await first.end).code).toBe(0);
    const third = startDaemon(home);
    expect(await ask(await third.port())).toBe("200 4");
    third.kill();
    await third.end;
    const fourth = startDaemon(home);
    await fourth.port();
    const { stdout } = await runHerma(home, ["gateway", "history"]);
    expect(stdout.split("\n")[1]).toMatch(/ runs$/);
    expect(stdout).toMatch(/planned stop/);
    expect(stdout).toMatch(/killed|SIGKILL/i);
    expect((await runHerma(home, ["gateway", "stop"])).code).toBe(0);
    expect((await fourth.end).code).toBe(0);
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
    const files = ["run-a-command", "wait-for-a-port", "watch-a-log", "survive-a-restart", "agent", "daemon"].map(
      (name) => `examples/${name}.ts`,
    );
    const checked = run(join(root, "node_modules/.bin/tsc"), [...options, "--skipLibCheck", ...files], { cwd: project });
    expect(await checked.catch((error: { stdout: string }) => error.stdout)).toMatchObject({ stdout: "" });
  });
});
