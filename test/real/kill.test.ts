import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ProcessId } from "../../src/contract/index.ts";
import { until } from "../setup/waiting.ts";
import { type Home, makeHome } from "./home.ts";

/** Waits until the command has printed as many pids as it has escapees, and returns them. */
async function printedPids(home: Home, id: ProcessId, count: number): Promise<number[]> {
  return until("the pids are printed", () => {
    const pids = home
      .bytes(id)
      .toString()
      .split("\n")
      .filter((line) => /^\d+$/.test(line))
      .map(Number);
    return pids.length >= count ? pids : null;
  });
}

function alive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZXx]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

// Each command leaves somebody behind who prints its pid, ignores what it can, and would live for minutes.
const escapees: [string, string, number][] = [
  ["a child in a session of its own", "setsid sh -c 'echo $$; exec sleep 301' & wait", 1],
  ["a double fork", "(setsid sh -c 'echo $$; exec sleep 302' &) & sleep 303", 1],
  ["nohup", "nohup sh -c 'echo $$; exec sleep 304' & wait", 1],
  ["a new process group", "bash -c 'set -m; sh -c \"echo \\$\\$; exec sleep 305\" & wait'", 1],
  ["TERM ignored", "trap '' TERM; echo $$; while :; do sleep 0.2; done", 1],
  ["an escapee that ignores TERM", "setsid sh -c 'trap \"\" TERM HUP INT; echo $$; while :; do sleep 0.2; done' & wait", 1],
  ["a whole family", "for i in 1 2 3 4 5; do setsid sh -c 'echo $$; sleep 306 & wait' & done; wait", 5],
];

test.each(escapees)("[P39] [defect 6.1.20] [peer 17] kill ends %s and proves it", async (_what, command, count) => {
  const home = makeHome();
  const { id } = await home.start(command, { graceMs: 500 });
  const pids = await printedPids(home, id, count);
  expect(pids.every(alive)).toBe(true);
  const result = await home.registry.kill(id);
  expect(result.verdict).toBe("killed");
  expect(result.survivors).toEqual([]);
  expect(pids.filter(alive)).toEqual([]);
  expect(result.process.exit).toMatchObject({ cause: "killed", termination_source: "process.kill" });
});

test("[P39] [peer 17] a process that is over leaves children behind; kill still ends them", async () => {
  const home = makeHome();
  const { id } = await home.start("setsid sh -c 'echo $$; exec sleep 311' & sleep 0.2");
  const pids = await printedPids(home, id, 1);
  const ended = await home.ended(id);
  expect(ended.exit).toMatchObject({ cause: "exited", code: 0 });
  expect(pids.every(alive)).toBe(true);
  expect((await home.registry.kill(id)).verdict).toBe("killed");
  expect(pids.filter(alive)).toEqual([]);
  expect((await home.registry.kill(id)).verdict).toBe("already_exited");
});

test("[defect 6.1.10] [defect 6.1.11] [peer 18] the intent stands before the signal: a process that catches TERM and exits 0 was killed, with code 0", async () => {
  const home = makeHome();
  const { id } = await home.start("trap 'exit 0' TERM; echo ready; while :; do sleep 0.05; done");
  await until("it is ready", () => home.bytes(id).includes("ready"));
  await home.registry.kill(id, { source: "process.kill", reason: "a test" });
  expect(home.registry.get(id).exit).toMatchObject({
    cause: "killed",
    code: 0,
    signal: null,
    termination_source: "process.kill",
    intent: { source: "process.kill", reason: "a test" },
  });
});

test("a stopped process is ended too", async () => {
  const home = makeHome();
  const { id } = await home.start("echo $$; kill -STOP $$; sleep 320");
  const [pid] = await printedPids(home, id, 1);
  await until("it is stopped", () => readFileSync(`/proc/${pid}/stat`, "latin1").includes(") T "));
  const result = await home.registry.kill(id, { graceMs: 5000 });
  expect(result.exit).toMatchObject({ signal: "SIGTERM", code: null });
});

test("two kills at once get one ladder and one intent, the first", async () => {
  const home = makeHome();
  const { id } = await home.start("trap '' TERM; echo ready; while :; do sleep 0.05; done", { graceMs: 600 });
  await until("it is ready", () => home.bytes(id).includes("ready"));
  const both = await Promise.all([home.registry.kill(id, { source: "first" }), home.registry.kill(id, { source: "second" })]);
  expect(both.map((result) => result.verdict)).toEqual(["killed", "killed"]);
  expect(home.registry.get(id).exit).toMatchObject({ termination_source: "first", signal: "SIGKILL" });
});

test("[P47] killAll ends all but those excepted", async () => {
  const home = makeHome();
  const ids: ProcessId[] = [];
  for (let i = 0; i < 4; i += 1) ids.push((await home.start("sleep 330")).id);
  const results = await home.registry.killAll({ except: [ids[0] as ProcessId] });
  expect(results.map((result) => result.verdict)).toEqual(["killed", "killed", "killed"]);
  expect(home.registry.list().map((view) => view.id)).toEqual([ids[0]]);
  expect(home.registry.get(ids[1] as ProcessId).exit?.termination_source).toBe("kill_all");
});

test("signal reaches the group, leaves no intent, and is refused after the end", async () => {
  const home = makeHome();
  const { id } = await home.start("trap 'echo got; exit 3' USR1; echo ready; while :; do sleep 0.05; done");
  await until("it is ready", () => home.bytes(id).includes("ready"));
  const { signalled } = await home.registry.signal(id, { signal: "SIGUSR1" });
  expect(signalled.length).toBeGreaterThan(0);
  expect((await home.ended(id)).exit).toMatchObject({ cause: "exited", code: 3, intent: null });
  await expect(home.registry.signal(id, { signal: "SIGUSR1" })).rejects.toMatchObject({ code: "PROCESS_ENDED" });
});
