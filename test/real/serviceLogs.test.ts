import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { herma } from "./home.ts";

/** `herma gateway logs` of a user's systemd service, where a script stands in for journalctl. */
function start(journalctl: string, ...args: readonly string[]) {
  return startIn(temporaryFolder(), journalctl, ...args);
}

function startIn(folder: string, journalctl: string | null, ...args: readonly string[]) {
  const home = join(folder, ".herma");
  const units = join(folder, ".config/systemd/user");
  const tools = join(folder, "tools");
  for (const each of [home, units, tools]) mkdirSync(each, { recursive: true, mode: 0o700 });
  if (journalctl !== null) writeFileSync(join(units, "herma-gateway.service"), "[Service]\n");
  writeFileSync(join(tools, "journalctl"), `#!/bin/sh\n${journalctl}`, { mode: 0o755 });
  const env = { ...nodeProcess.env, HOME: folder, XDG_CONFIG_HOME: "", HERMA_HOME: home, PATH: `${tools}:${nodeProcess.env.PATH}` };
  const child: ChildProcessWithoutNullStreams = spawn(herma, ["gateway", "logs", ...args], { env });
  onTestFinished(() => void child.kill("SIGKILL"));
  const seen = { text: "", errors: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    seen.text += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    seen.errors += chunk.toString();
  });
  const closed = once(child, "close").then(([code]) => code as number | null);
  return { child, seen, ended: () => deadline(closed, 30_000, "its end") };
}

test("a log is followed until Ctrl-C, which is no failure, and nothing goes on behind it", async () => {
  const { child, seen, ended } = start(`echo "$*"; echo $$; exec sleep 1000`, "-f", "-n", "3");
  await until("it is heard", () => seen.text.split("\n").length === 3);
  const [asked, pid] = seen.text.split("\n");
  expect(asked).toBe("--no-pager --lines=3 --follow --user-unit=herma-gateway.service");
  child.kill("SIGINT");
  expect(await ended()).toBe(0);
  expect(seen.errors).toBe("");
  await until("its tool is gone", () => {
    try {
      return !nodeProcess.kill(Number(pid), 0);
    } catch {
      return true;
    }
  });
});

test("with --json each line is a document, however it comes", async () => {
  const { child, seen, ended } = start(`printf 'one\\ntw'; sleep 0.1; printf 'o\\n\\n"three"\\n'; exec sleep 1000`, "-f", "--json");
  await until("it is heard", () => seen.text.includes("three"));
  const lines = seen.text.trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
    ["one", "two", '"three"'].map((line) => ({ service: "herma-gateway", line })),
  );
  child.kill("SIGINT");
  expect(await ended()).toBe(0);
});

test("a manager's tool that ends by itself is told as a failure", async () => {
  const { seen, ended } = start("echo no; exit 1", "-f");
  expect(await ended()).toBe(6);
  expect(seen.text).toBe("no\n");
  expect(seen.errors).toMatch(/does not show the log of herma-gateway[\s\S]*journalctl may need root/);
});

test("without a service it is the log of a gateway that another one has started, also behind its new beginning", async () => {
  const folder = temporaryFolder();
  const none = startIn(folder, null, "-f");
  expect(await none.ended()).toBe(3);
  expect(none.seen.errors).toContain("is no service");
  const log = join(folder, ".herma/logs/gateway.log");
  mkdirSync(join(folder, ".herma/logs"));
  writeFileSync(log, "first\nsecond\n");
  const { child, seen, ended } = startIn(folder, null, "-f", "-n", "1");
  await until("its last line", () => seen.text === "second\n");
  renameSync(log, `${log}.1`);
  writeFileSync(log, "third\n");
  await until("the new file", () => seen.text === "second\nthird\n");
  child.kill("SIGINT");
  expect(await ended()).toBe(0);
  const once = startIn(folder, null, "-n", "2", "--json");
  expect(await once.ended()).toBe(0);
  expect(JSON.parse(once.seen.text)).toEqual({ service: null, lines: ["second", "third"] });
});
