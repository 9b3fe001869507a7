import { expect, test } from "vitest";
import { fakeSystem } from "../system/fake/index.ts";
import { ServiceManager } from "./serviceManager.ts";

const socket = "/run/systemd/notify";

function stage(variables: Record<string, string> = {}, cgroup = "0::/system.slice/herma-gateway.service\n") {
  const system = fakeSystem();
  const told: string[] = [];
  system.machine.notified.set(socket, told);
  system.files.makeFolder("/proc/self");
  system.files.replace("/proc/self/cgroup", cgroup, { durable: false });
  const asked: (readonly string[])[] = [];
  function answers(text: string | null): void {
    system.machine.install("systemctl", (run) => {
      asked.push([...run.argv]);
      expect(Object.keys(run.variables)).not.toContain("NOTIFY_SOCKET");
      if (text === null) return run.exit(1);
      run.print(`${text}\n`);
      run.exit(0);
    });
  }
  const manager = new ServiceManager(system, { parentPid: 1, variables: { PATH: "/bin", ...variables } });
  return { system, told, asked, answers, manager, pid: system.processes.self().pid };
}

/** Plays time until the promise is settled. */
async function settled<T>(system: ReturnType<typeof fakeSystem>, promise: Promise<T>): Promise<T> {
  let done = false;
  void promise.finally(() => {
    done = true;
  });
  await system.machine.time.until("an answer", () => done);
  return await promise;
}

test("the manager is told each turn of a gateway's life, and nothing else", () => {
  const { manager, told, pid } = stage({ NOTIFY_SOCKET: socket });
  manager.ready("running\nERRNO=5");
  manager.alive();
  manager.moreTime(30_000);
  manager.status("draining");
  manager.stopping("planned");
  expect(told).toEqual([
    `READY=1\nMAINPID=${pid}\nSTATUS=running ERRNO=5`,
    "WATCHDOG=1",
    "EXTEND_TIMEOUT_USEC=30000000",
    "STATUS=draining",
    "STOPPING=1\nSTATUS=planned",
  ]);
});

test("without a manager nothing is told and nobody is asked", async () => {
  const { manager, told } = stage();
  manager.ready("running");
  expect([manager.listens, manager.supervisor, manager.watchdogMs, manager.unit()]).toEqual([false, null, null, null]);
  expect(await manager.stopAlignment(60_000)).toBeNull();
  expect(told).toEqual([]);
});

test("a watchdog counts when it is meant for this program", () => {
  const own = stage().pid;
  const of = (variables: Record<string, string>) => stage({ NOTIFY_SOCKET: socket, ...variables }).manager.watchdogMs;
  expect(of({ WATCHDOG_USEC: "60000000" })).toBe(60_000);
  expect(of({ WATCHDOG_USEC: "60000000", WATCHDOG_PID: String(own) })).toBe(60_000);
  expect(of({ WATCHDOG_USEC: "60000000", WATCHDOG_PID: String(own + 1) })).toBeNull();
  for (const usec of ["0", "-5", "soon", ""]) expect(of({ WATCHDOG_USEC: usec })).toBeNull();
});

test("[F15] [F16] [F17] the unit's own manager is asked, and its words are compared with the drain", async () => {
  const { manager, answers, asked, system } = stage({ NOTIFY_SOCKET: socket });
  answers("1min 30s");
  expect(await settled(system, manager.stopAlignment(60_000))).toEqual({
    unit: "herma-gateway.service",
    manager: "system",
    timeout_stop_sec: 90,
    drain_timeout: 60,
    expected_min: 90,
    mismatch: false,
  });
  expect(asked).toEqual([["systemctl", "show", "--property=TimeoutStopUSec", "--value", "--", "herma-gateway.service"]]);
});

test("[F16] [defect 6.3.6] a unit of a user's manager is asked of that one", async () => {
  const { manager, answers, asked, system } = stage(
    { INVOCATION_ID: "x" },
    "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app.service",
  );
  answers("45000000");
  expect(await settled(system, manager.stopAlignment(60_000))).toMatchObject({ manager: "user", timeout_stop_sec: 45, mismatch: true });
  expect(asked[0]).toContain("--user");
});

test("[F17] a manager that refuses, talks nonsense or is not there tells nothing", async () => {
  for (const answer of [null, "90 fortnights", ""]) {
    const { manager, answers, system } = stage({ NOTIFY_SOCKET: socket });
    answers(answer);
    expect(await settled(system, manager.stopAlignment(60_000))).toBeNull();
  }
  const { manager, system } = stage({ NOTIFY_SOCKET: socket });
  expect(await settled(system, manager.stopAlignment(60_000))).toBeNull();
  const outside = stage({ NOTIFY_SOCKET: socket }, "0::/user.slice/session-1.scope");
  expect(await outside.manager.stopAlignment(60_000)).toBeNull();
});

test("the unit of a terminal that systemd has started is not this program's", () => {
  const { manager } = stage({ INVOCATION_ID: "x", SYSTEMD_EXEC_PID: "7" }, "0::/user.slice/user@1000.service/app.slice/terminal.service\n");
  expect([manager.supervisor, manager.unit()]).toEqual([null, null]);
});

test("a manager that never answers is given up on", async () => {
  const { manager, system } = stage({ NOTIFY_SOCKET: socket });
  system.machine.install("systemctl", () => {});
  expect(await settled(system, manager.stopAlignment(60_000))).toBeNull();
});
