import type { z } from "zod";
import {
  CheckpointEntry,
  CleaningFile,
  DrainLeasesFile,
  DrainMarker,
  ExitDiaryEntry,
  ExitFile,
  exitReservedBytes,
  GatewayMarker,
  GatewayRecord,
  GatewayStateFile,
  Identity,
  Intent,
  KeeperFile,
  LoopReportFile,
  Loss,
  RestartsFile,
  ScopedLockFile,
  SpecFile,
  StateFile,
  TerminalSize,
  Usage,
} from "../../src/contract/index.ts";
import { storeTablesMarkdown } from "./storeTables.ts";

/** Objects that stand in more than one file, shown once at the end of the page. */
export const sharedShapes: readonly z.ZodObject[] = [Identity, Intent, Usage, Loss, TerminalSize];

/** One kind of file in a home, for `docs/on-disk.md`. */
export type FileOnDisk = {
  /** Under the home. */
  readonly path: string;
  readonly writer: string;
  readonly when: string;
  readonly mode: string;
  /** More than the schema's own comment says, or all there is to say. */
  readonly about?: string;
  readonly schema?: z.ZodObject;
  /** Must be what the schema takes: the page is not made otherwise. */
  readonly example?: Record<string, unknown>;
};

const id = "proc_3f9c2a71d0be";
const bootId = "7c9e6a52-41cf-4ed8-9a43-0b2f8f8f1f57";
const keeper = { generation: "1-0.1.0", instance_id: "k-5b1f0c9e", identity: { boot_id: bootId, pid: 4100, start_time: 88_120 } };
const identity = { boot_id: bootId, pid: 4242, start_time: 91_733 };

/** Beside the folders: how far their cleaning is. */
const cleaningFiles: readonly FileOnDisk[] = [
  {
    path: "processes/.pruned",
    writer: "whoever cleans",
    when: "replaced when a cleaning has come to its end",
    mode: "0600",
    about: "Empty; its time tells when finished processes were last looked through.",
  },
  {
    path: "processes/.cleaning",
    writer: "whoever cleans",
    when: "locked while one cleans; written when that is cut short",
    mode: "0600",
    schema: CleaningFile,
    example: { format: 1, looked: [[id, 1_772_357_400_000, 1311]] },
  },
];

/** The folder of one process. */
const processFiles: readonly FileOnDisk[] = [
  {
    path: "processes/<id>/spec.json",
    writer: "whoever starts the process",
    when: "once, durably, before the start",
    mode: "0600",
    schema: SpecFile,
    example: {
      format: 1,
      id,
      created_at: "2026-03-01T09:30:00.000+00:00",
      command: "npm run dev",
      cwd: "/home/ada/shop",
      variables: ["PORT"],
      stdin: "none",
      tty: null,
      limits: {},
      lifetime: "host",
      name: "dev",
      owner: { kind: "cli" },
      environment: "local",
      grace_ms: 3000,
      starter: { boot_id: bootId, pid: 4190, start_time: 91_700 },
    },
  },
  {
    path: "processes/<id>/state.json",
    writer: "the keeper that holds it",
    when: "replaced whole at every change",
    mode: "0600",
    schema: StateFile,
    example: {
      format: 1,
      id,
      phase: "running",
      seq: 2,
      updated_at: "2026-03-01T09:30:00.041+00:00",
      keeper,
      identity,
      group: 4242,
      session: 4242,
      scope: null,
      restart_survival: "detached",
      started_at: "2026-03-01T09:30:00.040+00:00",
      intent: null,
      adoptions: 0,
      stdin: "none",
      tty: null,
      paused: false,
      exited: null,
      losses: [],
    },
  },
  {
    path: "processes/<id>/output/<offset>.log",
    writer: "the keeper that holds it",
    when: "appended while the process writes",
    mode: "0600",
    about:
      "Bytes of standard output and standard error as they came, in one stream. A segment is named by the absolute offset of its first byte, in 20 digits. An offset is a byte's address for ever. The first 256 KiB are always kept; behind them the oldest segments go when `limits.output_bytes_max` is reached. Where the next segment's name is not the end of the one before, the bytes between are gone, and that gap is the exact record of them.",
  },
  {
    path: "processes/<id>/pipe",
    writer: "the process",
    when: "while it lives",
    mode: "0600",
    about: "A FIFO: the standard output and standard error of a process without a terminal. A keeper that takes over opens it again.",
  },
  {
    path: "processes/<id>/.exit.reserved",
    writer: "the keeper that holds it",
    when: "made before the start, becomes `exit.json`",
    mode: "0600",
    about: `${exitReservedBytes} bytes that are set aside, so that a full disk cannot eat the ending.`,
  },
  {
    path: "processes/<id>/exit.json",
    writer: "the keeper that saw the end, or the one that found the process gone",
    when: "once, durably; never changed",
    mode: "0600",
    schema: ExitFile,
    example: {
      format: 1,
      id,
      code: null,
      signal: "SIGTERM",
      cause: "killed",
      termination_source: "process.kill",
      intent: { source: "process.kill", reason: "no longer needed", at: "2026-03-01T11:00:00.000+00:00", grace_ms: 3000 },
      started_at: "2026-03-01T09:30:00.040+00:00",
      ended_at: "2026-03-01T11:00:00.210+00:00",
      output_end: 18_211,
      usage: { cpu_ms: 5210, max_rss_bytes: 148_897_792 },
      survivors: [],
      evidence: "wait",
      failure: null,
      losses: [],
    },
  },
];

/** The folder of one keeper generation. */
const keeperFiles: readonly FileOnDisk[] = [
  {
    path: "keepers/<generation>/lock",
    writer: "the keeper",
    when: "locked (flock) as long as it lives",
    mode: "0600",
    about: "The kernel frees the lock however the keeper ends, so the lock, and nothing else, tells whether it lives.",
  },
  {
    path: "keepers/<generation>/keeper.json",
    writer: "the keeper",
    when: "once it listens",
    mode: "0600",
    schema: KeeperFile,
    example: {
      format: 1,
      ...keeper,
      protocol: 1,
      version: "0.1.0",
      socket: "/home/ada/.herma/keepers/1-0.1.0/sock",
      started_at: "2026-03-01T09:29:59.900+00:00",
      restart_survival: "detached",
    },
  },
  {
    path: "keepers/<generation>/sock",
    writer: "the keeper",
    when: "while it listens",
    mode: "0600",
    about:
      "HTTP/1.1 on a unix socket. Where its path would be longer than 100 bytes it stands in a short runtime folder; `keeper.json` tells.",
  },
  {
    path: "keepers/<generation>/log",
    writer: "the keeper",
    when: "appended; begins anew at 4 MiB",
    mode: "0600",
    about: "What the keepers have to tell people, in lines that begin with the time.",
  },
  {
    path: "keepers/<generation>/log.1",
    writer: "the keeper, or whoever starts one",
    when: "renamed from `log` when that is full (4 MiB), or longer than 1 MiB when a keeper is started",
    mode: "0600",
    about: "The log before the present one. Older ones are not kept.",
  },
  {
    path: "keepers/adopt.lock",
    writer: "keepers",
    when: "locked while one takes over a dead one's processes",
    mode: "0600",
    about: "So that two generations never adopt the same process.",
  },
];

const gatewayExample = {
  pid: 4301,
  kind: "hermes-gateway",
  argv: ["hermes", "gateway", "run"],
  start_time: 92_010,
  instance_id: "g-90cd11a2",
  boot_id: bootId,
  version: "0.1.0",
  command_line: ["node", "bin/herma.mjs", "gateway", "run"],
  started_at: "2026-03-01T09:31:00.000+00:00",
};

/** What a gateway keeps, in the names and forms of the Hermes gateway. */
const gatewayFiles: readonly FileOnDisk[] = [
  {
    path: "herma.lock",
    writer: "the gateway",
    when: "locked (flock) as long as it lives",
    mode: "0600",
    about: "At most one gateway holds it; its body is the same record as `gateway.pid`.",
  },
  {
    path: "gateway.lock",
    writer: "the gateway",
    when: "locked (flock) as long as it lives",
    mode: "0600",
    about: "The same lock under the name that Hermes and its tools look at.",
  },
  {
    path: "gateway.pid",
    writer: "the gateway",
    when: "at its start; removed at its end",
    mode: "0600",
    schema: GatewayRecord,
    example: gatewayExample,
  },
  {
    path: "processes.json",
    writer: "the gateway that holds the lock",
    when: "replaced whole when something starts, changes or ends",
    mode: "0600",
    about:
      "What runs, for tools that know Hermes: a list of entries in its form. What a Hermes has left in it is taken over at the gateway's start when its process is provably the same; entries that cannot be used are copied to `processes.json.corrupt`. One whose start time was not recorded stays as it is while its pid is in use.",
    schema: CheckpointEntry,
    example: {
      session_id: "proc_3f2a91c04b7e",
      command: "npm run dev",
      pid: 4242,
      pid_scope: "host",
      host_start_time: 1_234_567,
      cwd: "/work",
      started_at: 1_772_357_470.5,
      task_id: "",
      session_key: "telegram:1",
      watcher_platform: "",
      watcher_chat_id: "",
      watcher_user_id: "",
      watcher_user_name: "",
      watcher_thread_id: "",
      watcher_message_id: "",
      watcher_interval: 0,
      notify_on_complete: true,
      watch_patterns: ["ready on"],
    },
  },
  {
    path: "gateway_state.json",
    writer: "the gateway that holds the lock",
    when: "replaced whole at every change and as a heartbeat",
    mode: "0600",
    schema: GatewayStateFile,
    example: {
      ...gatewayExample,
      gateway_state: "running",
      exit_reason: null,
      restart_requested: false,
      active_agents: 0,
      platforms: {},
      updated_at: "2026-03-01T09:31:10.000+00:00",
      seq: 3,
      interval_s: 10,
      phase: "running",
      drain_reason: null,
      desired_state: "running",
      drain_timeout_s: 180,
      address: "http://127.0.0.1:7717",
    },
  },
  {
    path: ".drain_request.json",
    writer: "the gateway that holds the lock, or whoever wants it to drain",
    when: "replaced whole at every change of the leases; removed with the last one",
    mode: "0600",
    schema: DrainMarker,
    example: {
      action: "drain",
      requested_at: "2026-03-01T12:00:00.000+00:00",
      principal: "updater",
      epoch: `${bootId}:40`,
      suppress_notification: false,
      expires_at: "2026-03-01T13:00:00.000+00:00",
      revision: 3,
    },
  },
  {
    path: "drain_leases.json",
    writer: "the gateway that holds the lock",
    when: "replaced whole at every change, before the marker",
    mode: "0600",
    schema: DrainLeasesFile,
    example: {
      format: 1,
      revision: 3,
      epoch: `${bootId}:40`,
      leases: [
        {
          principal: "updater",
          requested_at: "2026-03-01T12:00:00.000+00:00",
          expires_at: "2026-03-01T13:00:00.000+00:00",
          suppress_notification: false,
          from: "request",
        },
      ],
      seen: null,
    },
  },
  {
    path: "gateway.sock",
    writer: "the gateway that holds the lock",
    when: "while it runs",
    mode: "0600",
    about:
      "The socket on which its owner gives it orders without a token: `POST /api/gateway/stop` and `/api/gateway/restart`, and on which a new gateway asks for the listening socket. Where the home's path is too long it stands in the runtime folder; `control_socket` of gateway_state.json tells.",
  },
  {
    path: ".gateway-planned-stop.json, .gateway-takeover.json",
    writer: "whoever signals the gateway",
    when: "before the signal",
    mode: "0600",
    schema: GatewayMarker,
    example: { target_pid: 4301, target_start_time: 92_010, written_at: "2026-03-01T12:00:00.000+00:00" },
  },
  {
    path: "logs/gateway-loop.json",
    writer: "the thread beside the gateway's event loop",
    when: "replaced whole every 10 s, and at once when the loop stands still or turns again",
    mode: "0600",
    schema: LoopReportFile,
    example: {
      format: 1,
      instance_id: "0123456789abcdef",
      pid: 4301,
      boot_id: "8f6e7a52-3c0b-4d7c-9d5e-1f2a3b4c5d6e",
      started_at: "2026-03-01T09:30:30.000+00:00",
      at: "2026-03-01T12:00:00.000+00:00",
      loop: "alive",
      still_ms: 0,
      longest_still_ms: 0,
      rss_bytes: 88_080_384,
      heap_bytes: 20_971_520,
      heap_bytes_max: 4_496_293_888,
    },
  },
  {
    path: "logs/gateway-exit-diag.log",
    writer: "the gateway",
    when: "appended to when it has its home, and before it ends; at 1 MiB the older half goes",
    mode: "0600",
    schema: ExitDiaryEntry,
    example: {
      format: 1,
      event: "exit",
      at: "2026-03-01T12:00:00.000+00:00",
      instance_id: "0123456789abcdef",
      pid: 4301,
      boot_id: "8f6e7a52-3c0b-4d7c-9d5e-1f2a3b4c5d6e",
      version: "0.1.0",
      reason: "unexpected_signal",
      detail: "unexpected SIGTERM",
      exit_code: 1,
      signal: "SIGTERM",
      forced: false,
      phase: "stopping",
      uptime_s: 8970.2,
      stack: null,
      context: null,
    },
  },
  {
    path: "logs/gateway.log, logs/gateway.log.1",
    writer: "a gateway that launchd or another gateway has started",
    when: "appended to; at 4 MiB the file becomes the older one, and begins anew",
    mode: "0600",
    about:
      "What it prints: its log as JSON lines, and what Node.js says of a crash. `herma gateway logs` shows it. systemd keeps the log of its services itself, and a gateway started by hand prints to its terminal.",
  },
  {
    path: "gateway_restarts.json",
    writer: "the gateway that holds the lock",
    when: "replaced whole at each restart that was asked for from inside",
    mode: "0600",
    schema: RestartsFile,
    example: { format: 1, restarts: [{ at: "2026-03-01T12:00:00.000+00:00", by: "SIGUSR1" }] },
  },
  {
    path: "~/.local/state/hermes/gateway-locks/<scope>-<hash>.lock",
    writer: "the gateway that uses the identity",
    when: "while it does",
    mode: "0600",
    about:
      "Under `$HERMES_GATEWAY_LOCK_DIR`, else `$XDG_STATE_HOME/hermes/gateway-locks`, else here. Whoever takes one over holds a lock (flock) on `.guard` beside it.",
    schema: ScopedLockFile,
    example: {
      ...gatewayExample,
      scope: "telegram-bot-token",
      identity_hash: "3289c6313efc819f",
      metadata: {},
      updated_at: "2026-03-01T09:31:05.000+00:00",
    },
  },
];

/** Interest and delivery. */
const storeFiles: readonly FileOnDisk[] = [
  {
    path: "watch.lock",
    writer: "the program that matches output against watches",
    when: "locked (flock) as long as it does",
    mode: "0600",
    about: "The gateway, as a rule. Its body is the holder's identity.",
  },
  {
    path: "herma.db",
    writer: "every program of Herma, by transactions",
    when: "when somebody wants to know something, and when that is told",
    mode: "0600",
    about: `A SQLite database. What happened to a process stands in its folder; who wants to know, and who was told, stands here. Open it read-only, and only with a program that knows SQLite's log (WAL). Objects and lists stand in it as JSON text, moments as in the files, truth as 1 and 0. A version that is newer than the program is refused; an older one is brought forward when it is opened.

${storeTablesMarkdown()}`,
  },
  {
    path: "herma.db-wal, herma.db-shm",
    writer: "SQLite",
    when: "while a program has the database open, or after one was killed",
    mode: "0600",
    about: "The log and its index. They are part of the database: what was committed last may stand in the log alone.",
  },
  {
    path: "herma.db.corrupt-<time>-<id>",
    writer: "the program that found that it is no database",
    when: "once",
    mode: "as it was",
    about:
      "A file of that name that SQLite could not take for a database, and its log. Whoever set it aside held a lock on `herma.db.lock`.",
  },
];

const ownersFiles: readonly FileOnDisk[] = [
  {
    path: "herma.yaml",
    writer: "its owner",
    when: "whenever they like; read at a start",
    mode: "any",
    about: "Settings: see [config.md](config.md).",
  },
  {
    path: "token",
    writer: "the first gateway",
    when: "once",
    mode: "0600",
    about: "The secret that HTTP clients send as `Authorization: Bearer`.",
  },
];

export const chapters: readonly { readonly title: string; readonly about: string; readonly files: readonly FileOnDisk[] }[] = [
  {
    title: "A process",
    about:
      "One folder a process, 0700, made by whoever starts it. It stays for some days after the end (`processes.finished_keep_days`), then goes; longer when somebody is still to be told of it.",
    files: [...processFiles, ...cleaningFiles],
  },
  {
    title: "A keeper",
    about: "One folder a generation of keepers: those that speak the same protocol and come from the same build.",
    files: keeperFiles,
  },
  {
    title: "The gateway",
    about: "Names and keys are those of the Hermes gateway, so that its tools read a Herma home; keys of ours stand beside them.",
    files: gatewayFiles,
  },
  {
    title: "The store",
    about: "Interest in processes and the notices it leads to, in one database that many programs use at once.",
    files: storeFiles,
  },
  { title: "The owner", about: "", files: ownersFiles },
];
