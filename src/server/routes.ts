import { z } from "zod";
import {
  DrainAnswer,
  DrainStatus,
  type ErrorCode,
  GatewayOrder,
  GatewayOrderAnswer,
  GatewayStatusPayload,
  HealthPayload,
  Interest,
  Notice,
  ProcessId,
  ProcessView,
  ReadResult,
  StatusPayload,
  TerminalSize,
  WaitedProcess,
  WaitReason,
} from "../contract/index.ts";
import {
  AcknowledgeRequest,
  ChangeRequest,
  DrainQuery,
  DrainRequestBody,
  HandOverRequest,
  InputRequest,
  KillRequest,
  ListQuery,
  NoticesQuery,
  OutputQuery,
  ResizeRequest,
  SignalRequest,
  StartRequest,
  WaitRequest,
} from "./requests.ts";

/** One endpoint: what it takes and gives. Requests are checked against it, and `/openapi.json` is made of it. */
export type Route = {
  readonly method: "get" | "post" | "patch";
  /** Parameters in Hono's form, `:ref`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** A body that somebody might send. */
  readonly example?: Readonly<Record<string, unknown>>;
  readonly status: 200 | 201 | 202;
  /** JSON answer, or the media type of another. */
  readonly answer: z.ZodType | string;
  /** Answers as bytes as well, to whoever asks for them. */
  readonly bytes?: true;
  /** Refusals of its own, beside those that any request may meet. */
  readonly errors: readonly ErrorCode[];
};

export const StartedProcess = ProcessView.extend({
  /** The folder that was asked for, when it did not exist. */
  cwd_requested: z.string().optional(),
  /** With `yield_seconds`: what it printed until now. */
  output_text: z.string().optional(),
});
export const LoginLink = z.object({ url: z.string(), expires_in_seconds: z.int() });
const Ready = z.object({ ready: z.boolean(), phase: z.string() });

export const routes = {
  health: {
    method: "get",
    path: "/healthz",
    summary: "The event loop answers.",
    status: 200,
    answer: z.object({ ok: z.literal(true) }),
    errors: [],
  },
  ready: {
    method: "get",
    path: "/readyz",
    summary: "Ready for work: 503 while it starts, drains or stops.",
    status: 200,
    answer: Ready,
    errors: [],
  },
  agentHealth: {
    method: "get",
    path: "/api/health/agent",
    summary: "Whether the gateway of this home lives: yes, no, or not to be known, and on which evidence.",
    status: 200,
    answer: HealthPayload,
    errors: [],
  },
  status: {
    method: "get",
    path: "/api/status",
    summary: "The gateway of this home, with what its files tell.",
    status: 200,
    answer: StatusPayload,
    errors: [],
  },
  gatewayStatus: {
    method: "get",
    path: "/api/gateway/status",
    summary: "The gateway's channels.",
    status: 200,
    answer: GatewayStatusPayload,
    errors: [],
  },
  metrics: {
    method: "get",
    path: "/metrics",
    summary: "Numbers for Prometheus; the scraper sends the owner's token as its bearer token.",
    status: 200,
    answer: "text/plain",
    errors: ["UNAUTHORIZED"],
  },
  loginLink: {
    method: "post",
    path: "/api/login-links",
    summary: "A link that logs a browser in, once and for some minutes.",
    status: 201,
    answer: LoginLink,
    errors: [],
  },
  drain: {
    method: "get",
    path: "/api/gateway/drain",
    summary: "Whether somebody wants the gateway to be quiet, and whether it is. The owner's token or the drain secret.",
    query: DrainQuery,
    status: 200,
    answer: DrainStatus,
    errors: [],
  },
  drainAct: {
    method: "post",
    path: "/api/gateway/drain",
    summary: "Begins or renews a drain, or takes it back. The owner's token or the drain secret.",
    body: DrainRequestBody,
    example: { action: "drain", principal: "updater", ttl_seconds: 600 },
    status: 200,
    answer: DrainAnswer,
    errors: [],
  },
  gatewayStop: {
    method: "post",
    path: "/api/gateway/stop",
    summary: "Stops the gateway. It answers what will happen; processes go on unless they are asked to end.",
    body: GatewayOrder,
    example: {},
    status: 202,
    answer: GatewayOrderAnswer,
    errors: [],
  },
  gatewayRestart: {
    method: "post",
    path: "/api/gateway/restart",
    summary: "Restarts the gateway, by its service manager or by a next one that takes over. Processes go on.",
    body: GatewayOrder,
    example: {},
    status: 202,
    answer: GatewayOrderAnswer,
    errors: ["GATEWAY_RESTART_LIMIT", "GATEWAY_START_FAILED"],
  },
  list: {
    method: "get",
    path: "/api/processes",
    summary: "Processes, newest first: live ones, or all that are kept.",
    query: ListQuery,
    status: 200,
    answer: z.object({ processes: z.array(ProcessView) }),
    errors: [],
  },
  notices: {
    method: "get",
    path: "/api/notices",
    summary: "What somebody asked to be told, oldest first, with how far it got.",
    query: NoticesQuery,
    status: 200,
    answer: z.object({ notices: z.array(Notice) }),
    errors: [],
  },
  start: {
    method: "post",
    path: "/api/processes",
    summary: "Starts a process.",
    body: StartRequest,
    example: { command: "sleep 5; echo done", name: "nap", lifetime: "host" },
    status: 201,
    answer: StartedProcess,
    errors: [
      "LIMIT_PROCESSES",
      "LIMIT_UNAVAILABLE",
      "GATEWAY_DRAINING",
      "NAME_TAKEN",
      "ENSURE_DIFFERS",
      "KEEPER_UNAVAILABLE",
      "KEEPER_SILENT",
    ],
  },
  get: {
    method: "get",
    path: "/api/processes/:ref",
    summary: "One process, by id, unique prefix or name.",
    status: 200,
    answer: ProcessView,
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS"],
  },
  change: {
    method: "patch",
    path: "/api/processes/:ref",
    summary: "Changes limits of a live process: all that are named or, when one cannot be enforced, none. null lifts one.",
    body: ChangeRequest,
    example: { limits: { run_ms_max: 600_000 } },
    status: 200,
    answer: ProcessView,
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "PROCESS_ENDED", "PROCESS_NOT_STARTED", "LIMIT_UNAVAILABLE"],
  },
  output: {
    method: "get",
    path: "/api/processes/:ref/output",
    summary: "Output as text with its offsets; as bytes with `raw=bytes` or `Accept: application/octet-stream`.",
    query: OutputQuery,
    status: 200,
    answer: ReadResult,
    bytes: true,
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "NO_TERMINAL"],
  },
  acknowledge: {
    method: "post",
    path: "/api/processes/:ref/acknowledge",
    summary: "The reader has what was read up to `to` for good: its next read of `last` begins there.",
    body: AcknowledgeRequest,
    example: { reader: "me", to: 4096 },
    status: 200,
    answer: z.object({ id: ProcessId, reader: z.string(), to: z.int() }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS"],
  },
  wait: {
    method: "post",
    path: "/api/processes/:ref/wait",
    summary: "Waits for the end, a line, quiet, a port, an answer or for input being wanted. A deadline is a normal answer.",
    body: WaitRequest,
    example: { until: { match: "ready in" }, deadline_seconds: 60 },
    status: 200,
    answer: z.object({ reason: WaitReason, process: WaitedProcess }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS"],
  },
  input: {
    method: "post",
    path: "/api/processes/:ref/input",
    summary: "Writes to standard input, or closes it.",
    body: InputRequest,
    example: { data: "yes\n" },
    status: 200,
    answer: z.object({ bytes_written: z.int(), offset: z.int() }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "PROCESS_ENDED", "PROCESS_NOT_STARTED", "STDIN_CLOSED", "STDIN_FULL"],
  },
  signal: {
    method: "post",
    path: "/api/processes/:ref/signal",
    summary: "Sends one signal.",
    body: SignalRequest,
    example: { signal: "SIGHUP" },
    status: 200,
    answer: z.object({ signalled: z.array(z.int()) }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "PROCESS_ENDED", "PROCESS_NOT_STARTED", "IDENTITY_UNPROVEN"],
  },
  kill: {
    method: "post",
    path: "/api/processes/:ref/kill",
    summary: "Ends it and its tree, and says whether anything is left.",
    body: KillRequest,
    example: { reason: "no longer needed" },
    status: 200,
    answer: z.looseObject({ verdict: z.enum(["killed", "already_exited", "survivors"]), process: ProcessView }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "KILL_SURVIVORS", "IDENTITY_UNPROVEN"],
  },
  handOver: {
    method: "post",
    path: "/api/processes/:ref/hand-over",
    summary: "From now on it belongs to another session, which is told of it.",
    body: HandOverRequest,
    example: { session: "agent:main:web:dm:1", purpose: "the dev server of the shop" },
    status: 200,
    answer: z.object({ id: ProcessId, interest: Interest }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS"],
  },
  resize: {
    method: "post",
    path: "/api/processes/:ref/resize",
    summary: "Changes the size of its terminal.",
    body: ResizeRequest,
    example: { rows: 30, cols: 120 },
    status: 200,
    answer: z.object({ id: ProcessId, tty: TerminalSize }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "PROCESS_ENDED", "PROCESS_NOT_STARTED", "NO_TERMINAL"],
  },
  events: {
    method: "get",
    path: "/api/events",
    summary: "Facts as server-sent events, resumable by Last-Event-ID.",
    status: 200,
    answer: "text/event-stream",
    errors: [],
  },
} as const satisfies Record<string, Route>;
