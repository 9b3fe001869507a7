import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../setup/folders.ts";
import { needs } from "../setup/needs.ts";
import { until } from "../setup/waiting.ts";
import { root } from "./home.ts";
import { SystemdMachine } from "./systemdMachine.ts";

/** A service under test: a home, and the name of its unit. */
type Stage = { readonly home: string; readonly unit: string };
type State = {
  readonly address: string;
  readonly pid: number;
  readonly gateway_state: string;
  readonly exit_reason: string | null;
  readonly instance_id: string;
};

describe.skipIf(needs("systemctl"))("a real systemd", () => {
  let machine: SystemdMachine;
  let why: string | null = null;
  let homes = 0;

  beforeAll(async () => {
    const booted = await SystemdMachine.boot(temporaryFolder());
    if (booted instanceof SystemdMachine) machine = booted;
    else {
      why = booted.skip;
      console.warn(`skipping tests: ${why}`);
      return;
    }
    // For every unit whose name begins like ours; nobody wants to wait five seconds for each start.
    machine.write("/etc/systemd/system/herma-gateway-.service.d/test.conf", "[Service]\nRestartSec=100ms\n");
  });
  afterAll(async () => {
    if (why === null) await machine.close();
  });
  const on = (name: string, body: () => Promise<void>): void => {
    test(name, async (context) => {
      if (why !== null) return context.skip(why);
      await body();
    });
  };

  /** Installs a service of its own home. `drop`: lines under [Service] that go beside its unit. */
  async function installed(drop = "", whose: readonly string[] = ["--system"], home: string = newHome()): Promise<Stage> {
    const { name } = JSON.parse(await machine.herma("gateway", "install", ...whose, "--no-start", "--json", "--home", home)) as {
      name: string;
    };
    const unit = `${name}.service`;
    if (drop !== "") {
      machine.write(`/etc/systemd/system/${unit}.d/test.conf`, `[Service]\n${drop}\n`);
      await machine.did(["systemctl", "daemon-reload"]);
    }
    // Not by `gateway start`: that refuses to start one beside another.
    const user = whose.includes("--user");
    await machine.did(["systemctl", ...(user ? ["--user"] : []), "start", unit], user ? { XDG_RUNTIME_DIR: "/run/user/0" } : {});
    return { home, unit };
  }

  function newHome(): string {
    homes += 1;
    const home = join(machine.shared, `home-${homes}`);
    mkdirSync(home, { mode: 0o700 });
    writeFileSync(join(home, "herma.yaml"), "gateway:\n  port: 0\n");
    return home;
  }

  function state({ home }: Stage): State {
    return JSON.parse(readFileSync(join(home, "gateway_state.json"), "utf8")) as State;
  }

  const mainPid = async ({ unit }: Stage): Promise<number> => Number(await machine.shows(unit, "MainPID"));

  /** Waits for another gateway than `before` to be up under the unit. */
  async function nextAfter(stage: Stage, before: State): Promise<State> {
    return await until("the next gateway is up", async () => {
      const now = state(stage);
      return now.instance_id !== before.instance_id && now.gateway_state === "running" && (await mainPid(stage)) === now.pid && now;
    });
  }

  /** A process that prints a line at each moment, and its id. */
  async function started({ home }: Stage): Promise<string> {
    const ran = await machine.herma("run", "-d", "--home", home, "--", "sh", "-c", "while :; do echo alive; sleep 0.1; done");
    return ran.trim();
  }

  async function printed({ home }: Stage, id: string): Promise<{ readonly pid: number; readonly bytes: number }> {
    const view = JSON.parse(await machine.herma("inspect", id, "--json", "--home", home)) as Record<string, unknown>;
    const folder = join(home, "processes", id);
    const { identity } = JSON.parse(readFileSync(join(folder, "state.json"), "utf8")) as { identity: { pid: number } };
    expect(view).toBeTruthy();
    expect(existsSync(join(folder, "exit.json"))).toBe(false);
    return { pid: identity.pid, bytes: readFileSync(join(folder, "output", "00000000000000000000.log")).length };
  }

  on("[compat 16] a restart and a stop of the unit end no process; a stop is planned, and no failure", async () => {
    const stage = await installed();
    const id = await started(stage);
    const first = state(stage);
    expect(await mainPid(stage)).toBe(first.pid);
    expect(await machine.shows(stage.unit, "StatusText")).toMatch(/^running, http:/);
    const before = await printed(stage, id);
    await machine.did(["systemctl", "restart", stage.unit]);
    await nextAfter(stage, first);
    await machine.did(["systemctl", "stop", stage.unit]);
    expect(await machine.shows(stage.unit, "ActiveState")).toBe("inactive");
    expect(await machine.shows(stage.unit, "ExecMainStatus")).toBe("0");
    expect(state(stage)).toMatchObject({ gateway_state: "stopped", exit_reason: "planned stop (the service manager)" });
    await until("the process still prints", async () => {
      const now = await printed(stage, id);
      expect(now.pid).toBe(before.pid);
      return now.bytes > before.bytes;
    });
    expect(await machine.herma("keeper", "status", "--home", stage.home)).toContain("scoped");
    await machine.herma("keeper", "stop", "--home", stage.home);
  });

  on("[compat 22] 75, 1 and a crash bring the next gateway, 78 does not", async () => {
    const stage = await installed();
    const first = state(stage);
    await machine.did(["systemctl", "kill", "--signal=SIGUSR1", "--kill-who=main", stage.unit]);
    const second = await nextAfter(stage, first);
    await machine.did(["kill", "-TERM", String(second.pid)]);
    const third = await nextAfter(stage, second);
    expect(await machine.shows(stage.unit, "NRestarts")).toBe("2");
    writeFileSync(join(stage.home, "herma.yaml"), "gateway:\n  port: many\n");
    await machine.did(["kill", "-KILL", String(third.pid)]);
    await until("the unit has failed", async () => (await machine.shows(stage.unit, "ActiveState")) === "failed");
    expect(await machine.shows(stage.unit, "ExecMainStatus")).toBe("78");
    expect(await machine.herma("gateway", "logs", "--home", stage.home)).toContain("herma.yaml:2");
  });

  on("a gateway that is frozen is replaced by the watchdog, and its processes do not notice", async () => {
    const stage = await installed("WatchdogSec=3s");
    const id = await started(stage);
    const first = state(stage);
    const before = await printed(stage, id);
    await machine.did(["kill", "-STOP", String(first.pid)]);
    await nextAfter(stage, first);
    expect(await machine.did(["journalctl", "--no-pager", "--unit", stage.unit])).toMatch(/watchdog/i);
    expect((await printed(stage, id)).pid).toBe(before.pid);
    await machine.herma("keeper", "stop", "--home", stage.home);
    await machine.did(["systemctl", "stop", stage.unit]);
  });

  on("a user's own manager has it as well; an outdated unit is repaired at the start, and an uninstall leaves nothing", async () => {
    await machine.did(["systemctl", "start", "user@0.service"]);
    const stage = await installed("", ["--user"]);
    const path = `/root/.config/systemd/user/${stage.unit}`;
    const whose = ["--user"];
    expect(await machine.shows(stage.unit, "ActiveState", whose)).toBe("active");
    expect(Number(await machine.shows(stage.unit, "MainPID", whose))).toBe(state(stage).pid);
    const unit = await machine.did(["cat", path]);
    machine.write(path, unit.replace("WatchdogSec=60", "WatchdogSec=600"));
    expect(await machine.herma("gateway", "start", "--home", stage.home)).toBe(
      `it runs already (service ${stage.unit.replace(".service", "")})`,
    );
    expect(await machine.did(["cat", path])).toBe(unit);
    await machine.herma("gateway", "uninstall", "--home", stage.home);
    expect(await machine.shows(stage.unit, "LoadState", whose)).toBe("not-found");
    expect((await machine.run(["cat", path])).code).toBe(1);
    expect(state(stage)).toMatchObject({ gateway_state: "stopped" });
  });

  on("[peer 27] a drain longer than the unit allows is given more time, and nothing of it is killed", async () => {
    const stage = await installed("TimeoutStopSec=3s");
    const { address } = state(stage);
    const token = readFileSync(join(stage.home, "token"), "utf8").trim();
    // Counted as work until the process has ended, or twenty seconds have passed.
    const answer = fetch(`${address}/api/processes`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ command: ["sleep", "7"], yield_seconds: 20 }),
    });
    await until("the work is counted", async () =>
      (await machine.herma("gateway", "status", "--deep", "--home", stage.home)).includes("1 active"),
    );
    const begun = performance.now();
    await machine.did(["systemctl", "stop", stage.unit]);
    expect(performance.now() - begun).toBeGreaterThan(3_000);
    expect((await answer).status).toBe(201);
    expect(await machine.shows(stage.unit, "Result")).toBe("success");
    expect(await machine.shows(stage.unit, "ExecMainStatus")).toBe("0");
    expect(await machine.did(["journalctl", "--no-pager", "--unit", stage.unit])).toContain(
      "it will be asked for more time when it is needed",
    );
    await machine.herma("keeper", "stop", "--home", stage.home);
  });

  on("[compat 22] a second gateway stands by under its manager, and takes over when the first is killed", async () => {
    const home = newHome();
    const byHand = "by-hand.service";
    const command = [process.execPath, join(root, "bin/herma.mjs"), "gateway", "run", "--home", home];
    await machine.did(["systemd-run", "--quiet", "--collect", "--service-type=notify", `--unit=${byHand}`, ...command]);
    const stage = await installed("", ["--system"], home);
    const first = state(stage);
    expect(await machine.shows(stage.unit, "StatusText")).toMatch(/^standing by/);
    expect(await mainPid(stage)).not.toBe(first.pid);
    await machine.did(["kill", "-KILL", String(first.pid)]);
    const next = await nextAfter(stage, first);
    expect(await machine.herma("gateway", "history", "--home", home)).toMatch(/killed/);
    expect(await machine.shows(stage.unit, "NRestarts")).toBe("0");
    expect(await machine.herma("gateway", "stop", "--home", home)).toContain(`pid ${next.pid}`);
    expect(await machine.shows(stage.unit, "ActiveState")).toBe("inactive");
    expect(await machine.herma("gateway", "restart", "--home", home)).toContain("started");
    await machine.did(["systemctl", "stop", stage.unit]);
  });

  on(
    "[compat 16] where keepers get no scopes, as in a service of the machine that runs as a person, a restart ends no process either",
    async () => {
      const id = await machine.person("ann");
      const home = newHome();
      chmodSync(machine.shared, 0o755);
      for (const path of [home, join(home, "herma.yaml")]) chownSync(path, id, id);
      const stage = await installed("", ["--system"], home);
      expect(await machine.shows(stage.unit, "User")).toBe("ann");
      const first = state(stage);
      const asAnn = (...words: string[]) => machine.did(["setpriv", `--reuid=${id}`, `--regid=${id}`, "--clear-groups", ...words]);
      const herma = [process.execPath, join(root, "bin/herma.mjs")];
      const token = readFileSync(join(home, "token"), "utf8").trim();
      const answer = await fetch(`${first.address}/api/processes`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ command: ["sleep", "1000"] }),
      });
      const started_ = (await answer.json()) as { id: string };
      await machine.did(["systemctl", "restart", stage.unit]);
      await nextAfter(stage, first);
      expect(await asAnn(...herma, "keeper", "status", "--home", home)).toMatch(/running +\d+ +1 +detached/);
      expect(await asAnn(...herma, "ps", "--home", home)).toContain(started_.id.slice(0, 9));
      await asAnn(...herma, "keeper", "stop", "--home", home);
      await machine.did(["systemctl", "stop", stage.unit]);
    },
  );

  test("a kill for want of memory is told as one", async (context) => {
    if (why !== null) return context.skip(why);
    const stage = await installed();
    const first = state(stage);
    const lift = await machine.limitMemory(stage.unit, first.pid);
    if ("skip" in lift) return context.skip(lift.skip);
    const token = readFileSync(join(stage.home, "token"), "utf8").trim();
    // Asked for much, it takes more memory than it is left.
    const asked = until(
      "it has been killed",
      async () => {
        const init = { method: "POST", headers: { authorization: `Bearer ${token}` }, body: "x".repeat(4 * 1024 * 1024) };
        await Promise.allSettled(Array.from({ length: 8 }, () => fetch(`${first.address}/api/processes`, init)));
        return (await machine.shows(stage.unit, "NRestarts")) !== "0";
      },
      { deadlineMs: 60_000 },
    );
    await asked;
    await lift();
    await nextAfter(stage, first);
    const entry = await until("the next gateway has looked why", async () => {
      const view = JSON.parse(await machine.herma("gateway", "status", "--json", "--home", stage.home)) as {
        last_exit: { verdict: string | null } | null;
      };
      return view.last_exit?.verdict != null && view.last_exit;
    });
    expect(entry.verdict).toMatch(/^out_of_memory/);
    await machine.did(["systemctl", "stop", stage.unit]);
  });
});
