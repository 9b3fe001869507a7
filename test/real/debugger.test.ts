import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { ownNode } from "../../src/system/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { startReady } from "./gateways.ts";
import { keeperPids, makeHome, root, runHerma } from "./home.ts";
import { startProgram } from "./servers.ts";

/** The thread of Node.js that waits for SIGUSR1 to open the debugger. */
function waitsForDebugger(pid: number): boolean {
  const threads = `/proc/${pid}/task`;
  return readdirSync(threads).some((thread) => readFileSync(join(threads, thread, "comm"), "utf8").startsWith("SignalInspector"));
}

const logOf = (home: string): string => {
  const path = join(home, "logs/gateway.log");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
};

test.runIf(nodeProcess.platform === "linux")("SIGUSR1 opens no debugger in a keeper, and means nothing to it", async () => {
  const { home, start, ended } = makeHome();
  const { id } = await start(["sh", "-c", "kill -USR1 $$"]);
  const pid = keeperPids(home)[0]!;
  expect(waitsForDebugger(pid)).toBe(false);
  // Blocked in the keeper it would be blocked in what it starts.
  expect((await ended(id)).exit).toMatchObject({ signal: "SIGUSR1" });
  nodeProcess.kill(pid, "SIGUSR1");
  const next = await start(["true"]);
  expect((await ended(next.id)).exit).toMatchObject({ code: 0 });
  expect(keeperPids(home)).toEqual([pid]);
});

test("SIGUSR1 before a gateway listens to it opens no debugger, and is heard as soon as it does", { timeout: 60_000 }, async () => {
  const preload = join(temporaryFolder(), "preload.mjs");
  writeFileSync(preload, `process.kill(process.pid, "SIGUSR1");`);
  const { home } = makeHome();
  const words = [...ownNode, `--import=${preload}`, join(root, "bin/herma.mjs"), "gateway", "run", "--home", home, "--port", "0"];
  // A supervisor starts the next one: nothing is left behind.
  const { exit, stderr } = startProgram(words, { HERMA_SUPERVISED: "1" });
  // While it comes up that is no wish of anybody's, afterwards a restart; it may be heard now or then.
  expect([1, 75]).toContain((await deadline(exit, 60_000, "its end")).code);
  expect(stderr()).toMatch(/unexpected SIGUSR1|restart wanted \(SIGUSR1\)/);
  expect(stderr()).not.toContain("Debugger");
});

test.runIf(nodeProcess.platform === "linux")(
  "a gateway waits for no debugger, hears SIGUSR1 all the same, and the one that it starts then neither",
  { timeout: 120_000 },
  async () => {
    const { home } = makeHome();
    const gateway = await startReady(home);
    expect(waitsForDebugger(gateway.pid)).toBe(false);
    gateway.child.kill("SIGUSR1");
    expect(await deadline(gateway.exit, 60_000, "the restart")).toEqual({ code: 0, signal: null });
    await until("the next one is up", () => logOf(home).includes("READY"));
    const { pid } = JSON.parse(readFileSync(join(home, "gateway.pid"), "utf8")) as { pid: number };
    expect(waitsForDebugger(pid)).toBe(false);
    expect((await runHerma(home, ["gateway", "stop"], { deadlineMs: 120_000 })).code).toBe(0);
  },
);

test("a service is started so that it opens none", async () => {
  const printed = await runHerma(temporaryFolder(), ["gateway", "install", "--print", "--for", "systemd-user", "--json"]);
  const { text } = JSON.parse(printed.stdout) as { text: string };
  expect(/^ExecStart=.*$/m.exec(text)?.[0]).toContain("--disable-sigusr1");
});
