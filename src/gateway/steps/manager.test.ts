import { expect, test } from "vitest";
import { defaultConfig } from "../../contract/index.ts";
import type { GatewayClaim, StateChange } from "../../lifecycle/index.ts";
import { fakeSystem } from "../../system/fake/index.ts";
import { GatewayContext } from "../context.ts";
import type { RunOptions } from "../options.ts";
import { pulseStep, stopPlanStep } from "./manager.ts";

const socket = "/run/notify";

function stage(variables: Record<string, string>, timeoutStop = "1min 30s") {
  const system = fakeSystem();
  const told: string[] = [];
  system.machine.notified.set(socket, told);
  system.machine.install("systemctl", (run) => {
    run.print(`${timeoutStop}\n`);
    run.exit(0);
  });
  system.files.makeFolder("/proc/self");
  system.files.replace("/proc/self/cgroup", "0::/system.slice/herma-gateway.service\n", { durable: false });
  const warnings: string[] = [];
  const quiet = () => {};
  const log = { debug: quiet, info: quiet, warn: (_: object, text: string) => warnings.push(text), error: quiet };
  const options = { system, log, program: { variables: { PATH: "/bin", ...variables } } } as unknown as RunOptions;
  const context = new GatewayContext(options);
  const changes: StateChange[] = [];
  context.config = defaultConfig();
  context.claim = { update: async (change: StateChange) => void changes.push(change) } as unknown as GatewayClaim;
  return { system, told, warnings, context, changes };
}

const stop = { why: "planned_stop", reason: "planned", exitCode: 0, desiredState: "stopped", restartRequested: false } as const;

test("the watchdog hears the loop at least twice in its time, and only as long as the loop turns", async () => {
  const { context, told, system } = stage({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: "6000000" });
  const down = await pulseStep(context).up();
  context.life.happens("ready");
  told.length = 0;
  await system.machine.time.advance(30_000);
  expect(told).toEqual(Array<string>(10).fill("WATCHDOG=1"));
  await down?.();
  await system.machine.time.advance(30_000);
  expect(told).toHaveLength(10);
});

test("a boot that takes long asks for more time, a running gateway does not", async () => {
  const { context, told, system } = stage({ NOTIFY_SOCKET: socket });
  await pulseStep(context).up();
  await system.machine.time.advance(11_000);
  expect(told).toEqual(Array<string>(3).fill("EXTEND_TIMEOUT_USEC=30000000"));
  context.life.happens("ready");
  await system.machine.time.advance(60_000);
  expect(told).toHaveLength(3);
});

test("[peer 27] a stop asks for more time until its own deadline, and no longer", async () => {
  const { context, told, system } = stage({ NOTIFY_SOCKET: socket });
  const down = await pulseStep(context).up();
  context.life.happens("ready");
  told.length = 0;
  context.life.stopFor(stop);
  expect(told).toEqual(["STOPPING=1\nSTATUS=stopping: planned", "EXTEND_TIMEOUT_USEC=30000000"]);
  await system.machine.time.advance(context.stopPlan.deadlineMs + 60_000);
  expect(told).toHaveLength(1 + context.stopPlan.deadlineMs / 5000);
  await down?.();
});

test("without a service manager there is no pulse", async () => {
  expect(await pulseStep(stage({}).context).up()).toBeUndefined();
});

test("[F15] [peer 27] a manager that allows too little and cannot be asked for more cuts the drain, and that is said and written", async () => {
  const { context, warnings, changes, system } = stage({ INVOCATION_ID: "x" }, "45s");
  await played(system, stopPlanStep(context).up());
  expect(context.stopPlan).toEqual({ kind: "clipped", drainMs: 15_000, deadlineMs: 35_000 });
  expect(changes).toEqual([{ drain_timeout_s: 15 }]);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain("`herma gateway install --system` mends the unit");
});

test("[F15] one that can be asked for more leaves the drain as it is", async () => {
  const { context, warnings, changes, system } = stage({ NOTIFY_SOCKET: socket }, "45s");
  await played(system, stopPlanStep(context).up());
  expect(context.stopPlan).toEqual({ kind: "extended", drainMs: 60_000, deadlineMs: 80_000 });
  expect(changes).toEqual([]);
  expect(warnings).toHaveLength(1);
});

test("[F21] where it fits, nobody is warned", async () => {
  const { context, warnings, system } = stage({ NOTIFY_SOCKET: socket });
  await played(system, stopPlanStep(context).up());
  expect([context.stopPlan.kind, warnings]).toEqual(["fits", []]);
});

async function played(system: ReturnType<typeof fakeSystem>, work: unknown): Promise<void> {
  let done = false;
  void Promise.resolve(work).finally(() => {
    done = true;
  });
  await system.machine.time.until("the step is up", () => done);
}
