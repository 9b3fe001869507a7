import { expect, test } from "vitest";
import { supervisorOf } from "./supervised.ts";

test.each([
  ["a shell", {}, 50, null],
  ["the first process of a container", {}, 1, "container"],
  ["systemd, which names us", { INVOCATION_ID: "x", SYSTEMD_EXEC_PID: "50" }, 50, "systemd"],
  ["systemd, which names the shell around us", { INVOCATION_ID: "x", SYSTEMD_EXEC_PID: "40" }, 50, "systemd"],
  ["a desktop's terminal that systemd has started", { INVOCATION_ID: "x", SYSTEMD_EXEC_PID: "7" }, 50, null],
  ["an old systemd", { INVOCATION_ID: "x" }, 50, "systemd"],
  ["a unit of Type=notify", { NOTIFY_SOCKET: "/run/x" }, 50, "systemd"],
  ["launchd", { XPC_SERVICE_NAME: "ai.herma.gateway" }, 50, "launchd"],
  ["a terminal of macOS", { XPC_SERVICE_NAME: "application.com.apple.Terminal.1" }, 50, null],
  ["a shell of macOS", { XPC_SERVICE_NAME: "0" }, 50, null],
  ["systemd, whose unit says so besides", { NOTIFY_SOCKET: "/run/x", HERMA_SUPERVISED: "1" }, 50, "systemd"],
  ["any supervisor that says so", { HERMA_SUPERVISED: "1" }, 50, "declared"],
] as const)("[compat 22] [compat 25] who starts it anew: %s", (_what, variables, pid, expected) => {
  expect(supervisorOf({ pid, parentPid: 40, variables })).toBe(expected);
});
