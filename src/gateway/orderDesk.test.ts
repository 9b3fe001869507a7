import { expect, test } from "vitest";
import { type GatewayOrder, homePaths, timestampOf } from "../contract/index.ts";
import { markerPath, noteRestart } from "../lifecycle/index.ts";
import { type FakeSystem, fakeSystem } from "../system/fake/index.ts";
import { fakeGateway, fakeHome } from "./testing/fakeGateway.ts";
import type { GatewayParts, Orders, Program } from "./types.ts";

/** A gateway on the fake machine, with what it serves. */
async function running(system: FakeSystem, played: Partial<Program> = {}) {
  let parts: GatewayParts | null = null;
  const gateway = fakeGateway(
    system,
    {
      listen: async (served) => {
        parts = served;
        return { address: "http://127.0.0.1:7717", close: async () => {} };
      },
    },
    played,
  );
  await system.machine.time.until("it is ready", () => gateway.ready());
  const { orders, work } = parts! as GatewayParts;
  return { ...gateway, orders, work };
}

const past = (system: FakeSystem, count: number): void => {
  for (let index = 0; index < count; index += 1)
    noteRestart(system.files, fakeHome, { atMs: system.clock.wallMs() - index * 60_000, by: "test" });
};
const state = (system: FakeSystem) => JSON.parse(system.files.read(homePaths(fakeHome).gatewayState)?.toString() ?? "{}");

test.each([
  ["stop", {}, 0, "planned stop (its socket)", "stopped", 60],
  ["stop", { force: true }, 0, "planned stop (its socket)", "stopped", 0],
  ["restart", {}, 75, "restart wanted (its socket)", "running", 60],
] as const)(
  "[compat 22] [compat 25] the order to %s %j says what will happen, and it happens",
  async (action, order, exitCode, reason, desired, drainS) => {
    const system = fakeSystem();
    const gateway = await running(system);
    const answer = gateway.orders.give(action, order, "control", "its socket");
    expect(answer).toMatchObject({ ok: true, action, when: "now", next: action === "stop" ? "none" : "manager", drain_timeout_s: drainS });
    expect(answer.pid).toBe(system.program.process.pid);
    expect(await system.machine.time.wait(gateway.end)).toEqual({ exitCode, reason });
    expect(state(system)).toMatchObject({ gateway_state: "stopped", desired_state: desired, restart_requested: action === "restart" });
  },
);

test("[peer 28] an order from inside waits for the work under way; the same again changes nothing, a stop wins over a restart", async () => {
  const system = fakeSystem();
  const gateway = await running(system);
  const turn = Promise.withResolvers<void>();
  void gateway.work.run("turn", () => turn.promise);
  const inside: GatewayOrder = { asked_by: "proc_0123456789ab" };
  expect(gateway.orders.give("restart", inside, "control", "its socket")).toMatchObject({ when: "after_work", next: "manager" });
  expect(gateway.orders.give("restart", inside, "control", "its socket")).toMatchObject({ when: "already" });
  expect(gateway.orders.give("stop", inside, "control", "its socket")).toMatchObject({ when: "after_work" });
  await system.machine.time.advance(20_000);
  expect(state(system)).toMatchObject({ gateway_state: "running" });
  turn.resolve();
  expect(await system.machine.time.wait(gateway.end)).toEqual({ exitCode: 0, reason: "planned stop (proc_0123456789ab, by its socket)" });
});

test("[peer 28] work that does not end holds an order from inside up for as long as a drain, and no longer", async () => {
  const system = fakeSystem();
  const gateway = await running(system);
  const turn = Promise.withResolvers<void>();
  void gateway.work.run("turn", () => turn.promise).catch(() => {});
  gateway.orders.give("stop", { asked_by: "proc_0123456789ab" }, "control", "its socket");
  await system.machine.time.advance(59_000);
  expect(state(system)).toMatchObject({ phase: "running" });
  await system.machine.time.advance(2_000);
  expect(state(system)).toMatchObject({ phase: "stopping" });
  turn.resolve();
  await system.machine.time.wait(gateway.end);
});

test.each([
  ["HTTP", (orders: Orders) => orders.give("restart", {}, "http", "HTTP"), true],
  ["a process", (orders: Orders) => orders.give("restart", { asked_by: "proc_0123456789ab" }, "control", "its socket"), true],
  ["a person at the machine", (orders: Orders) => orders.give("restart", {}, "control", "its socket"), false],
  ["force", (orders: Orders) => orders.give("restart", { force: true }, "http", "HTTP"), false],
] as const)("[peer 28] the fourth restart within an hour, asked for by %s", async (_who, ask, refused) => {
  const system = fakeSystem();
  const gateway = await running(system);
  past(system, 3);
  if (!refused) {
    expect(ask(gateway.orders)).toMatchObject({ when: "now" });
    expect((await system.machine.time.wait(gateway.end)).exitCode).toBe(75);
    return;
  }
  expect(() => ask(gateway.orders)).toThrow(
    expect.objectContaining({ code: "GATEWAY_RESTART_LIMIT", message: expect.stringContaining("3 times") }),
  );
  gateway.signal("SIGUSR1");
  await system.machine.time.advance(1_000);
  expect(state(system)).toMatchObject({ gateway_state: "running" });
  expect(gateway.logged).toContainEqual(expect.objectContaining({ message: "no restart" }));
  // An hour later it may again.
  await system.machine.time.advance(3_600_000);
  expect(ask(gateway.orders)).toMatchObject({ when: "now" });
  expect((await system.machine.time.wait(gateway.end)).exitCode).toBe(75);
});

test("[compat 25] without a supervisor a restart is a next gateway; one that ends before it has taken over changes nothing", async () => {
  const system = fakeSystem();
  system.machine.install("node", (run) => run.after(2_000, () => run.exit(78)));
  const gateway = await running(system, { variables: { PATH: "/bin" } });
  expect(gateway.orders.give("restart", {}, "control", "its socket")).toMatchObject({ next: "successor", when: "now" });
  expect(gateway.orders.give("restart", {}, "control", "its socket")).toMatchObject({ next: "successor", when: "already" });
  await system.machine.time.advance(5_000);
  expect(state(system)).toMatchObject({ gateway_state: "running" });
  expect(gateway.logged).toContainEqual(
    expect.objectContaining({ level: "error", message: "the restart has failed; this gateway goes on" }),
  );
  // One that hangs is given up, and ended.
  system.machine.install("node", () => {});
  gateway.orders.give("restart", {}, "control", "its socket");
  const hung = system.processes.list().find((row) => row.name === "node");
  await system.machine.time.advance(61_000);
  expect(system.processes.look(hung?.pid ?? 0).kind).toBe("dead");
  gateway.signal("SIGINT");
  expect((await system.machine.time.wait(gateway.end)).exitCode).toBe(0);
});

test("[compat 25] a stop that comes while the next gateway comes up stops that one as well", async () => {
  const system = fakeSystem();
  system.machine.install("node", () => {});
  const gateway = await running(system, { variables: { PATH: "/bin" } });
  gateway.orders.give("restart", {}, "control", "its socket");
  const next = system.processes.list().find((row) => row.name === "node");
  expect(next).toBeDefined();
  gateway.orders.give("stop", {}, "control", "its socket");
  expect((await system.machine.time.wait(gateway.end)).exitCode).toBe(0);
  expect(system.processes.look(next?.pid ?? 0).kind).toBe("dead");
});

test("[S25] [compat 22] a marker alone ends it, and the signal that goes with the marker forces nothing", async () => {
  const system = fakeSystem();
  const gateway = await running(system);
  const self = system.processes.self();
  const mark = (pid: number) =>
    system.files.replace(
      markerPath(fakeHome, "planned_stop"),
      JSON.stringify({
        target_pid: pid,
        target_start_time: self.start_time,
        stopper_pid: 1,
        written_at: timestampOf(system.clock.wallMs()),
      }),
      { durable: false },
    );
  mark(self.pid + 1);
  await system.machine.time.advance(3_000);
  expect(state(system)).toMatchObject({ gateway_state: "running" });
  const turn = Promise.withResolvers<void>();
  void gateway.work.run("turn", () => turn.promise).catch(() => {});
  mark(self.pid);
  await system.machine.time.advance(100);
  expect(state(system)).toMatchObject({ phase: "stopping" });
  gateway.signal("SIGTERM");
  await system.machine.time.advance(5_000);
  expect(state(system)).toMatchObject({ phase: "stopping" });
  turn.resolve();
  expect(await system.machine.time.wait(gateway.end)).toEqual({ exitCode: 0, reason: "planned stop (marker)" });
});

test("[peer 26] a second signal in the middle of a drain forces, and so does an order that says so", async () => {
  for (const again of ["signal", "order"] as const) {
    const system = fakeSystem();
    const gateway = await running(system);
    const never = new Promise<void>(() => {});
    void gateway.work.run("turn", () => never).catch(() => {});
    gateway.signal("SIGTERM");
    await system.machine.time.advance(5_000);
    expect(state(system)).toMatchObject({ phase: "stopping" });
    if (again === "signal") gateway.signal("SIGTERM");
    else expect(gateway.orders.give("stop", { force: true }, "control", "its socket")).toMatchObject({ when: "already" });
    const end = await system.machine.time.wait(gateway.end);
    expect(end).toEqual({ exitCode: 1, reason: `unexpected SIGTERM, then forced by ${again === "signal" ? "SIGTERM" : "its socket"}` });
  }
});

test("[compat 22] before it is ready a signal is an accident, but for Ctrl-C; and a step that hangs holds nothing up", async () => {
  for (const [signal, exitCode] of [
    ["SIGUSR1", 1],
    ["SIGTERM", 1],
    ["SIGINT", 0],
  ] as const) {
    const system = fakeSystem();
    const gateway = fakeGateway(system, { listen: () => new Promise(() => {}) });
    await system.machine.time.advance(1_000);
    gateway.signal(signal);
    expect((await system.machine.time.wait(gateway.end)).exitCode).toBe(exitCode);
    expect(state(system)).toMatchObject({ gateway_state: "stopped" });
  }
});

test("[compat 25] a stop of a gateway that is being taken over says that another comes up all the same", async () => {
  const system = fakeSystem();
  const gateway = await running(system);
  const turn = Promise.withResolvers<void>();
  void gateway.work.run("turn", () => turn.promise).catch(() => {});
  const { pid, start_time } = system.processes.self();
  const marker = { target_pid: pid, target_start_time: start_time, replacer_pid: 77, written_at: timestampOf(system.clock.wallMs()) };
  system.files.replace(markerPath(fakeHome, "takeover"), JSON.stringify(marker), { durable: false });
  gateway.signal("SIGTERM");
  expect(gateway.orders.give("stop", {}, "control", "its socket")).toMatchObject({ when: "already", next: "successor" });
  turn.resolve();
  await system.machine.time.wait(gateway.end);
});

test("[compat 25] a restart of a gateway that is being stopped says that none comes up", async () => {
  const system = fakeSystem();
  const gateway = await running(system);
  const turn = Promise.withResolvers<void>();
  void gateway.work.run("turn", () => turn.promise).catch(() => {});
  gateway.orders.give("stop", {}, "control", "its socket");
  await system.machine.time.advance(1);
  expect(gateway.orders.give("restart", {}, "control", "its socket")).toMatchObject({ when: "already", next: "none", next_pid: null });
  turn.resolve();
  await system.machine.time.wait(gateway.end);
});
