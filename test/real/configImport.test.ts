/** Settings of a Hermes agent become those of a home, and its own files are only read. */

import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline } from "../setup/waiting.ts";
import { herma } from "./home.ts";

const secret = "kD3v-9fQ2_xLw7RtYb1NcZ8mHs5JpGa4UeVo6TiX0Ay";
const apiKey = `sk-ant-${"a1B2c3D4".repeat(6)}`;

const theirConfig = `
model: { default: some-model, api_key: ${apiKey} }
agent:
  restart_drain_timeout: 90
terminal:
  timeout: 240
  daemon_term_grace_seconds: 2.5
display:
  background_process_notifications: off
gateway:
  restart_loop_guard: { max_restarts: 5, window_seconds: 100000 }
security:
  redact_secrets: on
`;

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs `herma config import WORDS` with these variables and none of ours that a Hermes would read. */
function importing(home: string, words: readonly string[], variables: Record<string, string> = {}): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const env = { PATH: nodeProcess.env.PATH, HERMA_TEST_RUN: nodeProcess.env.HERMA_TEST_RUN, HERMA_HOME: home, ...variables };
  const child = execFile(herma, ["config", "import", ...words], { env }, (error, stdout, stderr) => {
    resolve({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, stdout, stderr });
  });
  child.stdin?.end();
  return deadline(promise, 60_000, `config import ${words.join(" ")}`);
}

function theirHome(): string {
  const folder = join(temporaryFolder(), "hermes");
  mkdirSync(folder);
  writeFileSync(join(folder, "config.yaml"), theirConfig);
  writeFileSync(join(folder, ".env"), `export HERMES_DASHBOARD_DRAIN_SECRET="${secret}"\nANTHROPIC_API_KEY=${apiKey}\n`);
  return folder;
}

/** Everything about a folder that writing into it would change. */
function stateOf(folder: string): unknown {
  return [".", ...readdirSync(folder)].map((name) => {
    const { mtimeMs, ctimeMs, ino, mode, size } = statSync(join(folder, name));
    return { name, mtimeMs, ctimeMs, ino, mode, size };
  });
}

test("[compat 11] a Hermes home's settings are taken over, and its files are only read", async () => {
  const theirs = theirHome();
  const home = join(temporaryFolder(), "home");
  const before = stateOf(theirs);
  const tried = await importing(home, [theirs, "--dry-run"]);
  expect(tried).toMatchObject({ code: 0, stdout: expect.stringContaining("would be written") });
  expect(() => statSync(home)).toThrow("ENOENT");

  const done = await importing(home, [theirs], { HERMES_RESTART_DRAIN_TIMEOUT: "45" });
  expect(done.code).toBe(0);
  const path = join(home, "herma.yaml");
  expect(parse(readFileSync(path, "utf8"))).toEqual({
    gateway: { drain_timeout_seconds: 45, drain_secret: secret, restart_loop_boots: 5 },
    processes: { grace_ms: 2500 },
    tools: { terminal_timeout_seconds: 240 },
    redaction: { enabled: true },
  });
  expect([statSync(home).mode & 0o777, statSync(path).mode & 0o777]).toEqual([0o700, 0o600]);
  const lines = done.stdout.split("\n");
  const line = (setting: string) => lines.find((each) => each.startsWith(setting));
  expect(line("gateway.drain_timeout_seconds")).toMatch(
    / 45 .*environment: HERMES_RESTART_DRAIN_TIMEOUT .*before config.yaml: agent.restart/,
  );
  expect(line("gateway.drain_secret")).toMatch(/ \*\*\* .*\.env: HERMES_DASHBOARD_DRAIN_SECRET .*written/);
  expect(line("gateway.restart_loop_gap_seconds")).toMatch(/ 100000 .*not taken: it is not a number from 1 to 86400/);
  expect(done.stdout).toMatch(/- .*display.background_process_notifications .*nothing here uses it yet/);
  expect(done.stdout).toContain("3 others are not taken");

  // Once more: nothing is to be done.
  const stamp = statSync(path).mtimeMs;
  const again = await importing(home, [theirs, "--json"], { HERMES_RESTART_DRAIN_TIMEOUT: "45" });
  const told = JSON.parse(again.stdout) as { settings: { outcome: string }[]; not_taken: object[] };
  expect(told).toMatchObject({ path, written: false, from: { config: join(theirs, "config.yaml"), env: join(theirs, ".env") } });
  expect(told.settings.map(({ outcome }) => outcome)).toEqual(["same", "same", "same", "refused", "same", "same", "same", "unused"]);
  expect(told.not_taken).toEqual([
    { place: ".env", name: "ANTHROPIC_API_KEY" },
    { place: "config.yaml", name: "model.default" },
    { place: "config.yaml", name: "model.api_key" },
  ]);
  expect(statSync(path).mtimeMs).toBe(stamp);
  for (const { stdout, stderr } of [tried, done, again, await importing(home, [theirs, "-v"])]) {
    expect(stdout + stderr).not.toContain(secret);
    expect(stdout + stderr).not.toContain(apiKey);
  }
  expect(stateOf(theirs)).toEqual(before);
});

test("what stands in herma.yaml stays: comments, other keys, and other values unless --force", async () => {
  const theirs = theirHome();
  const home = temporaryFolder();
  const path = join(home, "herma.yaml");
  writeFileSync(path, "# mine\ngateway:\n  port: 0 # any\n  drain_timeout_seconds: 10\nprocesses:\n  # grace_ms: 1\n");
  const kept = await importing(home, [join(theirs, "config.yaml")]);
  expect(kept.stdout).toMatch(/gateway.drain_timeout_seconds .*left: herma.yaml has 10, which stays without --force/);
  const text = readFileSync(path, "utf8");
  for (const mine of ["# mine\n", "port: 0 # any\n", "# grace_ms: 1\n", "drain_timeout_seconds: 10\n"]) expect(text).toContain(mine);
  expect(parse(text)).toMatchObject({ processes: { grace_ms: 2500 }, gateway: { drain_secret: secret } });
  expect((await importing(home, [theirs, "--force"])).stdout).toMatch(/drain_timeout_seconds +90 .*written in the place of 10/);
  expect(readFileSync(path, "utf8")).toBe(text.replace("drain_timeout_seconds: 10", "drain_timeout_seconds: 90"));
});

test("without a name it is ~/.hermes, also behind a link; a weak secret is told and left", async () => {
  const person = temporaryFolder();
  const theirs = theirHome();
  symlinkSync(theirs, join(person, ".hermes"));
  writeFileSync(join(theirs, ".env"), "HERMES_DASHBOARD_DRAIN_SECRET=not-random-at-all\n");
  const home = temporaryFolder();
  const done = await importing(home, [], { HOME: person, HERMES_HOME: "/nonexistent" });
  expect(done.stdout).toMatch(/gateway.drain_secret +\*\*\* .*not taken: it is not strong enough: it has fewer than 43/);
  expect(done.stdout).not.toContain("not-random-at-all");
  expect(readFileSync(join(home, "herma.yaml"), "utf8")).not.toContain("drain_secret");
});

test("what cannot be imported from, or into, is told in one sentence with a hint, and nothing is written", async () => {
  const home = temporaryFolder();
  const folder = temporaryFolder();
  const write = (name: string, bytes: string | Uint8Array): string => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "config.yaml"), bytes);
    return join(folder, name);
  };
  const linked = join(folder, "linked");
  mkdirSync(linked);
  symlinkSync(join(write("there", "a: 1"), "config.yaml"), join(linked, "config.yaml"));
  const cases: [from: string, message: RegExp][] = [
    [join(folder, "missing"), /there is no .*missing/],
    [folder, /holds no config\.yaml/],
    [write("noise", Buffer.from([0xff, 0xfe, 0, 0x80, 0x0a])), /no text/],
    [write("broken", "a: [1\nb: }"), /no YAML/],
    [write("words", "hello there"), /holds no keys/],
    [write("large", Buffer.alloc(1_048_577, "#")), /larger than/],
    [linked, /symbolic link/],
    [join(folder, "words", "config.yaml", "further"), /there is no/],
  ];
  for (const [from, message] of cases) {
    const { code, stdout, stderr } = await importing(home, [from]);
    expect({ from, code, stdout }).toEqual({ from, code: 78, stdout: "" });
    expect(stderr).toMatch(/^herma: .*\nhint: .*\n$/);
    expect(stderr).toMatch(message);
  }
  const asJson = await importing(home, [folder, "--json"]);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ error: { code: "IMPORT_UNUSABLE" } });
  expect(readdirSync(home)).toEqual([]);

  writeFileSync(join(home, "herma.yaml"), "gateway: [\n");
  const theirs = theirHome();
  const broken = await importing(home, [theirs]);
  expect(broken).toMatchObject({ code: 78, stdout: "", stderr: expect.stringContaining("herma config check") });
  expect(readFileSync(join(home, "herma.yaml"), "utf8")).toBe("gateway: [\n");
});

test.skipIf(nodeProcess.getuid?.() !== 0)("a home of another user is not written to by root", async () => {
  const home = temporaryFolder();
  mkdirSync(join(home, "keepers"));
  chownSync(join(home, "keepers"), 65_534, 65_534);
  chmodSync(home, 0o700);
  expect(await importing(home, [theirHome()])).toMatchObject({ code: 78, stderr: expect.stringContaining("used by another user") });
  expect(readdirSync(home)).toEqual(["keepers"]);
});
