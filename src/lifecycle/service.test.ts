import { expect, test } from "vitest";
import type { ServicePlan } from "../rules/index.ts";
import { fakeSystem } from "../system/fake/index.ts";
import { Service } from "./service.ts";

const systemdPlan: ServicePlan = {
  kind: "systemd-user",
  name: "herma-gateway",
  home: "/root/.herma",
  command: ["/bin/node", "/opt/herma.mjs", "gateway", "run"],
  drainMs: 60_000,
  scoped: true,
};

function stage(plan = systemdPlan, path = "/root/.config/systemd/user/herma-gateway.service") {
  const system = fakeSystem();
  const told: string[] = [];
  const answers = new Map<string, { code: number; text: string }>();
  for (const tool of ["systemctl", "launchctl", "schtasks", "journalctl"])
    system.machine.install(tool, (run) => {
      told.push(run.argv.join(" "));
      const answer = [...answers].find(([word]) => run.argv.includes(word))?.[1];
      if (answer !== undefined) run.print(answer.text);
      run.exit(answer?.code ?? 0);
    });
  const service = new Service({ plan, path, userId: 501, system, variables: { PATH: "/bin", NOTIFY_SOCKET: "/never/passed" } });
  async function play<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    void promise
      .catch(() => {})
      .finally(() => {
        done = true;
      });
    await system.machine.time.until("the manager has done it", () => done);
    return await promise;
  }
  return { system, told, answers, service, play, path };
}

test("an install writes the text and has it read; a second one finds nothing to do; an outdated one is repaired", async () => {
  const { service, play, told, system, path } = stage();
  expect([service.installed, service.outdated()]).toEqual([false, null]);
  expect(await play(service.install())).toBe(true);
  expect(system.files.stat(path)).toMatchObject({ kind: "file", mode: 0o644 });
  expect(told).toEqual(["systemctl --user daemon-reload"]);
  expect(await play(service.install())).toBe(false);
  system.files.replace(path, "[Service]\nExecStart=/old\n", { durable: false });
  expect(service.outdated()).toContain("- ExecStart=/old");
  expect(await play(service.install())).toBe(true);
  expect(service.outdated()).toEqual([]);
});

test("an uninstall ends it, forgets it and leaves no file", async () => {
  const { service, play, told, system, path } = stage();
  expect(await play(service.uninstall(90_000))).toBe(false);
  await play(service.install());
  told.length = 0;
  expect(await play(service.uninstall(90_000))).toBe(true);
  expect(told).toEqual([
    "systemctl --user stop -- herma-gateway.service",
    "systemctl --user disable --quiet -- herma-gateway.service",
    "systemctl --user daemon-reload",
  ]);
  expect(system.files.stat(path)).toBeNull();
});

test("what the manager says against it is told; having nothing to forget is no failure", async () => {
  const { service, play, answers } = stage();
  answers.set("reset-failed", { code: 1, text: "not loaded" });
  answers.set("start", { code: 5, text: "Unit herma-gateway.service not found.\n" });
  await expect(play(service.tell("start"))).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: "`systemctl --user start -- herma-gateway.service` failed: Unit herma-gateway.service not found.",
  });
  answers.delete("start");
  await play(service.tell("start"));
});

test("a manager that does not come back is given up on", async () => {
  const { service, play, system } = stage();
  system.machine.install("systemctl", () => {});
  await expect(play(service.tell("restart", 90_000))).rejects.toThrow("could not be run, or was not done within 1m 30s");
  expect(await play(service.state())).toMatchObject({ known: null, active: null });
});

test("what systemd says of it", async () => {
  const { service, play, answers } = stage();
  answers.set("show", {
    code: 0,
    text: "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=42\nUnitFileState=enabled\nNRestarts=3\nStatusText=running, http://x\n",
  });
  expect(await play(service.state())).toEqual({
    known: true,
    active: "active",
    detail: "running",
    pid: 42,
    enabled: true,
    restarts: 3,
    status: "running, http://x",
  });
  answers.set("show", { code: 0, text: "LoadState=not-found\nActiveState=inactive\nSubState=dead\nMainPID=0\nUnitFileState=\n" });
  expect(await play(service.state())).toMatchObject({ known: false, active: "inactive", pid: null, enabled: null, restarts: null });
});

test("what launchd and the Task Scheduler say of it", async () => {
  const mac = stage({ ...systemdPlan, kind: "launchd" }, "/root/Library/LaunchAgents/ai.herma.gateway.plist");
  mac.answers.set("print", { code: 0, text: "gui/501/ai.herma.gateway = {\n\tstate = running\n\tpid = 77\n}\n" });
  expect(await mac.play(mac.service.state())).toMatchObject({ known: true, active: "active", pid: 77 });
  mac.answers.set("print", { code: 113, text: "Could not find service" });
  expect(await mac.play(mac.service.state())).toMatchObject({ known: false, active: "inactive", pid: null });
  const windows = stage({ ...systemdPlan, kind: "windows-task" }, "/root/.herma/herma-gateway.xml");
  windows.answers.set("/Query", { code: 0, text: "TaskName: \\herma-gateway\nStatus:       Running\n" });
  expect(await windows.play(windows.service.state())).toMatchObject({ known: true, active: "active" });
  await windows.play(windows.service.install());
  expect(windows.system.files.read("/root/.herma/herma-gateway.xml")?.subarray(0, 2)).toEqual(Buffer.from([0xff, 0xfe]));
  expect(windows.service.outdated()).toEqual([]);
});

test("the log of the service is its manager's", async () => {
  const { service, play, answers, told } = stage();
  answers.set("--lines=5", { code: 0, text: "one\ntwo\n" });
  expect(await play(service.log(5))).toBe("one\ntwo\n");
  expect(told).toEqual(["journalctl --no-pager --lines=5 --user-unit=herma-gateway.service"]);
  let heard = "";
  const stream = service.followLog(5, (bytes) => {
    heard += Buffer.from(bytes).toString();
    return undefined;
  });
  expect(await play(stream!.ended)).toBe(0);
  expect(heard).toBe("one\ntwo\n");
  expect(told[1]).toBe("journalctl --no-pager --lines=5 --follow --user-unit=herma-gateway.service");
});
