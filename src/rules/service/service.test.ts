import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { budgets, parseManagerTime, planStop } from "../index.ts";
import { serviceCommands, serviceLogCommand, shownProperties } from "./serviceCommands.ts";
import { managerName, type ServicePlan, serviceName, servicePath } from "./servicePlan.ts";
import { outdatedLines, serviceText } from "./serviceText.ts";

const plan: ServicePlan = {
  kind: "systemd-user",
  name: "herma-gateway",
  home: "/home/ann/.herma",
  command: ["/usr/bin/node", "/opt/herma/bin/herma.mjs", "gateway", "run", "--home", "/home/ann/.herma"],
  drainMs: budgets.drainMs,
  scoped: true,
};
const of = (more: Partial<ServicePlan>): string => serviceText({ ...plan, ...more });
/** The values of a unit's keys; a key that stands twice is a mistake. */
function values(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of text.split("\n").filter((each) => each.includes("=") && !each.startsWith("#"))) {
    const at = line.indexOf("=");
    expect(found.has(line.slice(0, at)), line).toBe(false);
    found.set(line.slice(0, at), line.slice(at + 1));
  }
  return found;
}

describe("systemd", () => {
  test("[compat 22] the unit knows the exit codes, tells readiness and has a watchdog", () => {
    expect(
      of({}),
    ).toBe(`# Written by \`herma gateway install\`, which writes it anew when it is outdated. \`systemctl edit\` puts changes beside it.

[Unit]
Description=Herma gateway of /home/ann/.herma
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/node /opt/herma/bin/herma.mjs gateway run --home /home/ann/.herma
WorkingDirectory=~
Restart=on-failure
RestartSec=5
SuccessExitStatus=75
RestartForceExitStatus=75
RestartPreventExitStatus=78
KillMode=mixed
KillSignal=SIGINT
TimeoutStartSec=90
TimeoutStopSec=90
WatchdogSec=60
OOMPolicy=continue
StandardOutput=journal
StandardError=journal
SyslogIdentifier=herma-gateway

[Install]
WantedBy=default.target
`);
  });

  test("a system unit runs as its person, when there is a network", () => {
    const unit = values(of({ kind: "systemd-system", user: { name: "ann" } }));
    expect([unit.get("User"), unit.get("After"), unit.get("WantedBy")]).toEqual(["ann", "network-online.target", "multi-user.target"]);
  });

  test("[compat 16] without scopes, what stands in the unit's cgroup is not killed with it", () => {
    expect(values(of({ scoped: false })).get("KillMode")).toBe("process");
  });

  test("[peer 27] whatever the drain, the unit allows what it needs", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400_000 }), (drainMs) => {
        const managerMs = parseManagerTime(`${values(of({ drainMs })).get("TimeoutStopSec")}s`);
        expect(planStop({ drainMs, managerMs, canExtend: false }).kind).toBe("fits");
      }),
    );
  });

  test("words of the command line arrive as they are", () => {
    const unit = values(of({ command: ["/opt/my node/bin/node", "a%b", "$HOME", 'say "hi"', "back\\slash", "new\nline", "", "ü"] }));
    expect(unit.get("ExecStart")).toBe(String.raw`"/opt/my node/bin/node" a%%b $$HOME "say \"hi\"" "back\\slash" "new\x0aline" "" "ü"`);
  });

  test("no text of a plan makes a line of its own", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (home, word) => {
        expect(of({ home, command: ["/n", word] }).split("\n")).toHaveLength(of({}).split("\n").length);
      }),
    );
  });
});

test("launchd starts it again after any end but a planned one, and lets its processes live", () => {
  const text = of({ kind: "launchd", home: "/Users/ann/a & b", command: ["/bin/node", "<x>"], drainMs: 100_000 });
  expect(text).toContain("<key>Label</key>\n  <string>ai.herma.gateway</string>");
  expect(text).toContain("<array>\n    <string>/bin/node</string>\n    <string>&lt;x&gt;</string>\n  </array>");
  expect(text).toContain("<key>SuccessfulExit</key>\n    <false/>");
  expect(text).toContain("<key>ExitTimeOut</key>\n  <integer>130</integer>");
  expect(text).toContain("<key>AbandonProcessGroup</key>\n  <true/>");
  expect(text).toContain("<string>/Users/ann/a &amp; b/logs/gateway.log</string>");
});

test("Windows starts it at logon, and again when it failed, whatever the battery says", () => {
  const text = of({ kind: "windows-task", command: ["C:\\node.exe", "C:\\my herma\\", "a", 'q"q'] });
  expect(text).toContain("<Command>C:\\node.exe</Command>");
  expect(text).toContain("<Arguments>&quot;C:\\my herma\\\\&quot; a &quot;q\\&quot;q&quot;</Arguments>".replace('"C:', '"C:'));
  for (const part of ["<LogonTrigger>", "<ExecutionTimeLimit>PT0S<", "<StopIfGoingOnBatteries>false<", "<Count>999<", "IgnoreNew"])
    expect(text).toContain(part);
});

describe("names", () => {
  test("[compat 10] each home has a service of its own, the usual one the plain name", () => {
    expect(serviceName("/home/ann/.herma", "/home/ann/.herma")).toBe("herma-gateway");
    expect(serviceName("/srv/My Work!", "/home/ann/.herma")).toMatch(/^herma-gateway-My-Work-[0-9a-f]{8}$/);
    expect(serviceName("/a/work", "/h")).not.toBe(serviceName("/b/work", "/h"));
    expect(serviceName("/home/bob/.herma", "/h")).toMatch(/^herma-gateway-[0-9a-f]{8}$/);
    expect(serviceName("/…", "/h")).toMatch(/^herma-gateway-[0-9a-f]{8}$/);
  });

  test("every name is one that a manager takes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (home) => {
        expect(serviceName(`/${home}`, "/usual")).toMatch(/^herma-gateway(-[A-Za-z0-9-]+)?-[0-9a-f]{8}$/);
      }),
    );
  });

  test("each kind of service has its file in the place its manager looks in", () => {
    const place = { userHome: "/home/ann", home: "/home/ann/.herma" };
    const at = (kind: ServicePlan["kind"], more = {}) => servicePath({ kind, name: "herma-gateway-x" }, { ...place, ...more });
    expect(at("systemd-user")).toBe("/home/ann/.config/systemd/user/herma-gateway-x.service");
    expect(at("systemd-user", { configHome: "/c" })).toBe("/c/systemd/user/herma-gateway-x.service");
    expect(at("systemd-user", { configHome: "relative" })).toBe("/home/ann/.config/systemd/user/herma-gateway-x.service");
    expect(at("systemd-system")).toBe("/etc/systemd/system/herma-gateway-x.service");
    expect(at("launchd")).toBe("/home/ann/Library/LaunchAgents/ai.herma.gateway-x.plist");
    expect(at("windows-task")).toBe("/home/ann/.herma/herma-gateway-x.xml");
    expect(managerName({ kind: "windows-task", name: "herma-gateway" })).toBe("herma-gateway");
  });
});

test("the commands that each manager is given", () => {
  const at = { path: "/p", userId: 501 };
  const user = serviceCommands({ kind: "systemd-user", name: "herma-gateway" }, at);
  expect(user.restart).toEqual([
    ["systemctl", "--user", "reset-failed", "--", "herma-gateway.service"],
    ["systemctl", "--user", "restart", "--", "herma-gateway.service"],
  ]);
  expect(serviceCommands({ kind: "systemd-system", name: "g" }, at).enable).toEqual([
    ["systemctl", "enable", "--quiet", "--", "g.service"],
  ]);
  expect(serviceCommands({ kind: "launchd", name: "herma-gateway" }, at).start).toEqual([["launchctl", "bootstrap", "gui/501", "/p"]]);
  expect(serviceCommands({ kind: "windows-task", name: "herma-gateway" }, at).reload).toEqual([
    ["schtasks", "/Create", "/F", "/TN", "herma-gateway", "/XML", "/p"],
  ]);
  expect(serviceLogCommand({ kind: "systemd-system", name: "g" }, 5)).toEqual([
    "journalctl",
    "--no-pager",
    "--lines=5",
    "--unit=g.service",
  ]);
  expect(serviceLogCommand({ kind: "launchd", name: "g" }, 5)).toBeNull();
  expect(shownProperties("LoadState=loaded\nStatusText=a=b\nnoise\n=x\n")).toEqual({ LoadState: "loaded", StatusText: "a=b" });
});

test("a text is outdated by what it means, not by its comments", () => {
  const now = of({});
  expect(outdatedLines(now.replace(/^#.*$/m, "; older words"), now)).toEqual([]);
  expect(outdatedLines(now.replace("WatchdogSec=60", "WatchdogSec=30\nNice=5"), now)).toEqual([
    "+ WatchdogSec=60",
    "- WatchdogSec=30",
    "- Nice=5",
  ]);
});
