import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import nodeProcess from "node:process";
import { expect, onTestFinished, test } from "vitest";
import { deadline } from "../../test/setup/waiting.ts";
import { HermaError, homePaths, keeperPaths, ProcessView, processPaths, SpecFile, timestampOf } from "../contract/index.ts";
import { ownGeneration } from "./link/keepers.ts";
import { openRegistry } from "./registry.ts";
import { fakeKeeper, type Play } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";
import { exitOf, putFolder, stateOf } from "./testing/records.ts";
import type { RegistryConfig } from "./types.ts";

const owner = { kind: "library" } as const;

async function stage(config: Partial<RegistryConfig> = {}) {
  const { home, registry } = openTestRegistry(config);
  const keeper = await fakeKeeper(system, home);
  return { home, registry, keeper, specOf: (id: string) => SpecFile.parse(JSON.parse(readFileSync(processPaths(home, id).spec, "utf8"))) };
}

const refused = (code: HermaError["code"], status = 409): Play => ({ status, body: new HermaError(code, "played").toBody() });

test("the folder is 0700 with its output folder and spec.json before the keeper hears of it; values stay out of it", async () => {
  const { home, registry, keeper, specOf } = await stage();
  let atRequest: SpecFile | null = null;
  keeper.play("/v1/processes", ({ body }) => {
    const id = body.id as string;
    atRequest = specOf(id);
    expect(existsSync(processPaths(home, id).output)).toBe(true);
    keeper.holds(id);
    return { status: 201, body: { state: JSON.parse(readFileSync(processPaths(home, id).state, "utf8")), exit: null, output_end: 12 } };
  });
  const view = await registry.start({
    command: ["echo", "hi"],
    owner: { kind: "tool", session: "s", task: "t" },
    name: "web",
    variables: { ZED: "secret value", ALPHA: "1" },
    stdin: "pipe",
    lifetime: "project",
    limits: { on_output_limit: "kill" },
    graceMs: 7,
  });
  expect(ProcessView.safeParse(view).success).toBe(true);
  expect(view).toMatchObject({ phase: "running", name: "web", output: { end: 12 }, problem: null });
  expect(view).not.toHaveProperty("cwd_requested");
  expect(atRequest).toMatchObject({
    id: view.id,
    command: ["echo", "hi"],
    cwd: nodeProcess.cwd(),
    variables: ["ALPHA", "GIT_PAGER", "HERMA_PROCESS_ID", "NO_COLOR", "PAGER", "PYTHONUNBUFFERED", "TERM", "ZED"],
    stdin: "pipe",
    tty: null,
    limits: { output_bytes_max: 67_108_864, on_output_limit: "kill" },
    lifetime: "project",
    name: "web",
    owner: { kind: "tool", session: "s", task: "t" },
    grace_ms: 7,
    starter: system.processes.self(),
  });
  expect(readFileSync(processPaths(home, view.id).spec, "utf8")).not.toContain("secret value");
  for (const folder of [homePaths(home).processes, processPaths(home, view.id).folder, processPaths(home, view.id).output]) {
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  }
  expect(keeper.asked).toEqual([
    {
      path: "/v1/processes",
      body: {
        id: view.id,
        login_variables: true,
        pass_variables: [],
        variables: expect.objectContaining({ ZED: "secret value", TERM: "dumb", HERMA_PROCESS_ID: view.id }),
      },
    },
  ]);
});

test("[P12] a terminal gets its default size and no quiet variables; lifetimes default by who asks", async () => {
  const { registry, specOf } = await stage();
  const terminal = await registry.start({ command: "top", owner, tty: true, variables: { TERM: "xterm" } });
  expect(specOf(terminal.id)).toMatchObject({
    tty: { rows: 30, cols: 120 },
    variables: ["HERMA_PROCESS_ID", "PYTHONUNBUFFERED", "TERM"],
    lifetime: "host",
  });
  const sized = await registry.start({ command: "top", owner: { kind: "tool" }, tty: { rows: 5, cols: 6 } });
  expect(specOf(sized.id)).toMatchObject({ tty: { rows: 5, cols: 6 }, lifetime: "session" });
});

test("variables: what is held back stays here, what herma.yaml lets pass goes, and a start may want no login variables", async () => {
  const { registry, keeper } = await stage({ passVariables: ["GH_TOKEN"] });
  await registry.start({
    command: "x",
    owner,
    loginVariables: false,
    variables: { OPENAI_API_KEY: "k", GH_TOKEN: "g", HERMA_TOKEN: "t", PAGER: "less" },
  });
  const body = keeper.asked[0]?.body as { variables: Record<string, string>; login_variables: boolean };
  expect(body.login_variables).toBe(false);
  expect(body.variables).toMatchObject({ GH_TOKEN: "g", PAGER: "less" });
  expect(body.variables).not.toHaveProperty("OPENAI_API_KEY");
  expect(body.variables).not.toHaveProperty("HERMA_TOKEN");
});

test("[P24] a missing folder falls back to the nearest one that exists, and the answer says so; links to folders are folders", async () => {
  const { home, registry, specOf } = await stage();
  mkdirSync(join(home, "real"));
  writeFileSync(join(home, "file"), "");
  symlinkSync("real", join(home, "link"));
  const missing = await registry.start({ command: "x", owner, cwd: join(home, "real", "a", "b") });
  expect(missing).toMatchObject({ cwd: join(home, "real"), cwd_requested: join(home, "real", "a", "b") });
  expect(specOf(missing.id)).toMatchObject({ cwd: join(home, "real"), cwd_requested: join(home, "real", "a", "b") });
  expect(await registry.start({ command: "x", owner, cwd: join(home, "file", "x") })).toMatchObject({ cwd: home });
  const linked = await registry.start({ command: "x", owner, cwd: join(home, "link") });
  expect(linked.cwd).toBe(join(home, "link"));
  expect(linked).not.toHaveProperty("cwd_requested");
  expect(await registry.start({ command: "x", owner, cwd: "relative/nowhere" })).toMatchObject({
    cwd: nodeProcess.cwd(),
    cwd_requested: join(nodeProcess.cwd(), "relative/nowhere"),
  });
});

test.each([
  [{ command: "" }, "command"],
  [{ command: [] }, "command"],
  [{ command: "a\0b" }, "command"],
  [{ command: ["a", "b\0"] }, "command"],
  [{ command: "x", cwd: "/a\0" }, "cwd"],
  [{ command: "x", name: "no blanks" }, "name"],
  [{ command: "x", name: "../up" }, "name"],
  [{ command: "x", tty: { rows: 0, cols: 80 } }, "tty"],
  [{ command: "x", graceMs: -1 }, "grace_ms"],
  [{ command: "x", limits: { output_bytes_max: 1 } }, "limits.output_bytes_max"],
  [{ command: "x", variables: { "A=B": "" } }, "variables"],
  [{ command: "x", variables: { "": "" } }, "variables"],
  [{ command: "x", variables: { A: "\0" } }, "variables"],
  [{ command: "x", yieldSeconds: Number.NaN }, "yieldSeconds"],
])("%j is refused before anything is made", async (options, field) => {
  const { home, registry, keeper } = await stage();
  await expect(registry.start({ owner, ...options } as never)).rejects.toMatchObject({
    code: "BAD_REQUEST",
    message: expect.stringContaining(field),
  });
  expect(keeper.asked).toEqual([]);
  expect(existsSync(homePaths(home).processes)).toBe(false);
});

test("a command that spec.json cannot carry is refused with both sizes; one that just fits is not", async () => {
  const { home, registry, keeper } = await stage();
  const tooLong = registry.start({ command: ["echo", "x".repeat(1_048_576)], owner });
  await expect(tooLong).rejects.toMatchObject({
    code: "COMMAND_TOO_LONG",
    message: expect.stringMatching(/would have 10\d{5} bytes, and has at most 1048576/),
  });
  // What JSON makes of it counts, since that is what stands in the file.
  await expect(registry.start({ command: "\u0001".repeat(200_000), owner })).rejects.toMatchObject({ code: "COMMAND_TOO_LONG" });
  expect(keeper.asked).toEqual([]);
  expect(existsSync(homePaths(home).processes)).toBe(false);
  const view = await registry.start({ command: ["echo", "x".repeat(1_000_000)], owner });
  expect(registry.get(view.id).problem).toBeNull();
});

test.each(["proc_0123456789ab", "Proc_web"])("the name %s would be taken for an id", async (name) => {
  const { registry, keeper } = await stage();
  await expect(registry.start({ command: "x", owner, name })).rejects.toMatchObject({
    code: "BAD_REQUEST",
    hint: expect.stringContaining("does not begin with proc_"),
  });
  expect(keeper.asked).toEqual([]);
});

test("a keeper's log that has become long is put aside before the next one starts, which is heard all the same", async () => {
  const { home, registry } = openTestRegistry();
  const { folder, log, logBefore } = keeperPaths(home, ownGeneration);
  mkdirSync(folder, { recursive: true });
  writeFileSync(log, "of before\n".repeat(200_000));
  await expect(registry.start({ command: "x", owner })).rejects.toMatchObject({
    code: "KEEPER_UNAVAILABLE",
    message: expect.stringContaining("this keeper will not live"),
  });
  expect(statSync(logBefore).size).toBe(2_000_000);
  expect(readFileSync(log, "utf8")).toMatch(/^(this keeper will not live\n)+$/);
  // What is not long goes on in the same file.
  await expect(registry.start({ command: "x", owner })).rejects.toMatchObject({ code: "KEEPER_UNAVAILABLE" });
  expect(statSync(logBefore).size).toBe(2_000_000);
});

test("a home where no folder can be made is refused with the reason", async () => {
  const { home } = openTestRegistry();
  writeFileSync(join(home, "file"), "");
  for (const place of [join(home, "file"), "/proc/herma"]) {
    await using registry = openRegistry({ home: place, system, clientName: "test" });
    await expect(registry.start({ command: "x", owner })).rejects.toMatchObject({
      code: "HOME_UNUSABLE",
      message: expect.stringContaining(`the home ${place} cannot be used: `),
    });
  }
});

test("[P3] [defect 6.1.2] at the cap a start is refused with the list; ended ones do not count", async () => {
  const { home, registry, keeper } = await stage({ liveMax: 2 });
  const first = await registry.start({ command: "one", owner, name: "first" });
  const second = await registry.start({ command: ["two"], owner });
  const refusal = await registry.start({ command: "three", owner }).catch((error: unknown) => error as HermaError);
  expect(refusal).toMatchObject({ code: "LIMIT_PROCESSES" });
  expect((refusal as HermaError).data?.processes).toEqual(
    expect.arrayContaining([
      { id: first.id, name: "first", phase: "running", command: "one" },
      { id: second.id, name: null, phase: "running", command: ["two"] },
    ]),
  );
  expect(readdirSync(homePaths(home).processes).filter((name) => name.startsWith("proc_"))).toHaveLength(2);
  keeper.ends(first.id);
  await registry.start({ command: "three", owner });
});

test("many starts at once never pass the cap", async () => {
  const { registry } = await stage({ liveMax: 5 });
  const results = await Promise.allSettled(Array.from({ length: 12 }, () => registry.start({ command: "x", owner })));
  expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(5);
});

test("[P3] a session has a cap of its own", async () => {
  const { home, registry, keeper } = await stage();
  const mine = { kind: "tool", session: "mine" } as const;
  for (let number = 1; number <= 64; number += 1) keeper.holds(putFolder(home, number, { state: null, spec: { owner: mine } }));
  await expect(registry.start({ command: "x", owner: mine })).rejects.toMatchObject({ code: "LIMIT_PROCESSES" });
  await registry.start({ command: "x", owner: { kind: "tool", session: "other" } });
  await registry.start({ command: "x", owner });
});

test("a name that a live process has is taken; after its end it is free", async () => {
  const { registry, keeper } = await stage();
  const first = await registry.start({ command: "x", owner, name: "web" });
  await expect(registry.start({ command: "x", owner, name: "web" })).rejects.toMatchObject({ code: "NAME_TAKEN", data: { id: first.id } });
  keeper.ends(first.id);
  const second = await registry.start({ command: "x", owner, name: "web" });
  expect(registry.resolve("web")).toBe(second.id);
});

test("[P26] a failed start is an answer like any other", async () => {
  const { registry, keeper } = await stage();
  keeper.play("/v1/processes", ({ body }) => {
    const id = body.id as string;
    const exit = exitOf(id, {
      cause: "failed_start",
      code: 127,
      failure: { error: "ENOENT", message: "no such program" },
      started_at: null,
    });
    return { status: 201, body: { state: stateOf(id, { phase: "ended", identity: null }), exit, output_end: 0 } };
  });
  expect(await registry.start({ command: ["nope"], owner })).toMatchObject({ phase: "ended", exit: { code: 127, cause: "failed_start" } });
});

test("when nothing was started nothing is left: no keeper, or one that refuses", async () => {
  const { home, registry } = openTestRegistry({ keeperStartMsMax: 3000 });
  await expect(registry.start({ command: "x", owner })).rejects.toMatchObject({
    code: "KEEPER_UNAVAILABLE",
    message: expect.stringContaining("this keeper will not live"),
  });
  expect(readdirSync(homePaths(home).processes).filter((name) => name.startsWith("proc_"))).toEqual([]);
  const keeper = await fakeKeeper(system, home);
  keeper.play("/v1/processes", () => refused("TOO_MANY_FILES", 503));
  await expect(registry.start({ command: "x", owner })).rejects.toMatchObject({ code: "TOO_MANY_FILES" });
  expect(readdirSync(homePaths(home).processes).filter((name) => name.startsWith("proc_"))).toEqual([]);
});

test("a keeper that does not answer may have started it: the folder stays, and the error names the process", async () => {
  const { home, registry, keeper } = await stage({ answerMsMax: 40 });
  keeper.play("/v1/processes", () => "never");
  keeper.play("/v1/hello", () => "never");
  const error = await registry.start({ command: "x", owner }).catch((reason: unknown) => reason as HermaError);
  expect(error).toMatchObject({ code: "KEEPER_SILENT" });
  const id = (error as HermaError).data?.id as string;
  expect(existsSync(processPaths(home, id).spec)).toBe(true);
});

test("a keeper that has begun with it and then refuses or goes: the folder stays for recovery", async () => {
  const { home, registry, keeper } = await stage();
  keeper.play("/v1/processes", ({ body }) => {
    writeFileSync(processPaths(home, body.id as string).exitReserved, "");
    return refused("IO", 500);
  });
  const error = await registry.start({ command: "x", owner }).catch((reason: unknown) => reason as HermaError);
  expect(error).toMatchObject({ code: "IO" });
  expect(registry.list({ all: true }).map((view) => view.id)).toEqual([(error as HermaError).data?.id]);
});

test("a slow keeper that still says hello is waited for", async () => {
  const { registry, keeper } = await stage({ answerMsMax: 30 });
  keeper.play("/v1/processes", async ({ body }) => {
    const id = body.id as string;
    const { promise, resolve } = Promise.withResolvers<void>();
    // Three hellos later it answers: the wait is bounded by hellos, not by a clock.
    let hellos = 0;
    keeper.play("/v1/hello", () => {
      hellos += 1;
      if (hellos === 3) resolve();
      return { status: 200, body: keeper.hello() };
    });
    await promise;
    return { status: 201, body: { state: stateOf(id), exit: null, output_end: 0 } };
  });
  expect(await deadline(registry.start({ command: "x", owner }), 15_000, "the start")).toMatchObject({ phase: "running" });
});

test("a connection that breaks before the answer is tried again with the same id; a keeper that leaves is succeeded", async () => {
  const { registry, keeper } = await stage();
  const answer = (id: string): Play => ({ status: 201, body: { state: stateOf(id), exit: null, output_end: 0 } });
  keeper.play("/v1/processes", ({ body }, times) => {
    if (times === 1) return "reset";
    if (times === 2) return refused("KEEPER_LEAVING", 503);
    return answer(body.id as string);
  });
  const view = await registry.start({ command: "x", owner });
  const starts = keeper.asked.filter((one) => one.path === "/v1/processes");
  expect(starts.map((one) => one.body.id)).toEqual([view.id, view.id, view.id]);
});

test("an answer that is none is told as such", async () => {
  const { registry, keeper } = await stage();
  for (const play of [
    { status: 200, body: "not JSON" },
    { status: 201, body: { state: 1 } },
    { status: 500, body: "boom" },
  ] as Play[]) {
    keeper.play("/v1/processes", () => play);
    await expect(registry.start({ command: "x", owner })).rejects.toMatchObject({ code: "KEEPER_PROTOCOL" });
  }
});

test("`yieldSeconds` brings end and output if they come in time", async () => {
  const { home, registry, keeper } = await stage();
  keeper.play("/v1/processes", ({ body }) => {
    const id = body.id as string;
    keeper.holds(id);
    keeper.print(id, 0, "hello\n");
    if (body.variables !== undefined && (body.variables as Record<string, string>).QUICK === "1")
      keeper.ends(id, { code: 5, output_end: 6, ended_at: timestampOf(system.clock.wallMs()) });
    return { status: 201, body: { state: JSON.parse(readFileSync(processPaths(home, id).state, "utf8")), exit: null, output_end: 6 } };
  });
  const quick = await registry.start({ command: "x", owner, yieldSeconds: 20, variables: { QUICK: "1" } });
  expect(quick).toMatchObject({ phase: "ended", exit: { code: 5 }, output_text: "hello\n" });
  const slow = await registry.start({ command: "x", owner, yieldSeconds: 0.02 });
  expect(slow).toMatchObject({ phase: "running", exit: null, output_text: "hello\n" });
  expect(await registry.start({ command: "x", owner })).not.toHaveProperty("output_text");
});

test("[peer 35] a socket outside the home is used only from a private folder of ours", async () => {
  const { home, registry, keeper } = await stage();
  const outside = join(home, "..", `${home.split("/").pop()}-outside`);
  mkdirSync(outside, { mode: 0o755 });
  try {
    const file = keeperPaths(home, ownGeneration).file;
    const record = JSON.parse(readFileSync(file, "utf8"));
    symlinkSync(keeperPaths(home, ownGeneration).socket, join(outside, "sock"));
    writeFileSync(file, JSON.stringify({ ...record, socket: join(outside, "sock") }));
    await expect(registry.start({ command: "x", owner })).rejects.toMatchObject({ code: "HOME_UNUSABLE" });
    expect(keeper.asked).toEqual([]);
    chmodSync(outside, 0o700);
    await registry.start({ command: "x", owner });
    expect(keeper.asked).toHaveLength(1);
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test("limits of herma.yaml hold where a start names no others; null lifts one; an unknown one is refused", async () => {
  const { registry, keeper, specOf } = await stage({ memoryBytesMax: 8_388_608, runMsMax: 60_000 });
  const command = ["true"];
  const standard = await registry.start({ command, owner });
  expect(specOf(standard.id).limits).toMatchObject({ memory_bytes_max: 8_388_608, run_ms_max: 60_000 });
  const other = await registry.start({ command, owner, limits: { memory_bytes_max: null, run_ms_max: 5, cpu_percent_max: 50 } });
  expect(specOf(other.id).limits).toEqual({
    output_bytes_max: 67_108_864,
    on_output_limit: "dropMiddle",
    cpu_percent_max: 50,
    run_ms_max: 5,
  });
  const limits = { memory_mb: 5 } as never;
  await expect(registry.start({ command, owner, limits })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  keeper.play("/v1/processes", () => refused("LIMIT_UNAVAILABLE", 501));
  const before = registry.list({ all: true }).length;
  await expect(registry.start({ command, owner, limits: { pids_max: 5 } })).rejects.toMatchObject({ code: "LIMIT_UNAVAILABLE" });
  expect(registry.list({ all: true })).toHaveLength(before);
});

test("a closed registry starts nothing, says so at once, and leaves nothing behind", async () => {
  const { home, registry, keeper } = await stage();
  await registry[Symbol.asyncDispose]();
  await expect(registry.start({ command: "true", owner: { kind: "library" } })).rejects.toMatchObject({ code: "BAD_REQUEST" });
  expect(keeper.asked).toEqual([]);
  expect(registry.list({ all: true })).toEqual([]);
  expect(existsSync(join(home, "processes"))).toBe(false);
});

test("nobody is subscribed to a closed registry, since that would keep a program alive that is told of nothing any more", async () => {
  const { registry } = await stage();
  await registry[Symbol.asyncDispose]();
  const closed = expect.objectContaining({ code: "BAD_REQUEST" });
  expect(() => registry.onFact(() => {})).toThrow(closed);
  expect(() => registry.notices.subscribe({}, () => {})).toThrow(closed);
  await expect(registry.watching.start()).rejects.toEqual(closed);
  await expect(registry.checkpoint.start()).rejects.toEqual(closed);
});

test("a start that is under way when its registry is closed ends with that, and its folder stays: the keeper may have begun", async () => {
  const { registry, keeper } = await stage();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  keeper.play("/v1/processes", () => {
    resolve();
    return "never";
  });
  const started = registry.start({ command: "true", owner: { kind: "library" } });
  const refusal = expect(started).rejects.toMatchObject({ code: "KEEPER_SILENT", message: expect.stringContaining("was closed") });
  await asked;
  await registry[Symbol.asyncDispose]();
  await refusal;
  expect(registry.list({ all: true })).toMatchObject([{ phase: "starting" }]);
});

test("a client's name may be in any script", async () => {
  const { home } = await stage();
  const registry = openRegistry({ home, system, clientName: "\u52a9\u624b\r\n\u2713" });
  onTestFinished(() => registry[Symbol.asyncDispose]());
  expect(await registry.start({ command: "true", owner: { kind: "library" } })).toMatchObject({ phase: "running" });
});
