import { HermaError } from "../contract/index.ts";
import {
  formatDuration,
  outdatedLines,
  type ServicePlan,
  type ServiceVerb,
  serviceCommands,
  serviceLogCommand,
  serviceText,
  shownProperties,
} from "../rules/index.ts";
import type { System, ToolStream } from "../system/index.ts";
import { forTools, type Variables } from "./serviceManager.ts";

/** The manager's own small steps take this long at most. */
const stepMsMax = 30_000;
const textBytesMax = 65_536;
const answerBytesMax = 65_536;
const logBytesMax = 8 * 1024 * 1024;
/** Characters of a manager's own words that are quoted. */
const toldCharactersMax = 1_000;

/** What a service manager says of a gateway's service. */
export type ServiceState = {
  /** Whether it has read the service's text. Null: it cannot be asked. */
  readonly known: boolean | null;
  /** `active`, `activating`, `deactivating`, `inactive`, `failed`; null when it cannot be asked. */
  readonly active: string | null;
  /** The manager's finer word, such as `running` or `auto-restart`. */
  readonly detail: string | null;
  /** Of the gateway it runs. */
  readonly pid: number | null;
  /** Whether it starts by itself at boot or login. */
  readonly enabled: boolean | null;
  /** How often it was started again since it was started. */
  readonly restarts: number | null;
  /** The status line that the gateway itself has set. */
  readonly status: string | null;
};

/** A gateway as a service: its text on disk, and what its manager does with it. */
export class Service {
  readonly plan: ServicePlan;
  /** Where its text stands. */
  readonly path: string;
  readonly #system: Pick<System, "files" | "spawner">;
  readonly #variables: Variables;
  readonly #commands: ReturnType<typeof serviceCommands>;

  constructor(options: {
    readonly plan: ServicePlan;
    readonly path: string;
    readonly userId: number;
    readonly system: Pick<System, "files" | "spawner">;
    /** Of this program: what the manager's tools need to find their manager is taken from them. */
    readonly variables: Variables;
  }) {
    this.plan = options.plan;
    this.path = options.path;
    this.#system = options.system;
    this.#variables = options.variables;
    this.#commands = serviceCommands(options.plan, { path: options.path, userId: options.userId });
  }

  get installed(): boolean {
    return this.#system.files.stat(this.path) !== null;
  }

  /** What makes the installed text another than it would be now, as `+ line` and `- line`; empty when it is current, null without one. */
  outdated(): readonly string[] | null {
    const bytes = this.#system.files.read(this.path, textBytesMax);
    return bytes === null ? null : outdatedLines(decode(this.plan, bytes), serviceText(this.plan));
  }

  /** Writes the text and has the manager read it. True when anything was written. Throws IO, SERVICE_FAILED. */
  async install(): Promise<boolean> {
    const outdated = this.outdated();
    if (outdated?.length === 0) return false;
    const { files } = this.#system;
    files.makeFolder(this.path.slice(0, this.path.lastIndexOf("/")), 0o755);
    files.replace(this.path, encode(this.plan, serviceText(this.plan)), { durable: true, mode: 0o644 });
    await this.tell("reload");
    return true;
  }

  /** Ends it, and takes it from the manager. False when there was none. Throws SERVICE_FAILED. */
  async uninstall(stopMsMax: number): Promise<boolean> {
    if (!this.installed) return false;
    await this.tell("stop", stopMsMax);
    await this.tell("disable");
    this.#system.files.remove(this.path);
    if (this.plan.kind !== "windows-task") await this.tell("reload");
    return true;
  }

  /** Tells the manager to do something and waits until it is done. Throws SERVICE_FAILED with what the manager said. */
  async tell(verb: Exclude<ServiceVerb, "show">, msMax = stepMsMax): Promise<void> {
    for (const argv of this.#commands[verb]) {
      const answer = await this.#run(argv, msMax, answerBytesMax);
      // It is no failure when there is no service to remove.
      if (answer?.code === 0 || argv.includes("reset-failed")) continue;
      throw failure(argv, answer, msMax);
    }
  }

  async state(): Promise<ServiceState> {
    const answer = await this.#run(this.#commands.show[0]!, stepMsMax, answerBytesMax);
    const text = answer?.stdout.toString("utf8") ?? "";
    if (this.plan.kind === "systemd-user" || this.plan.kind === "systemd-system")
      return answer?.code === 0 ? systemdState(text) : nothingSaid;
    if (answer === null) return nothingSaid;
    return { ...nothingSaid, known: answer.code === 0, ...(answer.code === 0 ? otherState(text) : { active: "inactive" }) };
  }

  /** The newest lines of its log; null where its manager keeps none, or does not show it. */
  async log(lines: number): Promise<string | null> {
    const argv = serviceLogCommand(this.plan, lines);
    const answer = argv === null ? null : await this.#run(argv, stepMsMax, logBytesMax);
    return answer === null || answer.code !== 0 ? null : answer.stdout.toString("utf8");
  }

  /** As {@link log}, and then what comes, as it comes; null where its manager keeps none, or cannot be asked. */
  followLog(lines: number, output: (bytes: Uint8Array) => Promise<void> | undefined): ToolStream | null {
    const argv = serviceLogCommand(this.plan, lines, true);
    return argv === null ? null : this.#system.spawner.stream({ argv, cwd: "/", variables: forTools(this.#variables) }, output);
  }

  #run(argv: readonly string[], timeoutMs: number, bytesMax: number) {
    return this.#system.spawner.run({ argv, cwd: "/", variables: forTools(this.#variables), timeoutMs, bytesMax, errorsToo: true });
  }
}

const nothingSaid: ServiceState = {
  known: null,
  active: null,
  detail: null,
  pid: null,
  enabled: null,
  restarts: null,
  status: null,
};

function systemdState(text: string): ServiceState {
  const shown = shownProperties(text);
  const word = (key: string): string | null => shown[key] || null;
  const number = (key: string): number | null => (/^\d{1,9}$/.test(shown[key] ?? "") ? Number(shown[key]) : null);
  return {
    known: word("LoadState") === "loaded",
    active: word("ActiveState"),
    detail: word("SubState"),
    pid: number("MainPID") || null,
    enabled: word("UnitFileState") === null ? null : /^enabled/.test(shown.UnitFileState!),
    restarts: number("NRestarts"),
    status: word("StatusText"),
  };
}

/** What launchctl and schtasks print for people has these two facts in it. */
function otherState(text: string): Pick<ServiceState, "active" | "pid"> {
  const pid = Number(/^\s*pid = (\d{1,9})$/m.exec(text)?.[1] ?? 0);
  const runs = pid > 0 || /^\s*(state = running|Status:\s+Running)\s*$/im.test(text);
  return { active: runs ? "active" : "inactive", pid: pid || null };
}

function failure(argv: readonly string[], answer: { code: number | null; stdout: Buffer } | null, msMax: number): HermaError {
  const command = argv.join(" ");
  if (answer === null)
    return new HermaError("SERVICE_FAILED", `\`${command}\` could not be run, or was not done within ${formatDuration(msMax)}`);
  const said = answer.stdout.toString("utf8").trim().slice(0, toldCharactersMax);
  return new HermaError(
    "SERVICE_FAILED",
    `\`${command}\` failed${said === "" ? ` with exit code ${answer.code ?? "unknown"}` : `: ${said}`}`,
    {
      data: { command, exit_code: answer.code },
    },
  );
}

/** Windows reads the text of a task as UTF-16. */
function encode({ kind }: ServicePlan, text: string): string | Uint8Array {
  return kind === "windows-task" ? Buffer.from(`\ufeff${text}`, "utf16le") : text;
}

function decode({ kind }: ServicePlan, bytes: Buffer): string {
  return kind === "windows-task" ? bytes.toString("utf16le").replace(/^\ufeff/, "") : bytes.toString("utf8");
}
