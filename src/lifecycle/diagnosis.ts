import { homePaths, timestampOf } from "../contract/index.ts";
import { createRedactor } from "../rules/index.ts";
import type { Appender, System } from "../system/index.ts";
import { forTools, type Variables } from "./serviceManager.ts";

/** The whole diagnosis; what is not done by then is left out. */
export const diagnosisMsMax = 5_000;
/** One file of it, and how many are kept. */
export const diagnosisBytesMax = 1_048_576;
export const diagnosisFilesMax = 5;
const toolMsMax = 2_000;
const toolBytesMax = 262_144;
const redactor = createRedactor({ enabled: true });

type StartRequest = {
  readonly system: Pick<System, "scopes" | "spawner" | "platform">;
  readonly home: string;
  /** Words that start this command line: the program and its script. */
  readonly program: readonly string[];
  readonly variables: Variables;
  readonly pid: number;
  readonly signal: string;
};

/**
 * Starts a longer look around as a program of its own, in a session of its own and, where there are scopes, outside of our cgroup, so that it
 * survives whoever ends us. Waits for nothing. Returns its pid, or null when it could not be started or the system knows no such thing.
 */
export function startDiagnosis(request: StartRequest): number | null {
  const { system, home, program, pid, signal } = request;
  if (system.platform === "win32") return null;
  const argv = [...program, "gateway", "diagnose", "--home", home, "--pid", String(pid), "--signal", signal];
  try {
    const started = system.spawner.spawnDaemon({
      argv: system.scopes.wrap(`herma-diagnosis-${pid}`, argv),
      cwd: "/",
      variables: forTools(request.variables),
      log: "/dev/null",
    });
    return started.ok ? started.child.pid : null;
  } catch {
    return null;
  }
}

type DiagnosisSystem = Pick<System, "clock" | "files" | "processes" | "spawner" | "vitals">;
type Section = { readonly title: string; readonly lines: number; readonly ways: readonly (readonly string[] | (() => string))[] };

/**
 * Looks around and writes what it sees into a file of the home (0600): the processes, those around `pid`, load and memory, the limits of
 * the program, the last words of the kernel. Bounded in time, bytes and files; secrets in command lines and logs are masked.
 */
export async function diagnose(
  system: DiagnosisSystem,
  options: { readonly home: string; readonly pid: number; readonly signal: string; readonly variables: Variables },
): Promise<void> {
  const path = homePaths(options.home).shutdownDiagnosis;
  rotate(system.files, path);
  const untilMs = system.clock.monotonicMs() + diagnosisMsMax;
  const page = new Page(system.files.appender(path));
  try {
    page.write(`=== shutdown diagnostic: ${options.signal}, gateway ${options.pid}, ${timestampOf(system.clock.wallMs())}`);
    for (const section of sections(system, options.pid)) {
      const leftMs = untilMs - system.clock.monotonicMs();
      if (leftMs <= 0) page.write(`--- ${section.title}: no time left`);
      else page.write(`--- ${section.title}`, await seen(system, section, Math.min(leftMs, toolMsMax), options.variables));
    }
    page.write("=== end of shutdown diagnostic");
  } finally {
    page.close();
  }
}

function sections(system: DiagnosisSystem, pid: number): Section[] {
  const file = (path: string) => () => system.files.read(path, toolBytesMax)?.toString("utf8") ?? "";
  return [
    {
      title: "processes by CPU",
      lines: 60,
      ways: [["ps", "auxf", "--sort=-pcpu"], ["ps", "aux", "-r"], ["ps", "aux"], () => ownList(system)],
    },
    { title: `processes around ${pid}`, lines: 40, ways: [["pstree", "-a", "-l", "-p", "-s", String(pid)], () => ancestors(system, pid)] },
    { title: "load", lines: 2, ways: [file("/proc/loadavg"), ["uptime"]] },
    { title: "memory", lines: 60, ways: [file("/proc/meminfo"), ["vm_stat"]] },
    { title: "pressure of memory", lines: 4, ways: [file("/proc/pressure/memory")] },
    // This program has inherited its limits from the gateway, which may be gone by now.
    { title: "limits", lines: 30, ways: [file(`/proc/${pid}/limits`), file("/proc/self/limits")] },
    {
      title: "last words of the kernel",
      lines: 20,
      ways: [
        ["dmesg"],
        ["journalctl", "--dmesg", "--lines=20", "--no-pager", "--quiet"],
        ["journalctl", "--user", "--lines=20", "--no-pager", "--quiet"],
      ],
    },
  ];
}

/** The output of the first command that prints anything. For logs the last lines are kept, else the first. */
async function seen(system: DiagnosisSystem, section: Section, timeoutMs: number, variables: Variables): Promise<string> {
  for (const way of section.ways) {
    const text = typeof way === "function" ? quietly(way) : await toolOutput(system, way, timeoutMs, variables);
    const lines = masked(text)
      .split("\n")
      .filter((line) => line.trim() !== "");
    if (lines.length === 0) continue;
    const part = section.title.includes("kernel") ? lines.slice(-section.lines) : lines.slice(0, section.lines);
    return part.join("\n");
  }
  return "(nothing tells)";
}

async function toolOutput(system: DiagnosisSystem, argv: readonly string[], timeoutMs: number, variables: Variables): Promise<string> {
  const answer = await system.spawner.run({ argv, cwd: "/", variables: forTools(variables), timeoutMs, bytesMax: toolBytesMax });
  return answer === null || answer.code !== 0 ? "" : answer.stdout.toString("utf8");
}

function quietly(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}

/** For systems without `ps`. */
function ownList(system: DiagnosisSystem): string {
  return system.processes
    .list()
    .map(({ pid }) => describe(system, pid))
    .join("\n");
}

const ancestorsMax = 20;

function ancestors(system: DiagnosisSystem, pid: number): string {
  const lines: string[] = [];
  for (let each: number | null = pid; each !== null && each > 0 && lines.length < ancestorsMax; each = system.vitals.program(each).parent)
    lines.push(describe(system, each));
  return lines.join("\n");
}

function describe(system: DiagnosisSystem, pid: number): string {
  const { name, state, parent, uid, commandLine } = system.vitals.program(pid);
  return [pid, `parent ${parent ?? "?"}`, `uid ${uid ?? "?"}`, state ?? "?", commandLine ?? name ?? "?"].join("  ");
}

/** Masks what tools print before it is cut, because half of a key would not be recognised. */
function masked(text: string): string {
  const lines = redactor.text(text).split("\n");
  return lines.map((line) => redactor.command(line)).join("\n");
}

/** The file as it grows, cut at its limit. */
class Page {
  readonly #appender: Appender;

  constructor(appender: Appender) {
    this.#appender = appender;
  }

  write(...texts: readonly string[]): void {
    for (const text of texts) {
      const bytes = Buffer.from(`${text}\n`);
      const room = diagnosisBytesMax - this.#appender.size;
      if (room > 0) this.#appender.write(bytes.subarray(0, room));
    }
  }

  close(): void {
    this.#appender.close();
  }
}

function rotate(files: System["files"], path: string): void {
  if (files.stat(path) === null) return;
  const older = (age: number): string => (age === 0 ? path : `${path}.${age}`);
  files.remove(older(diagnosisFilesMax - 1));
  for (let age = diagnosisFilesMax - 2; age >= 0; age -= 1) if (files.stat(older(age)) !== null) files.rename(older(age), older(age + 1));
}
