import { expect, test } from "vitest";
import { type GatewayRecord, homePaths, timestampOf } from "../contract/index.ts";
import type { LogEvidence } from "../rules/index.ts";
import { type FakeSystem, fakeSystem } from "../system/fake/index.ts";
import { completeAutopsy } from "./autopsy.ts";
import { readDiary, writeDiary } from "./exitDiary.ts";
import { openChapter } from "./firstWords.ts";
import { gatewayRuns, lastExit } from "./history.ts";

const home = "/home";
const limits = { bootsMax: 3, gapMs: 300_000 };

function system(): FakeSystem {
  const made = fakeSystem();
  made.files.makeFolder(homePaths(home).logs);
  return made;
}

function record(made: FakeSystem, instance: string): GatewayRecord {
  return {
    pid: made.program.process.pid,
    kind: "hermes-gateway",
    argv: [],
    start_time: 1,
    instance_id: instance,
    boot_id: made.processes.bootId(),
    version: "1",
    started_at: timestampOf(made.clock.wallMs()),
  };
}

/** The first gateway of a home starts; what it wrote of itself later is given. It ends without a word, and the next one starts. */
async function next(made: FakeSystem, left: { state?: Record<string, unknown>; report?: Record<string, unknown> } = {}) {
  openChapter(made, home, record(made, "one"), limits);
  await made.machine.time.advance(60_000);
  const at = timestampOf(made.clock.wallMs());
  const paths = homePaths(home);
  const own = { instance_id: "one", pid: made.program.process.pid, boot_id: made.processes.bootId(), started_at: at };
  if (left.state !== undefined)
    made.files.replace(
      paths.gatewayState,
      JSON.stringify({ ...own, updated_at: at, gateway_state: "running", phase: "running", ...left.state }),
      { durable: true },
    );
  if (left.report !== undefined)
    made.files.replace(
      paths.loopReport,
      JSON.stringify({
        format: 1,
        ...own,
        at,
        loop: "alive",
        still_ms: 0,
        longest_still_ms: 0,
        rss_bytes: 1_048_576,
        heap_bytes: 10,
        heap_bytes_max: 100,
        ...left.report,
      }),
      { durable: true },
    );
  await made.machine.time.advance(10_000);
  return () => openChapter(made, home, record(made, "two"), limits);
}

test("a gateway that was seen last while its loop stood still is told as that", async () => {
  const start = await next(system(), { state: {}, report: { loop: "frozen", still_ms: 7000 } });
  expect(start().autopsies[0]?.note).toMatchObject({ verdict: "killed_while_frozen", uptime_s: 60, phase: "running" });
});

test("a full heap, and a heap with room", async () => {
  expect((await next(system(), { state: {}, report: { heap_bytes: 95 } }))().autopsies[0]?.note.verdict).toBe("heap_exhausted");
  expect((await next(system(), { state: {}, report: {} }))().autopsies[0]?.note.verdict).toBe("killed");
});

test("want of memory: in our cgroup it was that, near us it may have been; a cgroup that is another now tells nothing", async () => {
  const made = system();
  const cgroup = { path: "/g", memoryBytes: 1, memoryBytesMax: 2, oomKills: 4 };
  made.machine.vitals = { ...made.machine.vitals, oomKills: 9, cgroup };
  const start = await next(made, { state: { oom_kills: 9, cgroup: "/g", cgroup_oom_kills: 4 } });
  made.machine.vitals = { ...made.machine.vitals, oomKills: 10, cgroup: { ...cgroup, oomKills: 5 } };
  expect(start().autopsies[0]?.note).toMatchObject({ verdict: "out_of_memory", evidence: { oom: "ours" } });
  const near = system();
  const startNear = await next(near, { state: { oom_kills: 9, cgroup: "/g", cgroup_oom_kills: 4 } });
  near.machine.vitals = { ...near.machine.vitals, oomKills: 10, cgroup: { ...cgroup, path: "/other", oomKills: 50 } };
  expect(startNear().autopsies[0]?.note).toMatchObject({ verdict: "out_of_memory_likely", evidence: { oom: "near" } });
});

test("an end that only the state file tells is taken from there; a start that only it names is found", async () => {
  const stated = await next(system(), { state: { gateway_state: "stopped", phase: "stopped", exit_reason: "planned" } });
  expect(stated().autopsies[0]?.note).toMatchObject({ verdict: "as_stated", detail: expect.stringContaining("planned") });
  const lost = system();
  const start = await next(lost, { state: {} });
  lost.files.remove(homePaths(home).exitDiary);
  expect(start().autopsies.map(({ note }) => [note.instance_id, note.verdict])).toEqual([["one", "killed"]]);
});

test("what has been explained is not explained again, and a gateway does not explain itself", async () => {
  const made = system();
  const start = await next(made, { state: {} });
  expect(start().autopsies).toHaveLength(1);
  expect(openChapter(made, home, record(made, "two"), limits).autopsies).toEqual([]);
  expect(openChapter(made, home, record(made, "three"), limits).autopsies.map(({ note }) => note.instance_id)).toEqual(["two"]);
});

test("the system's logs make a better verdict, which replaces the first; logs that say nothing change nothing", async () => {
  const made = system();
  const autopsy = (await next(made, { state: {} }))().autopsies[0]!;
  const nothing: LogEvidence = { oom: "none", crash: "no", manager: "none", lines: [] };
  expect(completeAutopsy(made, home, autopsy, nothing)).toBe(autopsy);
  const line = "Out of memory: Killed process 1000 (node)";
  expect(completeAutopsy(made, home, autopsy, { ...nothing, oom: "ours", lines: [line] }).note).toMatchObject({
    verdict: "out_of_memory",
    log_lines: [line],
  });
  expect(lastExit(made, home)).toMatchObject({ instance_id: "one", verdict: "out_of_memory" });
  expect(gatewayRuns(made, home).map(({ instance_id, word, told_by }) => [instance_id, word, told_by])).toEqual([
    ["two", null, null],
    ["one", "out_of_memory", "autopsy"],
  ]);
});

test("the third start in a row that nobody wished for is a loop; a wished one breaks the row", async () => {
  const made = system();
  const start = async (instance: string) => {
    await made.machine.time.advance(150_000);
    return openChapter(made, home, record(made, instance), limits).loop;
  };
  expect(await start("a")).toEqual({ boots: 0, looping: false });
  expect(await start("b")).toEqual({ boots: 1, looping: false });
  expect(await start("c")).toEqual({ boots: 2, looping: false });
  expect(await start("d")).toEqual({ boots: 3, looping: true });
  const end = {
    event: "exit",
    at: timestampOf(made.clock.wallMs()),
    instance_id: "d",
    pid: 1,
    boot_id: null,
    version: null,
    reason: "planned_stop",
  } as const;
  writeDiary(made.files, home, end, { trim: true });
  expect(await start("e")).toEqual({ boots: 0, looping: false });
});

test("a disk that fails looks neither like a loop nor like an end, and stops nobody", () => {
  const made = system();
  for (const instance of ["a", "b", "c"]) openChapter(made, home, record(made, instance), limits);
  const failing = {
    ...made,
    files: Object.create(made.files, {
      read: {
        value: () => {
          throw new Error("EIO");
        },
      },
      appender: {
        value: () => {
          throw new Error("EIO");
        },
      },
    }),
  };
  expect(openChapter(failing, home, record(made, "d"), limits)).toMatchObject({
    autopsies: [],
    loop: { looping: false },
    problem: expect.any(Error),
  });
  expect(readDiary(made.files, home).filter(({ instance_id }) => instance_id === "d")).toEqual([]);
});
