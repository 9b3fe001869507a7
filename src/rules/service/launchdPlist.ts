import { homePaths } from "../../contract/index.ts";
import { managerStopMs } from "../budgets.ts";
import { managerName, type ServicePlan } from "./servicePlan.ts";
import { xmlText } from "./xml.ts";

/**
 * The property list of a gateway for launchd: it is started at login, and again after any end but a planned one (0). launchd knows no exit
 * codes, so one whose configuration cannot work (78) is tried again every ten seconds.
 */
export function launchdPlist(plan: ServicePlan): string {
  // The gateway itself keeps the file within limits.
  const log = homePaths(plan.home).gatewayLog;
  const entries: readonly (readonly [string, string])[] = [
    ["Label", string(managerName(plan))],
    ["ProgramArguments", `<array>\n${plan.command.map((argument) => `    ${string(argument)}\n`).join("")}  </array>`],
    ["RunAtLoad", "<true/>"],
    ["KeepAlive", "<dict>\n    <key>SuccessfulExit</key>\n    <false/>\n  </dict>"],
    ["ThrottleInterval", "<integer>10</integer>"],
    ["ExitTimeOut", `<integer>${Math.ceil(managerStopMs(plan.drainMs) / 1000)}</integer>`],
    // Keepers and their processes are not ended with it.
    ["AbandonProcessGroup", "<true/>"],
    ["StandardOutPath", string(log)],
    ["StandardErrorPath", string(log)],
  ];
  const body = entries.map(([key, value]) => `  <key>${key}</key>\n  ${value}\n`).join("");
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
${body}</dict>
</plist>
`;
}

function string(text: string): string {
  return `<string>${xmlText(text)}</string>`;
}
