import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { temporaryFolder } from "./folders.ts";
import { until } from "./waiting.ts";

const root = resolve(import.meta.dirname, "../..");

/** Runs Vitest, with this project's checks, over one test file in a folder of its own. */
function runTestFile(source: string): Promise<{ status: number; output: string }> {
  const folder = temporaryFolder();
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "cache"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(
    join(folder, "vitest.config.mjs"),
    `export default { cacheDir: "cache", test: { pool: "forks", globalSetup: [${JSON.stringify(join(root, "test/setup/run.ts"))}],
      setupFiles: [${JSON.stringify(join(root, "test/setup/leaks.ts"))}], teardownTimeout: 30000 } };`,
  );
  const imports = `import { test, expect, beforeAll, afterAll, onTestFinished } from "vitest";
    import { spawn } from "node:child_process"; import { createServer } from "node:net"; import { watch, writeFileSync, mkdirSync } from "node:fs";
    import { temporaryFolder } from ${JSON.stringify(join(root, "test/setup/folders.ts"))};\n`;
  writeFileSync(join(folder, "planted.test.ts"), imports + source);
  const variables = Object.fromEntries(
    Object.entries(nodeProcess.env).filter(([name]) => !/^(VITEST|TEST$|HERMA_TEST_RUN|NODE_OPTIONS)/.test(name)),
  );
  const { promise, resolve: settle } = Promise.withResolvers<{ status: number; output: string }>();
  const command = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--root", folder];
  execFile(nodeProcess.execPath, command, { env: { ...variables, NO_COLOR: "1" }, timeout: 60_000 }, (error, stdout, stderr) => {
    settle({ status: error === null ? 0 : Number(error.code ?? -1), output: stdout + stderr });
  });
  return promise;
}

test.concurrent("a file that cleans up passes, and its folders go by themselves", async () => {
  const run = await runTestFile(`
    let server; beforeAll(() => { server = createServer().listen(0); }); afterAll(() => { server.close(); });
    test("made before all may stay until the end", () => { writeFileSync(temporaryFolder() + "/x", ""); });
    test("what onTestFinished ends is no leak", () => { const child = spawn("sleep", ["60"]); onTestFinished(() => new Promise((r) => { child.on("exit", r); child.kill(); })); });
    test("what closes a moment later is no leak", () => { setTimeout(() => {}, 50); });`);
  expect(run.output).toContain("3 passed");
  expect(run.status).toBe(0);
});

test.concurrent.each([
  ["a timer", `setInterval(() => {}, 1000);`, "timer, set at"],
  ["a listener", `await new Promise((r) => createServer().listen(0, r));`, "1 x TCPServerWrap"],
  ["a watcher", `watch(".", () => {});`, "1 x FSEventWrap"],
  ["a child", `spawn("sleep", ["61"], { stdio: "ignore" });`, "sleep 61"],
  ["an unreferenced child", `spawn("sleep", ["62"], { stdio: "ignore", detached: true }).unref();`, "sleep 62"],
  ["a folder that comes back", `const f = temporaryFolder(); setTimeout(() => mkdirSync(f), 300);`, "came back"],
])("%s left behind fails its test", async (_what, leak, said) => {
  const run = await runTestFile(`test("good", () => {}); test("leaky", async () => { ${leak} });`);
  expect(run.output).toContain("left behind by this test");
  expect(run.output).toContain(said);
  expect(run.output).toContain("1 failed | 1 passed");
  expect(run.status).not.toBe(0);
});

test.concurrent("what beforeAll started and nobody ended fails the file", async () => {
  const run = await runTestFile(`beforeAll(() => { setInterval(() => {}, 1000); }); test("good", () => {});`);
  expect(run.output).toContain("left behind by this file");
  expect(run.status).not.toBe(0);
});

test.runIf(nodeProcess.platform === "linux")(
  "a process that has left the family fails the run, by name, and is ended",
  { concurrent: true },
  async () => {
    const run = await runTestFile(`
    test("leaves", async () => {
      const child = spawn("sh", ["-c", "setsid sleep 63.5 </dev/null >/dev/null 2>&1 & echo $!"]);
      await new Promise((r) => child.on("close", r));
    });`);
    expect(run.output).toContain("1 passed");
    expect(run.output).toContain("sleep 63.5");
    expect(run.status).not.toBe(0);
    const pid = Number(/^ {2}(\d+) \(parent \d+\): sleep 63.5/m.exec(run.output)?.[1]);
    await until("the stray is dead", () => {
      const state = existsSync(`/proc/${pid}`) ? readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.[0] : "gone";
      return state === "gone" || state === "Z";
    });
  },
);
