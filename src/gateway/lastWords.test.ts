import { expect, test } from "vitest";
import { HermaError, homePaths, timestampOf } from "../contract/index.ts";
import { diaryBytesMax, readDiary, writeDiary } from "../lifecycle/index.ts";
import { type FakeMachine, type FakeSystem, fakeProgram, fakeSystem } from "../system/fake/index.ts";
import { type FakeGateway, fakeGateway, fakeHome } from "./testing/fakeGateway.ts";

async function startReady(system: FakeSystem, more?: Parameters<typeof fakeGateway>[1]): Promise<FakeGateway> {
  const gateway = fakeGateway(system, more);
  await system.machine.time.until("it is ready", gateway.ready);
  return gateway;
}

function entries(machine: FakeMachine) {
  return readDiary(fakeProgram(machine, "reader").files, fakeHome);
}

test.each([
  ["SIGTERM", "unexpected_signal", 1],
  ["SIGINT", "interrupted", 0],
  ["SIGUSR1", "restart", 75],
] as const)(
  "[compat 22] an end by %s leaves one start and one end in the diary, before the home is let go",
  async (signal, reason, code) => {
    const system = fakeSystem();
    const gateway = await startReady(system);
    await system.machine.time.advance(5_000);
    gateway.signal(signal);
    const end = await system.machine.time.wait(gateway.end);
    expect(end.exitCode).toBe(code);
    const [start, exit, ...more] = entries(system.machine);
    expect(more).toEqual([]);
    expect(start).toMatchObject({ event: "start", pid: system.program.process.pid, version: "9.9.9" });
    expect(exit).toMatchObject({
      event: "exit",
      instance_id: start?.instance_id,
      reason,
      exit_code: code,
      signal,
      forced: false,
      stack: null,
    });
    expect(exit?.uptime_s).toBeGreaterThanOrEqual(5);
  },
);

test.each(["SIGTERM", "SIGINT"])(
  "[F19] [F13] [compat 30] the line of the context is logged once, for a wished end as well: %s",
  async (signal) => {
    const system = fakeSystem();
    const gateway = await startReady(system);
    gateway.signal(signal);
    await system.machine.time.wait(gateway.end);
    const lines = gateway.logged.filter(({ message }) => message.startsWith("Shutdown context: "));
    expect(lines.map(({ level, message }) => [level, message])).toEqual([
      ["warn", `Shutdown context: signal=${signal} under_systemd=no parent_pid=1 parent_name=init loadavg_1m=0.50 parent_cmdline='init'`],
    ]);
    expect(entries(system.machine).at(-1)?.context).toMatchObject({ signal, pid: system.program.process.pid });
  },
);

test("[F9] a marker is in the note although the stop consumes it", async () => {
  const system = fakeSystem();
  const gateway = await startReady(system);
  const { pid, startTime } = system.program.process;
  const marker = { target_pid: pid, target_start_time: startTime, stopper_pid: 4711, written_at: timestampOf(system.clock.wallMs()) };
  system.files.replace(`${fakeHome}/.gateway-planned-stop.json`, JSON.stringify(marker), { durable: false });
  gateway.signal("SIGTERM");
  await system.machine.time.wait(gateway.end);
  expect(entries(system.machine).at(-1)).toMatchObject({
    reason: "planned_stop",
    context: { planned_stop_marker_for_self: true, sender_pid: 4711 },
  });
});

test("[F9] a marker that begins the stop without any signal is in the note", async () => {
  const system = fakeSystem();
  const gateway = await startReady(system);
  const { pid, startTime } = system.program.process;
  const marker = { target_pid: pid, target_start_time: startTime, stopper_pid: 4711, written_at: timestampOf(system.clock.wallMs()) };
  system.files.replace(`${fakeHome}/.gateway-planned-stop.json`, JSON.stringify(marker), { durable: false });
  await system.machine.time.wait(gateway.end);
  expect(entries(system.machine).at(-1)).toMatchObject({
    reason: "planned_stop",
    context: { signal: "UNKNOWN", planned_stop_marker_for_self: true, sender_pid: 4711 },
  });
});

test("[F11] only an end that nobody wished for is looked into for longer", async () => {
  for (const [signal, looks] of [
    ["SIGTERM", 1],
    ["SIGINT", 0],
    ["SIGUSR1", 0],
  ] as const) {
    const system = fakeSystem();
    const started: string[][] = [];
    system.machine.install("node", (run) => started.push([...run.argv]));
    system.files.makeFolder("/dev");
    const gateway = await startReady(system);
    gateway.signal(signal);
    await system.machine.time.wait(gateway.end);
    await system.machine.time.advance(1);
    expect(
      started.map((argv) => argv.slice(0, 4)),
      signal,
    ).toEqual(Array(looks).fill(["node", "herma", "gateway", "diagnose"]));
  }
});

test("a forced end leaves one entry, which says so", async () => {
  const system = fakeSystem();
  const gateway = await startReady(system, { listen: async () => ({ address: "http://x:1", close: () => new Promise(() => {}) }) });
  gateway.signal("SIGTERM");
  gateway.signal("SIGTERM");
  await system.machine.time.wait(gateway.end);
  expect(entries(system.machine).filter(({ event }) => event === "exit")).toMatchObject([
    { reason: "unexpected_signal", forced: true, detail: "unexpected SIGTERM, then forced by SIGTERM" },
  ]);
});

test("one Ctrl-C that comes twice, as under `npm start`, forces nothing; the next one does", async () => {
  const system = fakeSystem();
  const gateway = await startReady(system, { listen: async () => ({ address: "http://x:1", close: () => new Promise(() => {}) }) });
  gateway.signal("SIGINT");
  await system.machine.time.advance(100);
  gateway.signal("SIGINT");
  await system.machine.time.advance(900);
  expect(entries(system.machine).filter(({ event }) => event === "exit")).toEqual([]);
  gateway.signal("SIGINT");
  await system.machine.time.wait(gateway.end);
  expect(entries(system.machine).filter(({ event }) => event === "exit")).toMatchObject([{ reason: "interrupted", forced: true }]);
});

test("[F22] [compat 30] what nobody caught is in the diary with its stack and its causes, and the gateway ends with 70", async () => {
  const system = fakeSystem();
  const gateway = await startReady(system);
  gateway.throws(new TypeError("x is not a function", { cause: new Error("the deeper reason") }));
  expect(await system.machine.time.wait(gateway.end)).toEqual({ exitCode: 70, reason: "a bug: x is not a function" });
  const exit = entries(system.machine).at(-1);
  expect(exit).toMatchObject({ event: "exit", reason: "uncaught", exit_code: 70, phase: "running" });
  expect(exit?.stack).toContain("lastWords.test.ts");
  expect(exit?.stack).toContain("caused by: Error: the deeper reason");
  const state = JSON.parse(String(fakeProgram(system.machine, "reader").files.read(homePaths(fakeHome).gatewayState)));
  expect(state).toMatchObject({ gateway_state: "stopped", exit_reason: "a bug: x is not a function" });
});

test("an exit that something in the program calls for is in the diary as that, and in the state", async () => {
  const system = fakeSystem();
  const gateway = await startReady(system);
  gateway.exits(3);
  expect(entries(system.machine).at(-1)).toMatchObject({
    event: "exit",
    reason: "exit_called",
    exit_code: 3,
    phase: "running",
    forced: true,
  });
  const state = system.files.read(homePaths(fakeHome).gatewayState)?.toString() ?? "{}";
  expect(JSON.parse(state)).toMatchObject({ gateway_state: "stopped", desired_state: "running" });
  expect(system.files.stat(homePaths(fakeHome).gatewayPid)).toBeNull();
});

test("a connection that fails where nobody waits for it ends nothing", async () => {
  const system = fakeSystem();
  const gateway = await startReady(system);
  gateway.throws(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
  await system.machine.time.advance(1000);
  expect(gateway.logged.some(({ message }) => message.startsWith("a connection failed"))).toBe(true);
  gateway.signal("SIGINT");
  expect((await system.machine.time.wait(gateway.end)).exitCode).toBe(0);
});

test("[F22] a failed start leaves its error and stack; one that lost to a running gateway says that", async () => {
  const system = fakeSystem();
  const failing = fakeGateway(system, {
    listen: async () => {
      throw new HermaError("PORT_TAKEN", "port 7717 is taken");
    },
  });
  await expect(system.machine.time.wait(failing.end)).rejects.toThrow("port 7717 is taken");
  expect(entries(system.machine).at(-1)).toMatchObject({ event: "exit", reason: "failed_start", exit_code: 1, phase: "startup_failed" });
  expect(entries(system.machine).at(-1)?.stack).toContain("lastWords.test.ts");
  const running = await startReady(fakeProgram(system.machine, "first"));
  const loser = fakeGateway(fakeProgram(system.machine, "second"));
  await expect(system.machine.time.wait(loser.end)).rejects.toMatchObject({ code: "GATEWAY_RUNNING" });
  expect(entries(system.machine).at(-1)).toMatchObject({ event: "exit", reason: "lost_race", instance_id: null, exit_code: 1 });
  running.signal("SIGINT");
  await system.machine.time.wait(running.end);
});

test("settings that cannot work are told as that, with 78", async () => {
  const system = fakeSystem();
  system.files.makeFolder(fakeHome);
  system.files.replace(homePaths(fakeHome).config, "gateway: {port: -1}\n", { durable: false });
  // The parser is loaded from the real disk, which the machine's time knows nothing of.
  await expect(fakeGateway(system).end).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  expect(entries(system.machine).map(({ event, reason, exit_code }) => [event, reason, exit_code])).toEqual([
    ["exit", "config_invalid", 78],
  ]);
});

test("the diary never grows over its limit, keeps the newest, and starters that lost go first", () => {
  const { files, machine } = fakeSystem();
  files.makeFolder(homePaths(fakeHome).logs);
  const note = { at: "2026-01-01T00:00:00.000+00:00", pid: 7, boot_id: "b", version: "1" } as const;
  const ended = (number: number) => ({
    ...note,
    event: "exit" as const,
    instance_id: `i${number}`,
    reason: "restart" as const,
    detail: "x".repeat(2_000),
  });
  const lost = { ...note, event: "exit" as const, instance_id: null, reason: "lost_race" as const, detail: "x".repeat(2_000) };
  for (let number = 1; number <= 100; number += 1) writeDiary(files, fakeHome, ended(number), { trim: true, durable: false });
  for (let number = 1; number <= 1000; number += 1) writeDiary(files, fakeHome, lost, { trim: false, durable: false });
  expect(files.stat(homePaths(fakeHome).exitDiary)?.size).toBeLessThanOrEqual(diaryBytesMax);
  expect(writeDiary(files, fakeHome, ended(101), { trim: true })).toBeNull();
  const kept = entries(machine);
  expect(kept).toHaveLength(101);
  expect(kept.at(-1)?.instance_id).toBe("i101");
});

test("noise and a line that was cut short cost nobody else's line, and secrets are masked", () => {
  const { files, machine } = fakeSystem();
  files.makeFolder(homePaths(fakeHome).logs);
  const note = { event: "exit" as const, at: "2026-01-01T00:00:00.000+00:00", instance_id: "i", pid: 7, boot_id: "b", version: "1" };
  writeDiary(files, fakeHome, note, { trim: true });
  const appender = files.appender(homePaths(fakeHome).exitDiary);
  appender.write(Buffer.from('\xff{"format":1,"event":"ex', "latin1"));
  const secret = `sk-ant-api03-${"a1B2".repeat(20)}`;
  writeDiary(files, fakeHome, { ...note, instance_id: "j", detail: `it said ${secret}`, stack: `Error: ${secret}` }, { trim: true });
  expect(entries(machine).map(({ instance_id }) => instance_id)).toEqual(["i", "j"]);
  expect(files.read(homePaths(fakeHome).exitDiary)?.toString()).not.toContain(secret);
});
