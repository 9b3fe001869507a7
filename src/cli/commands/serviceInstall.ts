import nodeProcess from "node:process";
import { HermaError } from "../../contract/index.ts";
import { forTools, type Service } from "../../lifecycle/index.ts";
import { budgets, type ServiceKind, serviceText } from "../../rules/index.ts";
import type { Cli } from "../cli.ts";
import { gatewayView } from "../gatewayView.ts";
import { output } from "../output.ts";
import { serviceOf, serviceToInstall, stopMsMax, theService, type WhoseService } from "../service.ts";

export type InstallOptions = WhoseService & {
  readonly runAs?: string;
  /** False with `--no-start`. */
  readonly start?: boolean;
  readonly print?: boolean;
  readonly for?: ServiceKind;
};

/** `herma gateway install`: makes the gateway of this home a service, or repairs one that is outdated, and starts it. */
export async function gatewayInstall(cli: Cli, _words: readonly string[], options: InstallOptions): Promise<number> {
  if (options.print === true) return await printText(cli, options);
  if (options.for !== undefined)
    throw new HermaError("BAD_REQUEST", "--for goes with --print", { hint: "Without it, this machine's own kind is used." });
  const service = await serviceToInstall(cli, options);
  const system = await cli.system();
  const { kind, name, home, scoped } = service.plan;
  if (kind === "windows-task") return await leaveTask(cli, service);
  const changed = await service.install();
  await service.tell("enable");
  const done = options.start === false ? "left" : await bringUp(cli, service, changed);
  const lingers = kind === "systemd-user" ? await lingering(cli) : null;
  if (cli.json) output.json({ kind, name, path: service.path, home, changed, start: done, lingers, scoped });
  else {
    output.line(`${changed ? "wrote" : "found it current"}: ${service.path}`);
    output.line(startWords[done]);
  }
  if (lingers === false)
    output.note("It ends when you log out and starts when you log in. `loginctl enable-linger` lets it run all the time.");
  if (!scoped) output.note("Keepers get no scope of their own here, so the service leaves them running when it stops (KillMode=process).");
  if (done === "elsewhere") {
    const { pid } = gatewayView(system, home);
    output.note(`A gateway of this home runs already${pid === null ? "" : ` (pid ${pid})`}. Stop it, then \`herma gateway start\`.`);
  }
  return 0;
}

type Done = "started" | "restarted" | "running" | "left" | "elsewhere";

const startWords: Readonly<Record<Done, string>> = {
  started: "the gateway is up",
  restarted: "the gateway was restarted, with the new settings of its service",
  running: "the gateway runs",
  left: "it was not started; `herma gateway start` does",
  elsewhere: "it was not started",
};

/** A gateway that somebody runs by hand is let be: the service would only wait for it. */
async function bringUp(cli: Cli, service: Service, changed: boolean): Promise<Done> {
  const before = await service.state();
  if (before.active === "active") {
    if (!changed) return "running";
    await service.tell("restart", stopMsMax(service) + budgets.managerStartMs);
    return "restarted";
  }
  const view = gatewayView(await cli.system(), service.plan.home);
  if (view.running === true && view.pid !== before.pid) return "elsewhere";
  await service.tell("start", budgets.managerStartMs);
  return "started";
}

/** `herma gateway uninstall`: ends the service and removes it. Processes and the home stay. */
export async function gatewayUninstall(cli: Cli, _words: readonly string[], options: WhoseService): Promise<number> {
  const service = await theService(cli, options);
  await service.uninstall(stopMsMax(service));
  if (cli.json) output.json({ kind: service.plan.kind, name: service.plan.name, path: service.path, removed: true });
  else output.line(`removed ${service.path}; the home and its processes stay`);
  return 0;
}

async function printText(cli: Cli, options: InstallOptions): Promise<number> {
  const service = await (options.for === undefined ? serviceToInstall(cli, options) : serviceOf(cli, options.for, options.runAs, true));
  const text = serviceText(service.plan);
  if (cli.json) output.json({ kind: service.plan.kind, name: service.plan.name, path: service.path, text });
  else await output.write(text);
  return 0;
}

/** On Windows itself the task is registered by its user; we can run no tool there. */
async function leaveTask(cli: Cli, { plan, path }: Service): Promise<number> {
  const system = await cli.system();
  system.files.replace(path, Buffer.from(`\ufeff${serviceText(plan)}`, "utf16le"), { durable: true });
  const command = `schtasks /Create /F /TN ${plan.name} /XML "${path}"`;
  if (cli.json) output.json({ kind: plan.kind, name: plan.name, path, run: command });
  else output.line(`wrote ${path}; register it with\n  ${command}`);
  return 0;
}

/** Whether the services of our user go on when nobody is logged in; null when that cannot be told. */
export async function lingering(cli: Cli): Promise<boolean | null> {
  const { spawner } = await cli.system();
  const argv = ["loginctl", "show-user", "--property=Linger", "--value", "--", String(nodeProcess.getuid?.() ?? 0)];
  const answer = await spawner.run({ argv, cwd: "/", variables: forTools(nodeProcess.env), timeoutMs: 5_000, bytesMax: 256 });
  const word = answer?.code === 0 ? answer.stdout.toString("utf8").trim() : "";
  return word === "yes" ? true : word === "no" ? false : null;
}
