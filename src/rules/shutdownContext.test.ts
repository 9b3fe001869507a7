import { expect, test } from "vitest";
import { contextJson, contextLine, type ShutdownContext, signalWord } from "./shutdownContext.ts";

test.each([
  [15, "SIGTERM"],
  [2, "SIGINT"],
  [1, "SIGHUP"],
  [3, "SIGQUIT"],
  [10, "SIGUSR1"],
  [12, "SIGUSR2"],
  [9999, "signal#9999"],
  [9, "signal#9"],
  [null, "UNKNOWN"],
  [undefined, "UNKNOWN"],
  ["SIGTERM", "SIGTERM"],
])("[F1] [defect 6.3.4] the signal %s is called %s", (signal, word) => {
  expect(signalWord(signal)).toBe(word);
});

const context: ShutdownContext = {
  ts: 1,
  ts_monotonic: 2,
  signal: "SIGTERM",
  signal_num: 15,
  pid: 12,
  ppid: 1,
  parent: { pid: 1, name: "systemd", cmdline: "/sbin/init splash" },
  self: { pid: 12 },
  under_systemd: true,
  systemd_invocation_id: "abc",
  systemd_journal_stream: null,
  loadavg_1m: 0.5,
  sender_pid: null,
  memory_free_bytes: 1,
  rss_bytes: 1,
  heap_bytes: 1,
  loop_lag_ms: null,
  cgroup: null,
  cgroup_memory_bytes: null,
  cgroup_memory_bytes_max: null,
  oom_kills: 0,
};

test("[F13] the line has the original's keys in its order, the command line last and quoted", () => {
  expect(contextLine(context)).toBe(
    "signal=SIGTERM under_systemd=yes parent_pid=1 parent_name=systemd loadavg_1m=0.50 parent_cmdline='/sbin/init splash'",
  );
  const more = {
    ...context,
    under_systemd: false,
    loadavg_1m: null,
    takeover_marker: "{}",
    takeover_marker_for_self: false,
    planned_stop_marker: "{}",
    tracer_pid: 77,
    parent: { pid: 1 },
  };
  expect(contextLine(more)).toBe(
    "signal=SIGTERM under_systemd=no parent_pid=1 parent_name=? loadavg_1m=? takeover_marker_present=other planned_stop_marker_present=yes tracer_pid=77 parent_cmdline='(unknown)'",
  );
  expect(contextLine({ ...more, takeover_marker_for_self: true })).toContain("takeover_marker_present=self");
});

test("[F13] no command line can begin a line of its own or end its quotes", () => {
  const line = contextLine({ ...context, parent: { pid: 1, name: "a\nb", cmdline: "x' y=1\nFAKE \\" } });
  expect(line).not.toContain("\n");
  expect(line).toContain("parent_name=a b");
  expect(line.endsWith(String.raw`parent_cmdline='x\' y=1 FAKE \\'`)).toBe(true);
});

test("[F14] JSON has sorted keys; what it cannot say becomes text, and nothing makes it fail", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const twice = { a: 1 };
  expect(contextJson({ z: 1n, a: Symbol("s"), m: undefined, c: { circle }, t: [twice, twice] })).toBe(
    '{"a":"Symbol(s)","c":{"circle":{"self":"(circle)"}},"m":"undefined","t":[{"a":1},{"a":1}],"z":"1"}',
  );
  const hostile = {
    get x(): never {
      throw new Error("no");
    },
  };
  expect(contextJson(hostile)).toBe("{}");
});
