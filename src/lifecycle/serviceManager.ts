import {
  alignStop,
  type ManagerUnit,
  parseManagerTime,
  type StopAlignment,
  type Supervisor,
  supervisorOf,
  unitOfCgroup,
} from "../rules/index.ts";
import type { System } from "../system/index.ts";

type ManagerSystem = Pick<System, "files" | "notify" | "processes" | "spawner">;
export type Variables = Readonly<Record<string, string | undefined>>;

/** The manager answers a question about a unit within this, or is taken as silent. */
const askMsMax = 2_000;
const answerBytesMax = 4_096;
const cgroupBytesMax = 65_536;
/** What its tools need to find their manager. */
const toolVariables = ["PATH", "HOME", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/**
 * Who started this program and starts it anew, as far as its variables tell (sd_notify(3), sd_watchdog_enabled(3)). Where there is no service
 * manager, every word to it goes nowhere.
 */
export class ServiceManager {
  readonly #system: ManagerSystem;
  readonly #variables: Variables;
  readonly #socket: string | null;
  /** Null: nobody starts this program anew when it ends. */
  readonly supervisor: Supervisor | null;
  /** Milliseconds within which it wants to hear {@link alive}; null when it has no watchdog on us. */
  readonly watchdogMs: number | null;

  constructor(system: ManagerSystem, program: { readonly parentPid: number; readonly variables: Variables }) {
    const { parentPid, variables } = program;
    const { pid } = system.processes.self();
    this.#system = system;
    this.#variables = variables;
    this.#socket = variables.NOTIFY_SOCKET || null;
    this.supervisor = supervisorOf({ pid, parentPid, variables });
    this.watchdogMs = this.#socket === null ? null : watchdogMs(variables, pid);
  }

  /** Whether a service manager listens to what this program reports. */
  get listens(): boolean {
    return this.#socket !== null;
  }

  /** Reports that everything is up. */
  ready(status: string): void {
    this.#tell("READY=1", `MAINPID=${this.#system.processes.self().pid}`, `STATUS=${oneLine(status)}`);
  }

  /** One line for `systemctl status`. */
  status(status: string): void {
    this.#tell(`STATUS=${oneLine(status)}`);
  }

  /** Reports that the gateway has begun to stop. */
  stopping(status: string): void {
    this.#tell("STOPPING=1", `STATUS=${oneLine(status)}`);
  }

  /** Reports that the event loop turns (the watchdog's signal). */
  alive(): void {
    this.#tell("WATCHDOG=1");
  }

  /** Asks the manager to wait another `ms` milliseconds, while starting or stopping. */
  moreTime(ms: number): void {
    this.#tell(`EXTEND_TIMEOUT_USEC=${Math.ceil(ms) * 1000}`);
  }

  /** The unit by which systemd runs this program; null when it does not, or nothing tells. */
  unit(): ManagerUnit | null {
    if (this.supervisor !== "systemd") return null;
    try {
      return unitOfCgroup(this.#system.files.read("/proc/self/cgroup", cgroupBytesMax)?.toString("utf8") ?? "");
    } catch {
      return null;
    }
  }

  /** Its unit's stop timeout beside what a drain needs (hermes F15 to F17); null outside of a service, or when the manager does not say. */
  async stopAlignment(drainMs: number): Promise<(StopAlignment & { readonly manager: "system" | "user" }) | null> {
    const unit = this.unit();
    if (unit === null) return null;
    const text = await unitProperty(this.#system.spawner, this.#variables, unit, "TimeoutStopUSec");
    const timeoutMs = text === null ? null : parseManagerTime(text);
    return timeoutMs === null ? null : { ...alignStop(unit.unit, timeoutMs, drainMs), manager: unit.manager };
  }

  #tell(...lines: readonly string[]): void {
    if (this.#socket !== null) this.#system.notify.send(this.#socket, lines.join("\n"));
  }
}

/** One property of a unit as `systemctl show` prints it; null when the manager does not answer within 2 s. */
export async function unitProperty(
  spawner: System["spawner"],
  variables: Variables,
  { unit, manager }: ManagerUnit,
  property: string,
): Promise<string | null> {
  const argv = ["systemctl", ...(manager === "user" ? ["--user"] : []), "show", `--property=${property}`, "--value", "--", unit];
  const answer = await spawner.run({ argv, cwd: "/", variables: forTools(variables), timeoutMs: askMsMax, bytesMax: answerBytesMax });
  return answer === null || answer.code !== 0 ? null : answer.stdout.toString("utf8").trim();
}

/** The variables a tool of the service manager is run with: nothing of ours reaches it but where to find its bus. */
export function forTools(variables: Variables): Record<string, string> {
  const kept: Record<string, string> = { LC_ALL: "C", SYSTEMD_COLORS: "0", SYSTEMD_PAGER: "" };
  for (const name of toolVariables) {
    const value = variables[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: Variables, pid: number): number | null {
  // The variable is meant for another program: the one that started us has passed its own on.
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== "" && WATCHDOG_PID !== String(pid)) return null;
  const us = /^\d{1,15}$/.test(WATCHDOG_USEC ?? "") ? Number(WATCHDOG_USEC) : 0;
  return us === 0 ? null : us / 1000;
}

/** A line end would begin another message to the manager. */
function oneLine(text: string): string {
  return text.replaceAll(/[\n\r\0]+/g, " ");
}
