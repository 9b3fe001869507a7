import { expect, test } from "vitest";
import { readSystemLog } from "./systemLog.ts";

const unit = "herma-gateway.service";

test.each([
  ["the kernel's own words", "Out of memory: Killed process 4301 (hermes-gateway) total-vm:1kB", { oom: "ours" }],
  ["those of a cgroup", "Memory cgroup out of memory: Killed process 4301 (node), UID 0", { oom: "ours" }],
  ["the manager's", `systemd[1]: ${unit}: Failed with result 'oom-kill'.`, { oom: "ours" }],
  ["a crash", "MainThread[4301]: segfault at 0 ip 0 sp 0 error 4", { crash: "yes" }],
  ["a core", "systemd-coredump[9]: Process 4301 (node) of user 1000 dumped core.", { crash: "yes" }],
  ["a core, by the manager", `systemd[1]: ${unit}: Main process exited, code=dumped, status=6/ABRT`, { crash: "yes" }],
  ["the watchdog", `systemd[1]: ${unit}: Watchdog timeout (limit 1min)!`, { manager: "watchdog" }],
  ["a stop that took too long", `systemd[1]: ${unit}: State 'stop-sigterm' timed out. Killing.`, { manager: "timeout" }],
  ["a start that took too long", `systemd[1]: ${unit}: start operation timed out. Terminating.`, { manager: "timeout" }],
])("%s", (_what, line, evidence) => {
  expect(readSystemLog(`before\n${line}\nafter`, 4301, unit)).toEqual({
    oom: "none",
    crash: "no",
    manager: "none",
    ...evidence,
    lines: [line],
  });
});

test("other programs die as well: what names another pid or unit says nothing", () => {
  const text = [
    "Out of memory: Killed process 14301 (node)",
    "Out of memory: Killed process 43012 (node)",
    "node[430]: segfault at 0",
    "systemd[1]: other.service: Failed with result 'oom-kill'.",
    "systemd[1]: other.service: Watchdog timeout (limit 1min)!",
    "4301 is a fine number",
  ].join("\n");
  expect(readSystemLog(text, 4301, unit)).toEqual({ oom: "none", crash: "no", manager: "none", lines: [] });
  expect(readSystemLog(`systemd[1]: ${unit}: Failed with result 'watchdog'.`, 4301, null).manager).toBe("none");
});

test("lines are bounded", () => {
  const line = `Killed process 4301 ${"x".repeat(10_000)}`;
  const { lines } = readSystemLog(Array(100).fill(line).join("\n"), 4301, null);
  expect([lines.length, lines[0]?.length]).toEqual([20, 400]);
});
