import { managerName, type ServicePlan } from "./servicePlan.ts";

export type ServiceVerb = "reload" | "enable" | "disable" | "start" | "stop" | "restart" | "show";
/** Command lines to run one after the other. */
export type ServiceCommands = Readonly<Record<ServiceVerb, readonly (readonly string[])[]>>;

/** What is told to the service manager for each verb. `path`: of the service's text; `userId`: whose launchd. */
export function serviceCommands(
  plan: Pick<ServicePlan, "kind" | "name">,
  at: { readonly path: string; readonly userId: number },
): ServiceCommands {
  const name = managerName(plan);
  if (plan.kind === "launchd") {
    const domain = `gui/${at.userId}`;
    const target = `${domain}/${name}`;
    return {
      reload: [],
      enable: [["launchctl", "enable", target]],
      disable: [["launchctl", "disable", target]],
      start: [["launchctl", "bootstrap", domain, at.path]],
      stop: [["launchctl", "bootout", target]],
      restart: [["launchctl", "kickstart", "-k", target]],
      show: [["launchctl", "print", target]],
    };
  }
  if (plan.kind === "windows-task") {
    return {
      reload: [["schtasks", "/Create", "/F", "/TN", name, "/XML", at.path]],
      enable: [["schtasks", "/Change", "/TN", name, "/ENABLE"]],
      disable: [["schtasks", "/Delete", "/F", "/TN", name]],
      start: [["schtasks", "/Run", "/TN", name]],
      stop: [["schtasks", "/End", "/TN", name]],
      restart: [
        ["schtasks", "/End", "/TN", name],
        ["schtasks", "/Run", "/TN", name],
      ],
      show: [["schtasks", "/Query", "/FO", "LIST", "/TN", name]],
    };
  }
  const systemctl = plan.kind === "systemd-user" ? ["systemctl", "--user"] : ["systemctl"];
  return {
    reload: [[...systemctl, "daemon-reload"]],
    enable: [[...systemctl, "enable", "--quiet", "--", name]],
    disable: [[...systemctl, "disable", "--quiet", "--", name]],
    // One that failed before is given a fresh start.
    start: [
      [...systemctl, "reset-failed", "--", name],
      [...systemctl, "start", "--", name],
    ],
    stop: [[...systemctl, "stop", "--", name]],
    restart: [
      [...systemctl, "reset-failed", "--", name],
      [...systemctl, "restart", "--", name],
    ],
    show: [
      [...systemctl, "show", "--property=LoadState,ActiveState,SubState,MainPID,UnitFileState,Result,NRestarts,StatusText", "--", name],
    ],
  };
}

/** How the newest lines of the service's log are shown, and with `follow` all that come after; null where its manager keeps none. */
export function serviceLogCommand(plan: Pick<ServicePlan, "kind" | "name">, lines: number, follow = false): readonly string[] | null {
  const name = managerName(plan);
  const shown = ["--no-pager", `--lines=${lines}`, ...(follow ? ["--follow"] : [])];
  if (plan.kind === "systemd-user") return ["journalctl", ...shown, `--user-unit=${name}`];
  return plan.kind === "systemd-system" ? ["journalctl", ...shown, `--unit=${name}`] : null;
}

/** What `systemctl show` prints, as a record; lines that are no `Key=value` are passed over. */
export function shownProperties(text: string): Readonly<Record<string, string>> {
  const shown: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) shown[line.slice(0, at)] = line.slice(at + 1);
  }
  return shown;
}
