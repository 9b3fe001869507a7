import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { processPaths } from "../../src/contract/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { herma, makeHome } from "./home.ts";
import { startServer } from "./servers.ts";

type Finding = { readonly name: string; readonly verdict: string; readonly words: string; readonly mend?: string };

/** Runs `herma …` and returns its exit code and what it printed. */
function asked(...words: string[]): Promise<{ readonly code: number; readonly stdout: string }> {
  return new Promise((resolve) => {
    execFile(herma, words, (error, stdout) => resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout }));
  });
}

async function examined(
  home: string,
): Promise<{ readonly code: number; readonly verdicts: Record<string, string>; readonly of: (name: string) => Finding }> {
  const { code, stdout } = await asked("doctor", "--json", "--home", home);
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
  expect(ok).toBe(code === 0);
  const verdicts = Object.fromEntries(findings.map(({ name, verdict }) => [name, verdict]));
  return { code, verdicts, of: (name) => findings.find((finding) => finding.name === name)! };
}

test("a healthy home has nothing wrong, each claim was tried out, and nothing is left of the trying", async () => {
  const home = makeHome();
  await home.start(["sleep", "1000"]);
  await startServer(home.home, ["gateway", "run"]);
  await until("the checkpoint is written", () => existsSync(join(home.home, "processes.json")));
  const before = readdirSync(home.home).sort();
  const { code, verdicts, of } = await examined(home.home);
  expect(code).toBe(0);
  const proven = ["home", "token", "settings", "disk", "files", "lock", "identity", "watch", "clock", "descriptors", "holder", "gateway"];
  expect(proven.filter((name) => verdicts[name] !== "ok")).toEqual([]);
  expect(of("gateway").words).toMatch(/^the gateway answers at http:/);
  expect(["ok", "note"]).toContain(verdicts.keeper);
  expect(readdirSync(home.home).sort()).toEqual(before);
});

test("each thing that is wrong is told with what mends it", async () => {
  const { home } = makeHome();
  const gateway = await startServer(home, ["gateway", "run"]);
  writeFileSync(join(home, "drain_leases.json"), Buffer.from([0x7b, 0xff, 0xfe]));
  writeFileSync(join(home, "herma.yaml"), "gateway:\n  port: many\n");
  chmodSync(join(home, "token"), 0o644);
  gateway.signal("SIGSTOP");
  const { code, verdicts, of } = await examined(home);
  gateway.signal("SIGCONT");
  expect(code).toBe(1);
  expect(verdicts).toMatchObject({ files: "bad", settings: "bad", token: "bad", gateway: "bad", lock: "ok", disk: "ok" });
  expect(of("files").words).toContain(join(home, "drain_leases.json"));
  for (const name of ["files", "settings", "token", "gateway"]) expect(of(name).mend, name).toBeTruthy();
  const people = await asked("doctor", "--home", home);
  expect(people.code).toBe(1);
  expect(people.stdout).toMatch(/^bad {3}token .*\n {19}mend: /m);
});

test("a record of a process that cannot be read, or was put aside, is told by the process's id", async () => {
  const { home, start, ended } = makeHome();
  const [first, second] = [await start("true"), await start("true")];
  await ended(first.id);
  await ended(second.id);
  const { folder, spec } = processPaths(home, first.id);
  renameSync(spec, `${spec}.corrupt`);
  expect((await examined(home)).of("files")).toMatchObject({
    verdict: "note",
    words: expect.stringContaining(`${first.id} (it has no spec.json)`),
  });
  renameSync(`${spec}.corrupt`, spec);
  writeFileSync(join(folder, "state.json.corrupt"), "noise");
  expect((await examined(home)).of("files")).toMatchObject({
    verdict: "note",
    words: expect.stringContaining(`${first.id}/state.json.corrupt`),
  });
  symlinkSync("/etc/hostname", `${processPaths(home, second.id).state}.new`);
  renameSync(`${processPaths(home, second.id).state}.new`, processPaths(home, second.id).state);
  expect((await examined(home)).of("files")).toMatchObject({
    verdict: "note",
    words: expect.stringContaining(`${second.id} (state.json cannot be read)`),
  });
});

test("where there is no home, looking makes none", async () => {
  const home = join(temporaryFolder(), "none");
  const { code, verdicts } = await examined(home);
  expect([code, verdicts.home, verdicts.disk, verdicts.identity]).toEqual([0, "note", "skipped", "ok"]);
  await asked("gateway", "status", "--deep", "--home", home);
  expect(existsSync(home)).toBe(false);
});

test("status --deep tells locks, identity, heartbeat, drain and keepers without asking the gateway", async () => {
  const home = makeHome();
  await home.start(["sleep", "1000"]);
  const gateway = await startServer(home.home, ["gateway", "run"]);
  gateway.signal("SIGSTOP");
  const deep = async () =>
    JSON.parse((await asked("gateway", "status", "--deep", "--json", "--home", home.home)).stdout) as Record<string, unknown>;
  expect(await deep()).toMatchObject({
    running: true,
    locks: { "herma.lock": { held: true, pid: gateway.pid }, "gateway.lock": { held: true, pid: gateway.pid } },
    identity: { pid: gateway.pid, lives: "same" },
    heartbeat: { interval_s: 30, owner: "alive" },
    drain: { phase: "running", marker: false, timeout_s: 60, active: 0 },
    keepers: [{ state: "running", held: 1 }],
    service: null,
  });
  gateway.signal("SIGKILL");
  await deadline(gateway.end, 10_000, "the gateway's end");
  expect(await deep()).toMatchObject({ running: false, locks: { "herma.lock": { held: false } }, identity: { lives: "gone" } });
  const people = await asked("gateway", "status", "--deep", "--home", home.home);
  expect(people.code).toBe(3);
  expect(people.stdout).toMatch(/^identity {5}pid \d+, start \d+, is gone$/m);
});

test("what no gateway would start on is told: a token that is none, settings and a store that are no files; so is what was set aside", async () => {
  const { home } = makeHome();
  writeFileSync(join(home, "token"), "short\n", { mode: 0o600 });
  mkdirSync(join(home, "herma.db"));
  const { of } = await examined(home);
  expect(of("token")).toMatchObject({ verdict: "bad", words: expect.stringContaining("holds no token"), mend: expect.anything() });
  expect(of("files")).toMatchObject({ verdict: "bad", words: expect.stringContaining("herma.db is no file"), mend: expect.anything() });
  rmdirSync(join(home, "herma.db"));
  writeFileSync(join(home, "herma.db.corrupt-2026-01-01T000000-abcdef"), "noise");
  mkdirSync(join(home, "herma.yaml"));
  const next = await examined(home);
  expect(next.of("settings")).toMatchObject({ verdict: "bad", words: expect.stringContaining("is no file"), mend: expect.anything() });
  rmdirSync(join(home, "herma.yaml"));
  expect((await examined(home)).of("files").words).toContain("herma.db.corrupt-");
});

test("a record that is noise in a lock that nobody is seen to hold is no gateway", async () => {
  const { home } = makeHome();
  writeFileSync(join(home, "herma.lock"), "noise");
  const { of } = await examined(home);
  expect(of("gateway").words).toBe("nothing tells whether a gateway runs here");
  expect(of("holder").words).toMatch(/^nobody is seen to hold this home/);
});

test("a frozen gateway's mend ends it", async () => {
  const { home } = makeHome();
  const gateway = await startServer(home, ["gateway", "run"]);
  gateway.signal("SIGSTOP");
  const { of } = await examined(home);
  expect(of("gateway").mend).toContain("`herma gateway stop --force`");
  expect((await asked("gateway", "stop", "--force", "--home", home)).code).toBe(0);
  expect((await gateway.end).signal).toBe("SIGKILL");
});
