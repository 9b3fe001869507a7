import { budgets, managerStopMs } from "../budgets.ts";
import type { ServicePlan } from "./servicePlan.ts";

/**
 * The unit of a gateway for systemd.
 *
 * - `Type=notify` and the watchdog: the gateway says when it is ready, and a frozen one is replaced.
 * - `KillSignal=SIGINT`: what the manager does is planned, and ends with 0. A SIGTERM then comes from elsewhere, ends with 1 and is revived.
 * - 75 asks for a restart; on 78 (a configuration that cannot work) another start would end the same way.
 * - `KillMode=mixed`: the signal goes to the gateway alone. Where keepers cannot have scopes of their own they stand in the same cgroup, and
 *   only `process` lets them and their processes live.
 * - Nothing of systemd's hardening: keepers and all processes inherit it, and a person's commands must be able to do what they can in a shell.
 */
export function systemdUnit(plan: ServicePlan): string {
  const { kind, home, command, drainMs, user, scoped } = plan;
  const system = kind === "systemd-system";
  return unitText([
    [
      "Unit",
      [
        `Description=Herma gateway of ${oneLine(home)}`,
        ...(system ? ["Wants=network-online.target", "After=network-online.target"] : []),
        // How often it may be started is for its own guard to say, which tells people about it.
        "StartLimitIntervalSec=0",
      ],
    ],
    [
      "Service",
      [
        "Type=notify",
        "NotifyAccess=main",
        `ExecStart=${command.map(word).join(" ")}`,
        ...(system && user !== undefined ? [`User=${user.name}`] : []),
        "WorkingDirectory=~",
        "Restart=on-failure",
        "RestartSec=5",
        "SuccessExitStatus=75",
        "RestartForceExitStatus=75",
        "RestartPreventExitStatus=78",
        `KillMode=${scoped ? "mixed" : "process"}`,
        "KillSignal=SIGINT",
        `TimeoutStartSec=${seconds(budgets.managerStartMs)}`,
        `TimeoutStopSec=${seconds(managerStopMs(drainMs))}`,
        `WatchdogSec=${seconds(budgets.managerWatchdogMs)}`,
        // A process of ours that dies for memory is that process's end, not the gateway's.
        "OOMPolicy=continue",
        "StandardOutput=journal",
        "StandardError=journal",
        `SyslogIdentifier=${plan.name}`,
      ],
    ],
    ["Install", [`WantedBy=${system ? "multi-user.target" : "default.target"}`]],
  ]);
}

function unitText(sections: readonly (readonly [string, readonly string[]])[]): string {
  const head = "# Written by `herma gateway install`, which writes it anew when it is outdated. `systemctl edit` puts changes beside it.\n";
  return `${head}\n${sections.map(([name, lines]) => `[${name}]\n${lines.join("\n")}\n`).join("\n")}`;
}

/** Rounded up: a budget is never shortened by its unit. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** One word of a command line as systemd reads it: `%` and `$` mean something to it, quotes and C escapes are undone. */
function word(text: string): string {
  const doubled = text.replaceAll("%", "%%").replaceAll("$", () => "$$");
  if (/^[\w./:@%$+=,-]+$/.test(doubled)) return doubled;
  const escaped = doubled.replaceAll(/["\\]/g, (character) => `\\${character}`);
  return `"${escaped.replaceAll(/[\x00-\x1f\x7f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`)}"`;
}

function oneLine(text: string): string {
  return text.replaceAll("%", "%%").replaceAll(/[\x00-\x1f\x7f]/g, "?");
}
