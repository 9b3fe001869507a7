import { readdirSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { homePaths, type ProcessFact, type ProcessId, processPaths } from "../../src/contract/index.ts";
import { openRegistry, type Registry } from "../../src/processes/index.ts";
import { nodeSystem } from "../../src/system/index.ts";
import { temporaryFolder } from "../setup/folders.ts";
import { deadline, until } from "../setup/waiting.ts";
import { keeperPids, makeHome, numberedLines, programs } from "./home.ts";

/** Follows to the end; the bytes, and the gaps in their places as text. */
async function followed(registry: Registry, id: ProcessId): Promise<string> {
  const parts: Buffer[] = [];
  const all = (async () => {
    for await (const chunk of registry.follow(id)) {
      parts.push(chunk.kind === "gap" ? Buffer.from(`<${chunk.from}-${chunk.to}>`) : Buffer.from(chunk.bytes));
    }
  })();
  await deadline(all, 60_000, `follow of ${id}`);
  return Buffer.concat(parts).toString();
}

/** As the kernel would end this home's keeper. */
async function killKeeper(home: ReturnType<typeof makeHome>): Promise<void> {
  const pid = home.keeperPid();
  nodeProcess.kill(pid, "SIGKILL");
  await until("the keeper is dead", () => home.system.processes.look(pid).kind === "dead");
}

test("a shell command: output, code, usage and times; its folder tells the same", async () => {
  const home = makeHome();
  const started = await home.start("echo out; echo err >&2; exit 3");
  const view = await home.ended(started.id);
  expect(view).toMatchObject({ phase: "ended", exit: { code: 3, signal: null, cause: "exited", evidence: "wait" }, problem: null });
  expect(view.exit?.usage?.cpu_ms).toBeGreaterThanOrEqual(0);
  expect(home.registry.read(started.id).text).toBe("out\nerr\n");
  expect(await followed(home.registry, started.id)).toBe("out\nerr\n");
  expect(readdirSync(processPaths(home.home, started.id).folder).sort()).toEqual(["exit.json", "output", "spec.json", "state.json"]);
});

test("[P42] [defect 6.1.15] input, its echo as it comes, end of file, and the way it anchors a read", async () => {
  const home = makeHome();
  const { id } = await home.start(["cat"], { stdin: "pipe" });
  const all = followed(home.registry, id);
  const first = await home.registry.write(id, { data: "one\n" });
  expect(first).toEqual({ bytes_written: 4, offset: 0 });
  await until("the echo", () => home.registry.read(id, { since: first.offset }).text === "one\n");
  const second = await home.registry.write(id, { data: "zwei ü\n", eof: true });
  expect(second).toEqual({ bytes_written: 8, offset: 4 });
  expect((await home.ended(id)).exit).toMatchObject({ code: 0 });
  expect(await all).toBe("one\nzwei ü\n");
  await expect(home.registry.write(id, { data: "late" })).rejects.toMatchObject({ code: "PROCESS_ENDED" });
});

test("[P12] [defect 6.1.16] a terminal has the size it was given, and another when it is told so", async () => {
  const home = makeHome();
  const { id } = await home.start("stty size; read line; stty size; echo got $line", { tty: { rows: 11, cols: 33 } });
  await until("the first size", () => home.registry.read(id).text.includes("11 33"));
  await home.registry.resize(id, { rows: 22, cols: 44 });
  await home.registry.write(id, { data: "word\r" });
  await home.ended(id);
  expect(home.registry.read(id).text).toMatch(/22 44[\s\S]*got word/);
});

test("[peer 16] a program that asks its terminal is answered though nobody is attached, and what it asked is no text", async () => {
  const home = makeHome();
  // As full-screen programs find out how large their terminal is.
  const asks =
    "stty raw -echo; printf 'size\\033[999;999H\\033[6n'; head -c 7 | tr '\\033' ^; printf '\\033[c'; head -c 10 | tr '\\033' ^; printf done";
  const { id } = await home.start(asks, { tty: { rows: 11, cols: 33 } });
  const view = await home.ended(id);
  expect(view.exit).toMatchObject({ code: 0 });
  expect(home.registry.read(id).text).toMatch(/size[\s\S]*\^\[11;33R\^\[\?62;22cdone/);
});

test("a missing program is an ending, and a missing folder falls back", async () => {
  const home = makeHome();
  expect(await home.start(["/no/such/program"])).toMatchObject({ phase: "ended", exit: { cause: "failed_start", code: 127 } });
  const fallen = await home.start(["pwd"], { cwd: join(home.home, "gone", "deeper") });
  expect(fallen).toMatchObject({ cwd: home.home, cwd_requested: join(home.home, "gone", "deeper") });
  await home.ended(fallen.id);
  expect(home.registry.read(fallen.id).text).toBe(`${home.home}\n`);
});

/** Whatever looks again and again instead of being told takes longer, mostly. */
const pollMs = 400;

test("a wait is over within moments of the end, and `any` with the first", async () => {
  const home = makeHome();
  const slow = await home.start(["sleep", "600"]);
  const latenesses: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    const { id } = await home.start(["sleep", "0.05"]);
    const exit = join(processPaths(home.home, id).folder, "exit.json");
    const result = await deadline(home.registry.wait({ ids: [slow.id, id], mode: "any" }), 60_000, "any");
    expect(result.processes.map((view) => view.phase)).toEqual(["running", "ended"]);
    latenesses.push(Date.now() - (home.system.files.stat(exit)?.mtimeMs ?? 0));
  }
  // What it takes stands in bench/RESULTS.md. Here only a bound that no poll would meet.
  expect(latenesses.sort((a, b) => a - b)[5]).toBeLessThan(pollMs);
  expect(await home.registry.wait({ ids: [slow.id], deadlineSeconds: 0 })).toMatchObject({ reason: "deadline" });
  expect(await home.registry.kill(slow.id, { graceMs: 2000 })).toMatchObject({
    verdict: "killed",
    exit: { cause: "killed", signal: "SIGTERM" },
  });
  expect(await home.registry.kill(slow.id)).toMatchObject({ verdict: "already_exited" });
});

test("the keeper is killed under a follow and a wait: both go on by themselves, and every byte comes once", async () => {
  const home = makeHome();
  const { id } = await home.start([nodeProcess.execPath, join(programs, "numbers.mjs"), "60000", "3", "0"]);
  const text = followed(home.registry, id);
  const wait = deadline(home.registry.wait({ ids: [id] }), 60_000, "the wait");
  await until("it prints", () => home.bytes(id).length > 50_000);
  await killKeeper(home);
  const result = await wait;
  expect(result).toMatchObject({ reason: "exit", processes: [{ adoptions: 1 }] });
  expect(await text).toBe(numberedLines(60_000).toString());
});

test("a wait alone brings up the keeper that tells of the end of what ran while there was none", async () => {
  const home = makeHome();
  const { id } = await home.start("sleep 0.5; echo done");
  await killKeeper(home);
  const result = await deadline(home.registry.wait({ ids: [id] }), 60_000, "the wait");
  expect(result.reason).toBe("exit");
  expect(["exited", "unknown", "lost"]).toContain(result.processes[0]?.exit?.cause);
});

test("facts of a process's whole life, from a keeper that another program brought up, and across its death", async () => {
  const home = makeHome();
  const watcher = openRegistry({ home: home.home, system: nodeSystem(), clientName: "watcher" });
  onTestFinished(() => watcher[Symbol.asyncDispose]());
  const facts: ProcessFact[] = [];
  watcher.onFact((fact) => facts.push(fact));
  const { id } = await home.start("echo hello; sleep 1; echo bye");
  const types = () => facts.filter((fact) => fact.id === id).map((fact) => fact.type);
  await until("it has started", () => types().includes("process.started"));
  await until("it has printed", () => types().includes("process.output"));
  await killKeeper(home);
  await until("it has ended", () => types().includes("process.ended"), { deadlineMs: 60_000 });
  for (const once of ["process.started", "process.ended"] as const) expect(types().filter((type) => type === once)).toHaveLength(1);
  expect(types().at(-1)).toBe("process.ended");
});

test("many clients at once bring up one keeper, and all their starts succeed", async () => {
  const home = makeHome();
  const registries = Array.from({ length: 6 }, () => openRegistry({ home: home.home, system: nodeSystem(), clientName: "racer" }));
  onTestFinished(() => Promise.all(registries.map((registry) => registry[Symbol.asyncDispose]())).then(() => {}));
  const views = await Promise.all(
    registries.map((registry) => registry.start({ command: ["sleep", "600"], owner: { kind: "library" }, loginVariables: false })),
  );
  expect(keeperPids(home.home)).toHaveLength(1);
  const status = await home.registry.keeper.status();
  expect(status).toMatchObject([{ state: "running", held: 6 }]);
  expect(new Set(views.map((view) => view.id)).size).toBe(6);
  // Those that lost the race see who serves, and leave.
  const ours = () => home.system.processes.list().filter((row) => row.parent === nodeProcess.pid && !row.zombie);
  await until("one keeper is left of all that were started", () => ours().length === 1, { deadlineMs: 30_000 });
  const results = await home.registry.killAll({ graceMs: 2000 });
  expect(results.map((result) => result.verdict)).toEqual(Array.from({ length: 6 }, () => "killed"));
  expect(home.registry.list()).toEqual([]);
});

test("[peer 35] a home with a path that no socket could have works the same", async () => {
  const deep = join(temporaryFolder(), "long-".repeat(20), "home");
  const home = makeHome(deep);
  const { id } = await home.start(["echo", "deep"]);
  await home.ended(id);
  expect(home.registry.read(id).text).toBe("deep\n");
  const [status] = await home.registry.keeper.status();
  expect(status?.socket.startsWith(deep)).toBe(false);
  expect(Buffer.byteLength(status?.socket ?? "")).toBeLessThanOrEqual(100);
});

test("a keeper that cannot come up is told with its own words, and nothing is left of the start", async () => {
  const home = temporaryFolder();
  const broken = ["/bin/sh", "-c", "echo the reason why >&2; exit 3"];
  const registry = openRegistry({ home, system: nodeSystem(), clientName: "test", keeperCommand: broken });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  await expect(registry.start({ command: ["true"], owner: { kind: "library" } })).rejects.toMatchObject({
    code: "KEEPER_UNAVAILABLE",
    message: expect.stringContaining("the reason why"),
  });
  expect(readdirSync(homePaths(home).processes).filter((name) => name.startsWith("proc_"))).toEqual([]);
});

test("a keeper that has left for want of work is succeeded without anybody noticing", async () => {
  const folder = temporaryFolder();
  const home = makeHome(folder);
  const registry = openRegistry({ home: folder, system: nodeSystem(), clientName: "test", config: { keeperIdleGraceMs: 0 } });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  for (let round = 0; round < 2; round += 1) {
    const { id } = await registry.start({ command: ["echo", String(round)], owner: { kind: "library" }, loginVariables: false });
    await deadline(registry.wait({ ids: [id] }), 60_000, "the end");
    expect(registry.read(id).text).toBe(`${round}\n`);
    // Looked at from outside: a keeper that is asked something stays for more.
    const pid = home.keeperPid();
    await until("the keeper has left", () => home.system.processes.look(pid).kind === "dead");
    expect(await registry.keeper.status()).toMatchObject([{ state: "gone" }]);
  }
});
