import { mkdirSync, writeFileSync } from "node:fs";
import nodeProcess from "node:process";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../../test/setup/folders.ts";
import { linuxTable } from "./linuxTable.ts";
import { parseProcStat } from "./procStat.ts";
import { parseBootTime, parsePs, psTable } from "./psTable.ts";
import { decodeWaitStatus, signalName, signalNumber } from "./signals.ts";

const rest = (state: string, threads = 1, startTime = 4711): string =>
  `${state} 10 20 30 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 ${threads} 0 ${startTime} 1000 200 184467 1 1`;

describe("/proc/<pid>/stat", () => {
  test.each(["sh", "a) R 1 (b", "x y", "", ")", "(", "new\nline", ") Z 1 1 1 1"])("[defect 6.2.1] [peer 3] with the name %j", (name) => {
    expect(parseProcStat(`77 (${name}) ${rest("S")}\n`)).toEqual({
      pid: 77,
      parent: 10,
      group: 20,
      session: 30,
      name,
      startTime: 4711,
      zombie: false,
      stopped: false,
    });
  });

  test.each([
    ["Z", 1, true, false],
    ["X", 0, true, false],
    // The main thread has ended, others go on: it lives.
    ["Z", 3, false, false],
    ["T", 1, false, true],
    ["t", 1, false, true],
    ["D", 1, false, false],
  ])("state %s with %i threads: zombie %s, stopped %s", (state, threads, zombie, stopped) => {
    expect(parseProcStat(`1 (a) ${rest(state, threads)}`)).toMatchObject({ zombie, stopped });
  });

  test.each(["", "77", "77 (sh", "77 (sh) S 1", "x (sh) S", `77 (sh) ${rest("S").replace("4711", "abc")}`, "0 (a) S 1 1 1"])(
    "%j is not a row",
    (text) => {
      expect(parseProcStat(text)).toBeNull();
    },
  );
});

describe("a /proc that is not all there", () => {
  function fakeProc(): string {
    const root = temporaryFolder();
    mkdirSync(`${root}/sys/kernel/random`, { recursive: true });
    writeFileSync(`${root}/sys/kernel/random/boot_id`, "the-boot\n");
    return root;
  }

  test("[peer 2] a process that lives but is not shown is not known, never dead", () => {
    const table = linuxTable(fakeProc());
    expect(table.bootId()).toBe("the-boot");
    expect(table.look(nodeProcess.pid)).toMatchObject({ kind: "unknown" });
  });

  test("a row that cannot be understood is not known", () => {
    const root = fakeProc();
    mkdirSync(`${root}/55`);
    writeFileSync(`${root}/55/stat`, "noise");
    const table = linuxTable(root);
    expect(table.look(55)).toMatchObject({ kind: "unknown" });
    expect(table.list()).toEqual([]);
  });

  test.each([
    ["A=1\0HERMA_PROCESS_ID=proc_a\0B=2\0", true],
    ["HERMA_PROCESS_ID=proc_a\0", true],
    ["A=1\0HERMA_PROCESS_ID=proc_a", true],
    ["A=HERMA_PROCESS_ID=proc_a\0", false],
    ["HERMA_PROCESS_ID=proc_ab\0", false],
    ["XHERMA_PROCESS_ID=proc_a\0HERMA_PROCESS_ID=proc_a\0", true],
    ["A=1\0", false],
  ])("variables %j carry the mark: %s", (environ, expected) => {
    const root = fakeProc();
    mkdirSync(`${root}/55`);
    writeFileSync(`${root}/55/environ`, environ);
    expect(linuxTable(root).variable(55, "HERMA_PROCESS_ID") === "proc_a").toBe(expected);
    expect(linuxTable(root).variable(56, "HERMA_PROCESS_ID")).toBeNull();
  });

  test.each([
    ["a program without variables", "sh\0", 7, false],
    ["a program in its exec", "", 7, null],
    ["a kernel thread", "", 2, false],
  ])("no variables: %s", (_what, cmdline, parent, expected) => {
    const root = fakeProc();
    mkdirSync(`${root}/55`);
    writeFileSync(`${root}/55/environ`, "");
    writeFileSync(`${root}/55/cmdline`, cmdline);
    writeFileSync(`${root}/55/stat`, `55 (a) ${rest("S").replace(" 10 ", ` ${parent} `)}`);
    expect(linuxTable(root).variable(55, "HERMA_PROCESS_ID")).toBe(expected === null ? undefined : null);
  });
});

describe("ps", () => {
  const text = [
    "    1     0     1 Ss   Mon Nov  3 09:15:02 2025 /sbin/launchd",
    "  512     1   512 S+   Tue Nov 18 10:00:59 2025 /Applications/A (B) 9.app/Contents/MacOS/A (B) 9",
    "  513   512   512 Z    Tue Nov 18 10:01:00 2025 (node)",
    "  514   512   512 T    Tue Nov 18 10:01:00 2025 vim",
    "noise",
    "",
  ].join("\n");

  test("rows are read, with whatever name", () => {
    expect(parsePs(text)).toEqual([
      {
        pid: 1,
        parent: 0,
        group: 1,
        session: 1,
        name: "launchd",
        startTime: Date.UTC(2025, 10, 3, 9, 15, 2) * 1000,
        zombie: false,
        stopped: false,
      },
      {
        pid: 512,
        parent: 1,
        group: 512,
        session: 512,
        name: "A (B) 9",
        startTime: Date.UTC(2025, 10, 18, 10, 0, 59) * 1000,
        zombie: false,
        stopped: false,
      },
      {
        pid: 513,
        parent: 512,
        group: 512,
        session: 512,
        name: "(node)",
        startTime: Date.UTC(2025, 10, 18, 10, 1, 0) * 1000,
        zombie: true,
        stopped: false,
      },
      {
        pid: 514,
        parent: 512,
        group: 512,
        session: 512,
        name: "vim",
        startTime: Date.UTC(2025, 10, 18, 10, 1, 0) * 1000,
        zombie: false,
        stopped: true,
      },
    ]);
  });

  test("a zombie is dead, what ps does not show but lives is not known", () => {
    const table = psTable((_program, argv) => (argv.includes("-p") ? text : null));
    expect(table.look(512)).toMatchObject({ kind: "alive", row: { name: "A (B) 9" } });
    expect(table.look(513)).toEqual({ kind: "dead" });
    expect(table.look(nodeProcess.pid)).toMatchObject({ kind: "unknown" });
    expect(table.look(0)).toMatchObject({ kind: "unknown" });
    expect(table.list()).toEqual([]);
  });

  test("the mark is a word of what ps shows with variables", () => {
    const table = psTable(() => "node a.js HOME=/x HERMA_PROCESS_ID=proc_a LANG=C\n");
    expect(table.variable(512, "HERMA_PROCESS_ID")).toBe("proc_a");
    expect(psTable(() => null).variable(nodeProcess.pid, "HERMA_PROCESS_ID")).toBeUndefined();
  });

  test("the boot time is the boot id", () => {
    expect(parseBootTime("{ sec = 1762160000, usec = 42 } Mon Nov  3 09:13:20 2025")).toBe("1762160000.000042");
    expect(parseBootTime("")).toBe("unknown-boot");
  });
});

describe("signals", () => {
  test("names and numbers are each other's inverse", () => {
    for (const name of ["SIGHUP", "SIGINT", "SIGKILL", "SIGTERM", "SIGUSR1", "SIGABRT", "SIGCHLD", "SIGRTMIN+0", "SIGRTMIN+30"]) {
      expect(signalName(signalNumber(name)!)).toBe(name);
    }
    for (const name of ["", "TERM", "SIGNO", "SIGRTMIN+31", "SIGRTMIN", "toString"]) expect(signalNumber(name)).toBeNull();
    expect(signalName(32)).toBe("SIG32");
  });

  test("a wait status is a code or a signal", () => {
    expect(decodeWaitStatus(0)).toEqual({ code: 0, signal: null });
    expect(decodeWaitStatus(7 << 8)).toEqual({ code: 7, signal: null });
    expect(decodeWaitStatus(255 << 8)).toEqual({ code: 255, signal: null });
    expect(decodeWaitStatus(9)).toEqual({ code: null, signal: "SIGKILL" });
    // With a core dump.
    expect(decodeWaitStatus(11 | 0x80)).toEqual({ code: null, signal: "SIGSEGV" });
  });
});
