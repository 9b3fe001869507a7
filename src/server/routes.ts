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
  /** A body that somebody might send. */
  readonly example?: Readonly<Record<string, unknown>>;
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
  .transform(Number)
  .pipe(z.int().min(0));

export const ListQuery = z.strictObject({
  /** Also those that have ended. */
  all: flag.optional(),
  /** Those of this conversation. */
  session: z.string().max(512).optional(),
  /** With a session as well: those of the task, and the session's others with `session_scoped`. */
  task: z.string().max(512).optional(),
});
export const NoticesQuery = z.strictObject({
  /** Of this process: its whole id. */
  process: ProcessId.optional(),
  /** For this conversation. */
  session: z.string().max(512).optional(),
  /** Those that got just so far. */
  state: NoticeState.optional(),
  /** The newest so many; default 100. */
  limit: wholeNumber.pipe(z.int().min(1).max(1000)).optional(),
});
export const OutputQuery = z.strictObject({
  /** From where: an absolute offset, or the start of what is kept. `last` goes with a reader: behind what it has acknowledged. */
  since: z.union([z.enum(["start", "last"]), wholeNumber]).optional(),
  /** Who reads. Reading alone moves nothing: see `acknowledge`. */
  reader: z.string().min(1).max(200).optional(),
  /** Which part of that: all of it up to the budget, its end, its beginning, both, or what a terminal shows now. */
  view: z.enum(["delta", "tail", "head", "headTail", "screen"]).optional(),
  /** At most so much text. */
  max_bytes: wholeNumber.pipe(z.int().min(1).max(1_048_576)).optional(),
  /** The same, in tokens of a model, about. */
  max_tokens: wholeNumber.pipe(z.int().min(1)).optional(),
  /** Lines that hold this text, or match it with `re2`. */
  search: z.string().min(1).max(1000).optional(),
  /** `search` is a pattern of RE2. */
  re2: flag.optional(),
  /** With a search: so many lines before and behind each. */
  context_lines: wholeNumber.optional(),
  /** With a search: at most so many lines. */
  matches_max: wholeNumber.optional(),
  /** A page of lines: from this one on; 0: the last ones. */
  line_offset: wholeNumber.optional(),
  /** With a page of lines: so many. */
  line_limit: wholeNumber.optional(),
  /** The text as it is, secrets and control characters included; `bytes` answers the bytes alone, without JSON. */
  raw: z.enum(["", "1", "true", "0", "false", "bytes"]).optional(),
});
export const StartRequest = StartBody;
export const WaitRequest = z.strictObject({
  /** What for. Absent: its end. */
  until: WaitUntil.optional(),
  /** Matches count only in output from this absolute offset on. */
  after: z.int().min(0).optional(),
  /** It answers after so many seconds at the latest, with `deadline` as the reason. */
  deadline_seconds: z.number().min(0).max(waitSecondsMax).default(180),
});
export const AcknowledgeRequest = z.strictObject({
  /** Who has read. */
  reader: z.string().min(1).max(200),
  /** Up to this absolute offset: `acknowledge_to` of what was read. */
  to: z.int().min(0),
});
export const InputRequest = z.strictObject({
  /** Text, as it is: a line ends with `\n`. */
  data: z.string().optional(),
  /** Bytes. Not together with `data`. */
  data_base64: z.base64().optional(),
  /** Closes standard input behind that; a terminal is sent its end of input. */
  eof: z.boolean().optional(),
});
export const SignalRequest = z.strictObject(KeeperSignal.shape);
export const KillRequest = z.strictObject({ reason: KeeperKill.shape.reason, grace_ms: KeeperKill.shape.grace_ms });
export const ChangeRequest = ChangeBody;
export const HandOverRequest = HandOver;
export const ResizeRequest = z.strictObject(TerminalSize.shape);

export const StartedProcess = ProcessView.extend({
  /** The folder that was asked for, when it did not exist. */
  cwd_requested: z.string().optional(),
  /** With `yield_seconds`: what it printed until now. */
  output_text: z.string().optional(),
});
export const LoginLink = z.object({ url: z.string(), expires_in_seconds: z.int() });
const Ready = z.object({ ready: z.boolean(), phase: z.string() });

export const DrainQuery = z.strictObject({
  /** Answers when everything has drained or nobody asks for a drain any more, after so many seconds at the latest. */
  wait_seconds: wholeNumber.pipe(z.int().min(0).max(60)).optional(),
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
