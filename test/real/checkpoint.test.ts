import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type CheckpointEntry, homePaths, type ProcessId } from "../../src/contract/index.ts";
import { until } from "../setup/waiting.ts";
import { makeHome, runHerma } from "./home.ts";

const fields = [
  ..."session_id command pid pid_scope host_start_time cwd started_at task_id session_key".split(" "),
  ..."watcher_platform watcher_chat_id watcher_user_id watcher_user_name watcher_thread_id watcher_message_id".split(" "),
  ..."watcher_interval notify_on_complete watch_patterns".split(" "),
];

function entriesIn(home: string): CheckpointEntry[] {
  return JSON.parse(readFileSync(homePaths(home).checkpoint, "utf8")) as CheckpointEntry[];
}

test("[P16] [P49] [defect 6.1.18] what runs stands in processes.json in the original's 18 fields, without secrets, and leaves it when it ends", async () => {
  const home = makeHome();
  // Only the gateway writes it.
  const before = await home.start("sleep 300");
  await home.registry.kill(before.id);
  expect(existsSync(homePaths(home.home).checkpoint)).toBe(false);
  await home.registry.checkpoint.start();
  const view = await home.start("API_KEY=sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789 sleep 300", {
    owner: { kind: "tool", session: "s", task: "t" },
    notifyOnComplete: true,
    watch: [{ match: "up" }],
  });
  await until("it stands there", () => entriesIn(home.home).length === 1, { deadlineMs: 30_000 });
  const entry = entriesIn(home.home)[0]!;
  expect(Object.keys(entry)).toEqual(fields);
  expect(entry).toMatchObject({
    session_id: view.id,
    pid: view.pid,
    pid_scope: "host",
    host_start_time: view.identity?.start_time,
    task_id: "t",
    session_key: "s",
    watcher_interval: 0,
    notify_on_complete: true,
    watch_patterns: ["up"],
  });
  expect(entry.command).not.toContain("abcdefghijklmnop");
  await home.registry.kill(view.id);
  await until("it has left", () => entriesIn(home.home).length === 0, { deadlineMs: 30_000 });
});

test("[P50] [compat 3] what Hermes left running is taken over when it is provably the same; anything else is left alone, and noise is set aside", async () => {
  const home = makeHome();
  const child = spawn("sleep", ["300"], { stdio: "ignore", detached: true });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stranger = spawn("sleep", ["300"], { stdio: "ignore", detached: true });
  const strangerGone = new Promise<void>((resolve) => stranger.once("exit", () => resolve()));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    stranger.kill("SIGKILL");
    await Promise.all([gone, strangerGone]);
  });
  const startTime = home.system.processes.identityOf(child.pid!)!.start_time;
  const hermes = (number: number, more: object) => ({
    session_id: `proc_00000000000${number}`,
    command: "sleep 300",
    pid: child.pid,
    pid_scope: "host",
    host_start_time: startTime,
    cwd: "/tmp",
    started_at: 1_700_000_000.5,
    task_id: "t",
    session_key: "telegram:1",
    watcher_platform: "telegram",
    watcher_chat_id: "1",
    watcher_user_id: "",
    watcher_user_name: "",
    watcher_thread_id: "",
    watcher_message_id: "",
    watcher_interval: 5,
    notify_on_complete: true,
    watch_patterns: [],
    ...more,
  });
  const list = [
    null,
    hermes(1, { pid: true }),
    hermes(2, {}),
    hermes(3, { pid: stranger.pid, host_start_time: startTime + 1_000_000 }),
    hermes(4, { pid: stranger.pid, host_start_time: null }),
    hermes(5, { pid_scope: "sandbox" }),
    hermes(6, { session_id: "../../etc" }),
  ];
  writeFileSync(homePaths(home.home).checkpoint, JSON.stringify(list));
  const problems: unknown[] = [];
  const taken = await home.registry.checkpoint.start({ onProblem: (problem) => problems.push(problem) });
  const id: ProcessId = "proc_000000000002";
  expect(taken).toEqual([id]);
  expect(problems).toMatchObject([{ code: "FILE_CORRUPT" }]);
  expect(JSON.parse(readFileSync(join(home.home, "processes.json.corrupt"), "utf8"))).toHaveLength(3);

  expect(await home.registry.recover()).toBe(1);
  await until("a keeper has it", () => home.registry.get(id).problem === null, { deadlineMs: 30_000 });
  expect(home.registry.get(id)).toMatchObject({
    phase: "running",
    pid: child.pid,
    restart_survival: "detached",
    owner: { session: "telegram:1" },
  });
  expect(new Set(home.registry.list({ all: true }).map((view) => view.id))).toEqual(new Set([id, "proc_000000000004"]));
  expect(home.registry.interest.get(id)).toMatchObject({ notify_on_complete: true, route: { platform: "telegram", chat_id: "1" } });
  // Who cannot be proven stays as it was written, while its pid is in use.
  await until("both stand there", () => entriesIn(home.home).length === 2, { deadlineMs: 30_000 });

  const { registry } = home;
  const unproven: ProcessId = "proc_000000000004";
  expect(registry.list({ session: "telegram:1" }).map((view) => view.id)).toContain(unproven);
  expect(registry.get(registry.resolve("proc_000000000004"))).toMatchObject({
    phase: "running",
    pid: stranger.pid,
    identity: null,
    problem: expect.stringContaining("never signalled"),
  });
  const inspected = await runHerma(home.home, ["inspect", unproven]);
  expect([inspected.code, inspected.stdout]).toEqual([0, expect.stringContaining("without its start time")]);
  expect((await runHerma(home.home, ["ps"])).stdout).toContain(unproven.slice(5, 9));
  expect(() => registry.read(unproven)).toThrow(/can only be looked at/);
  await expect(registry.signal(unproven, { signal: "TERM" })).rejects.toMatchObject({ code: "IDENTITY_UNPROVEN" });
  await expect(registry.kill(unproven)).rejects.toMatchObject({ code: "IDENTITY_UNPROVEN" });

  await home.registry.watching.start();
  await home.registry.kill(id);
  await gone;
  expect(stranger.exitCode).toBeNull();
  expect(stranger.signalCode).toBeNull();
  await until("its end is told", () => home.registry.notices.list({ process: id }).length === 1, { deadlineMs: 30_000 });
  expect(home.registry.notices.list({ process: id })).toMatchObject([
    { kind: "completion", session: "telegram:1", data: { cause: "killed" } },
  ]);
});
