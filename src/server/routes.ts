import { z } from "zod";
import {
  ChangeBody,
  DrainAnswer,
  DrainRequest,
  DrainStatus,
  type ErrorCode,
  GatewayOrder,
  GatewayOrderAnswer,
  GatewayStatusPayload,
  HandOver,
  HealthPayload,
  Interest,
  KeeperKill,
  KeeperSignal,
  Notice,
  NoticeState,
  ProcessId,
  ProcessView,
  ReadResult,
  StartBody,
  StatusPayload,
  TerminalSize,
  WaitedProcess,
  WaitReason,
  WaitUntil,
} from "../contract/index.ts";

/** A wait through HTTP ends after this at the latest; the client asks again. */
export const waitSecondsMax = 300;

/** One endpoint: what it takes and gives. Requests are checked against it, and `/openapi.json` is made of it. */
export type Route = {
  readonly method: "get" | "post" | "patch";
  /** Parameters in Hono's form, `:ref`. */
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodObject;
  readonly status: 200 | 201 | 202;
  /** JSON answer, or the media type of another. */
  readonly answer: z.ZodType | string;
  /** Refusals of its own, beside those that any request may meet. */
  readonly errors: readonly ErrorCode[];
};

const flag = z.enum(["", "1", "true", "0", "false"]).transform((word) => word !== "0" && word !== "false");
const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "a whole number, 0 or more")
  .transform(Number);

export const ListQuery = z.strictObject({
  /** Also those that have ended. */
  all: flag.optional(),
  session: z.string().max(512).optional(),
  /** With a session as well: those of the task, and the session's others with `session_scoped`. */
  task: z.string().max(512).optional(),
});
export const NoticesQuery = z.strictObject({
  process: ProcessId.optional(),
  session: z.string().max(512).optional(),
  state: NoticeState.optional(),
  /** The newest so many; default 100. */
  limit: wholeNumber.pipe(z.number().min(1).max(1000)).optional(),
});
export const OutputQuery = z.strictObject({
  /** `last` goes with a reader: behind what it has acknowledged. */
  since: z.union([z.enum(["start", "last"]), wholeNumber]).optional(),
  /** Who reads. Reading alone moves nothing: see `acknowledge`. */
  reader: z.string().min(1).max(200).optional(),
  view: z.enum(["delta", "tail", "head", "headTail", "screen"]).optional(),
  max_bytes: wholeNumber.pipe(z.number().min(1).max(1_048_576)).optional(),
  max_tokens: wholeNumber.pipe(z.number().min(1)).optional(),
  /** Lines that hold this text, or match it with `re2`. */
  search: z.string().min(1).max(1000).optional(),
  re2: flag.optional(),
  context_lines: wholeNumber.optional(),
  matches_max: wholeNumber.optional(),
  /** A page of lines: from this one on; 0: the last ones. */
  line_offset: wholeNumber.optional(),
  line_limit: wholeNumber.optional(),
  raw: z.enum(["", "1", "true", "0", "false", "bytes"]).optional(),
});
export const StartRequest = StartBody;
export const WaitRequest = z.strictObject({
  until: WaitUntil.optional(),
  /** Matches count only in output from this absolute offset on. */
  after: z.int().min(0).optional(),
  deadline_seconds: z.number().min(0).max(waitSecondsMax).default(180),
});
export const AcknowledgeRequest = z.strictObject({ reader: z.string().min(1).max(200), to: z.int().min(0) });
export const InputRequest = z.strictObject({
  data: z.string().optional(),
  data_base64: z.base64().optional(),
  eof: z.boolean().optional(),
});
export const SignalRequest = z.strictObject(KeeperSignal.shape);
export const KillRequest = z.strictObject({ reason: KeeperKill.shape.reason, grace_ms: KeeperKill.shape.grace_ms });
export const ChangeRequest = ChangeBody;
export const HandOverRequest = HandOver;
export const ResizeRequest = z.strictObject(TerminalSize.shape);

const Started = ProcessView.extend({
  /** The folder that was asked for, when it did not exist. */
  cwd_requested: z.string().optional(),
  /** With `yield_seconds`: what it printed until now. */
  output_text: z.string().optional(),
});
export const LoginLink = z.object({ url: z.string(), expires_in_seconds: z.int() });
const Ready = z.object({ ready: z.boolean(), phase: z.string() });

export const DrainQuery = z.strictObject({
  /** Answers when everything has drained or nobody asks for a drain any more, after so many seconds at the latest. */
  wait_seconds: wholeNumber.pipe(z.number().max(60)).optional(),
});
export const DrainRequestBody = DrainRequest;

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
    status: 200,
    answer: DrainAnswer,
    errors: [],
  },
  gatewayStop: {
    method: "post",
    path: "/api/gateway/stop",
    summary: "Stops the gateway. It answers what will happen; processes go on unless they are asked to end.",
    body: GatewayOrder,
    status: 202,
    answer: GatewayOrderAnswer,
    errors: [],
  },
  gatewayRestart: {
    method: "post",
    path: "/api/gateway/restart",
    summary: "Restarts the gateway, by its service manager or by a next one that takes over. Processes go on.",
    body: GatewayOrder,
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
    status: 201,
    answer: Started,
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
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "NO_TERMINAL"],
  },
  acknowledge: {
    method: "post",
    path: "/api/processes/:ref/acknowledge",
    summary: "The reader has what was read up to `to` for good: its next read of `last` begins there.",
    body: AcknowledgeRequest,
    status: 200,
    answer: z.object({ id: ProcessId, reader: z.string(), to: z.int() }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS"],
  },
  wait: {
    method: "post",
    path: "/api/processes/:ref/wait",
    summary: "Waits for the end, a line, quiet, a port, an answer or for input being wanted. A deadline is a normal answer.",
    body: WaitRequest,
    status: 200,
    answer: z.object({ reason: WaitReason, process: WaitedProcess }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS"],
  },
  input: {
    method: "post",
    path: "/api/processes/:ref/input",
    summary: "Writes to standard input, or closes it.",
    body: InputRequest,
    status: 200,
    answer: z.object({ bytes_written: z.int(), offset: z.int() }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "PROCESS_ENDED", "PROCESS_NOT_STARTED", "STDIN_CLOSED", "STDIN_FULL"],
  },
  signal: {
    method: "post",
    path: "/api/processes/:ref/signal",
    summary: "Sends one signal.",
    body: SignalRequest,
    status: 200,
    answer: z.object({ signalled: z.array(z.int()) }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "PROCESS_ENDED", "PROCESS_NOT_STARTED", "IDENTITY_UNPROVEN"],
  },
  kill: {
    method: "post",
    path: "/api/processes/:ref/kill",
    summary: "Ends it and its tree, and says whether anything is left.",
    body: KillRequest,
    status: 200,
    answer: z.looseObject({ verdict: z.enum(["killed", "already_exited", "survivors"]), process: ProcessView }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS", "KILL_SURVIVORS", "IDENTITY_UNPROVEN"],
  },
  handOver: {
    method: "post",
    path: "/api/processes/:ref/hand-over",
    summary: "From now on it belongs to another session, which is told of it.",
    body: HandOverRequest,
    status: 200,
    answer: z.object({ id: ProcessId, interest: Interest }),
    errors: ["PROCESS_NOT_FOUND", "PROCESS_AMBIGUOUS"],
  },
  resize: {
    method: "post",
    path: "/api/processes/:ref/resize",
    summary: "Changes the size of its terminal.",
    body: ResizeRequest,
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
