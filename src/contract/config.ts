import { z } from "zod";
import { OnOutputLimit } from "./disk/spec.ts";
import { expectedWords } from "./expected.ts";

/** Seconds of a foreground command of the tool `terminal` where neither its call nor herma.yaml says otherwise, and the most that either may say. */
export const foregroundSecondsDefault = 180;
export const foregroundSecondsMax = 600;

/** What is in force where a file says nothing. Not asked of the schema, which takes longer to build than `herma ps` has. */
const defaults = {
  gateway: {
    host: "127.0.0.1",
    port: 7717,
    allowed_hosts: [] as string[],
    drain_timeout_seconds: 60,
    drain_secret: "",
    restart_loop_boots: 3,
    restart_loop_gap_seconds: 300,
    frozen_loop_seconds: 45,
  },
  home: {
    group: null,
  },
  keeper: {
    idle_grace_seconds: 60,
    start_timeout_seconds: 10,
    answer_timeout_seconds: 5,
  },
  processes: {
    live_max: 512,
    finished_keep_days: 7,
    finished_max: 512,
    output_bytes_max: 67_108_864,
    on_output_limit: "dropMiddle" as const,
    on_gateway_stop: "keep" as const,
    grace_ms: 3000,
    memory_bytes_max: null,
    pids_max: null,
    cpu_percent_max: null,
    run_seconds_max: null,
    home_output_bytes_max: 4_294_967_296,
  },
  tools: {
    terminal_timeout_seconds: foregroundSecondsDefault,
  },
  variables: {
    pass: [] as string[],
  },
  redaction: {
    enabled: true,
  },
  log: {
    level: "info" as const,
  },
};

const build = () =>
  z
    .strictObject({
      gateway: z
        .strictObject({
          host: z
            .string()
            .min(1)
            .default(defaults.gateway.host)
            .describe(
              "Address the gateway listens on. With any but a loopback address, other machines can reach the gateway, and only the token protects it.",
            ),
          port: z.int().min(0).max(65_535).default(defaults.gateway.port).describe("TCP port; 0 takes any free one."),
          allowed_hosts: z
            .array(
              z
                .string()
                .max(253)
                .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "a host name in small letters, without scheme and port"),
            )
            .max(64)
            .default(defaults.gateway.allowed_hosts)
            .describe(
              "Host names, besides its address, under which the gateway may be reached, such as that of a reverse proxy or of a container. Requests for any other host are refused.",
            ),
          drain_timeout_seconds: z
            .number()
            .min(0)
            .max(86_400)
            .default(defaults.gateway.drain_timeout_seconds)
            .describe("How long running work may go on when the gateway is told to stop; 0: it is not waited for."),
          drain_secret: z
            .string()
            .max(512)
            .default(defaults.gateway.drain_secret)
            .describe(
              "A secret that may drain the gateway over HTTP and do nothing else: 43 or more random letters, digits, - and _. A weaker one is refused. The variable HERMA_DRAIN_SECRET, when set, counts instead.",
            ),
          restart_loop_boots: z
            .int()
            .min(0)
            .max(100)
            .default(defaults.gateway.restart_loop_boots)
            .describe(
              "After so many starts in a row, none of which followed a stop that a person asked for, the gateway is in a restart loop: it serves people, but resumes nothing of before. 0: never.",
            ),
          restart_loop_gap_seconds: z
            .number()
            .min(1)
            .max(86_400)
            .default(defaults.gateway.restart_loop_gap_seconds)
            .describe("Starts count as in a row when each comes at most so long after the one before."),
          frozen_loop_seconds: z
            .number()
            .min(0)
            .max(3600)
            .default(defaults.gateway.frozen_loop_seconds)
            .describe(
              "A gateway whose event loop stands still for so long ends itself, and records where it stood (`herma gateway history`). A service manager's watchdog should wait longer. 0: a frozen loop is only reported.",
            ),
        })
        .prefault({})
        .describe("The gateway's web server."),
      home: z
        .strictObject({
          group: z
            .union([z.int().min(0), z.string().regex(/^[a-z_][a-z0-9_.-]{0,31}$/i, "a group's name or number")])
            .nullable()
            .default(defaults.home.group)
            .describe(
              "Group, by name or number, that may read the state of the gateway: its locks, `gateway.pid`, `gateway_state.json` and the drain marker (0640, the home 0750), for instance for a web UI that runs as another user. The group may read nothing else. `null`: nobody.",
            ),
        })
        .prefault({})
        .describe("The folder in which everything stands."),
      keeper: z
        .strictObject({
          idle_grace_seconds: z
            .number()
            .min(0)
            .max(86_400)
            .default(defaults.keeper.idle_grace_seconds)
            .describe("How long a keeper stays after its last process has ended."),
          start_timeout_seconds: z
            .number()
            .min(1)
            .max(600)
            .default(defaults.keeper.start_timeout_seconds)
            .describe("How long a starting keeper may take to listen."),
          answer_timeout_seconds: z
            .number()
            .min(0.1)
            .max(600)
            .default(defaults.keeper.answer_timeout_seconds)
            .describe("A keeper that takes longer to answer counts as silent."),
        })
        .prefault({})
        .describe("The program that owns the processes."),
      processes: z
        .strictObject({
          live_max: z
            .int()
            .min(1)
            .max(10_000)
            .default(defaults.processes.live_max)
            .describe("Most live processes in this home; one more is refused."),
          finished_keep_days: z
            .number()
            .min(0)
            .max(3650)
            .default(defaults.processes.finished_keep_days)
            .describe("Days the folder of a finished process is kept."),
          finished_max: z
            .int()
            .min(0)
            .max(100_000)
            .default(defaults.processes.finished_max)
            .describe("Most finished processes that are kept; the oldest are removed first."),
          output_bytes_max: z
            .int()
            .min(65_536)
            .default(defaults.processes.output_bytes_max)
            .describe("Bytes of output kept for each process besides its first 256 KiB."),
          on_output_limit: OnOutputLimit.default(defaults.processes.on_output_limit).describe(
            "At that limit: `dropMiddle` removes the oldest output behind the first 256 KiB, `pause` makes the process wait until the limit is raised (`herma limit`), `kill` ends it.",
          ),
          on_gateway_stop: z
            .enum(["keep", "end"])
            .default(defaults.processes.on_gateway_stop)
            .describe(
              "Whether a stop that somebody asked for ends processes that were started to live for a turn or a session. A restart or a takeover never ends one.",
            ),
          grace_ms: z
            .int()
            .min(0)
            .max(3_600_000)
            .default(defaults.processes.grace_ms)
            .describe("Milliseconds from TERM to KILL; 0 sends TERM only."),
          memory_bytes_max: z
            .int()
            .min(1_048_576)
            .nullable()
            .default(defaults.processes.memory_bytes_max)
            .describe("Bytes of memory a process and its children may hold together; null: no limit."),
          pids_max: z
            .int()
            .min(1)
            .max(4_194_304)
            .nullable()
            .default(defaults.processes.pids_max)
            .describe("Most processes and threads of a process and its children together; null: no limit."),
          cpu_percent_max: z
            .number()
            .min(1)
            .max(1_000_000)
            .nullable()
            .default(defaults.processes.cpu_percent_max)
            .describe("Processor time of a process and its children together, 100 for one processor; null: no limit."),
          run_seconds_max: z
            .number()
            .min(0.001)
            .max(315_360_000)
            .nullable()
            .default(defaults.processes.run_seconds_max)
            .describe("Seconds from its start until a process is ended; null: no limit."),
          home_output_bytes_max: z
            .int()
            .min(1_048_576)
            .default(defaults.processes.home_output_bytes_max)
            .describe("Bytes of output kept for all finished processes together; the oldest processes are removed first."),
        })
        .prefault({})
        .describe("What is kept of processes, and the limits of those whose start names no others."),
      tools: z
        .strictObject({
          terminal_timeout_seconds: z
            .int()
            .min(1)
            .max(foregroundSecondsMax)
            .default(defaults.tools.terminal_timeout_seconds)
            .describe(
              "How long a command of the tool `terminal` may run in the foreground when its call names no `timeout`; then it is killed.",
            ),
        })
        .prefault({})
        .describe("The tools of models, at the gateway and in `herma mcp`."),
      variables: z
        .strictObject({
          pass: z
            .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "a variable's name is letters, digits and underscores"))
            .max(1000)
            .default(defaults.variables.pass)
            .describe("Names of variables that are passed to processes although they would be held back as secrets."),
        })
        .prefault({})
        .describe("The variables (environment) of processes."),
      redaction: z
        .strictObject({
          enabled: z
            .boolean()
            .default(defaults.redaction.enabled)
            .describe(
              "Mask secrets (tokens, passwords, private keys) in commands and output wherever they are shown. Never on what is executed, on the bytes in a process's folder, or where raw bytes are asked for. The logs of gateway and keeper are always masked.",
            ),
        })
        .prefault({})
        .describe("How secrets are masked. The setting is read once at a start; no variable turns it off."),
      log: z
        .strictObject({
          level: z
            .enum(["trace", "debug", "info", "warn", "error", "silent"])
            .default(defaults.log.level)
            .describe("The lowest level that is logged."),
        })
        .prefault({})
        .describe("The logs of gateway and keeper."),
    })
    .prefault({});
let built: ReturnType<typeof build> | null = null;

/**
 * `herma.yaml` in the home, written by its owner and read once at a start. Every key may be absent and has a default that works; units
 * stand in the names. `docs/config.md` is generated from this schema. {@link ConfigProblem}s tell what is wrong with a file.
 * It is built when it is first asked for: most commands never look at a setting, and start sooner without it.
 */
export function configSchema(): ReturnType<typeof build> {
  built ??= build();
  return built;
}
export type Config = z.infer<ReturnType<typeof build>>;

/** The name of a setting: its section and its key, such as `gateway.port`. */
export type SettingName = { [Section in keyof Config & string]: `${Section}.${keyof Config[Section] & string}` }[keyof Config & string];
/** What a setting can be set to by a program. */
export type SettingValue = string | number | boolean;

/** Says what a setting takes (`a number from 0 to 86400`) when it does not take `value`; null when it does. */
export function settingRefusal(name: SettingName, value: unknown): string | null {
  const [section = "", key = ""] = name.split(".");
  const schemas = configSchema().unwrap().shape as unknown as Record<string, z.ZodPrefault<z.ZodObject>>;
  const schema = schemas[section]?.unwrap().shape[key];
  if (!(schema instanceof z.ZodDefault)) throw new Error(`${name} is no setting`);
  const taken = schema.unwrap() as z.ZodType;
  return taken.safeParse(value).success ? null : expectedWords(taken);
}

/** What is in force without a file. */
export function defaultConfig(): Config {
  return structuredClone(defaults);
}

/** Something about a config file that its owner should know. */
export type ConfigProblem = {
  /** The key, such as `gateway.port`; `""` for the file as a whole. */
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** What is wrong, one sentence without the place. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  /**
   * `error`: a setting cannot mean what its owner wanted; the gateway does not start on it (CONFIG_INVALID), commands go on with the
   * default and say so. `warning`: it can be used as it is, such as a key this version does not know.
   */
  readonly severity: "error" | "warning";
};

/** A config file as read: every setting, with its default where the file has none or a bad one, and what is wrong. */
export type ParsedConfig = { readonly config: Config; readonly problems: readonly ConfigProblem[] };

/** Larger files are refused unread. */
export const configBytesMax = 262_144;
/** Larger files of Hermes are refused unread, too. */
export const hermesConfigBytesMax = 1_048_576;
