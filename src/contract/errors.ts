/**
 * The error catalogue. A code is stable for ever and never reused.
 *
 * Three kinds, told apart by what the caller should do:
 * - `refusal`: the request cannot be done as it stands; whoever asked is told so, and nothing is logged.
 * - `fault`: the system failed; logged once, where it is given up.
 * - `bug`: should never happen; the program records it and ends with exit code 70.
 */
export type ErrorKind = "refusal" | "fault" | "bug";

export type ErrorRow = {
  readonly kind: ErrorKind;
  /** One line for `docs/errors.md`: when it happens. */
  readonly doc: string;
  /** What a person can do about it. */
  readonly hint: string;
  /** HTTP status when it reaches a web client. */
  readonly http: number;
  /** Exit code when a command ends with it. */
  readonly exit: number;
};

export const errorCatalogue = {
  BAD_REQUEST: { kind: "refusal", doc: "A request or an option is missing, mistyped or out of range.", hint: "The message names the field; --help or /openapi.json shows what it takes.", http: 400, exit: 2 },
  UNAUTHORIZED: { kind: "refusal", doc: "The request carries no token, or a wrong one.", hint: "Send `Authorization: Bearer` with the content of the file `token` in the home.", http: 401, exit: 2 },
  FORBIDDEN_HOST: { kind: "refusal", doc: "The Host or Origin header names a place this server does not serve.", hint: "Open the address that `herma gateway run` printed.", http: 403, exit: 2 },
  ONLY_SHOWS: { kind: "refusal", doc: "A request to the dashboard would change something; the dashboard only shows.", hint: "Ask the gateway (`herma gateway status` tells its address), or use the `herma` command.", http: 405, exit: 2 },
  BODY_TOO_LARGE: { kind: "refusal", doc: "The request's body is larger than this server takes.", hint: "Send less at once; input can be sent in pieces.", http: 413, exit: 2 },
  NOT_FOUND: { kind: "refusal", doc: "There is no such path.", hint: "/reference lists every path for people, /openapi.json for programs.", http: 404, exit: 2 },
  PROCESS_NOT_FOUND: { kind: "refusal", doc: "No process has this id, prefix or name.", hint: "`herma ps --all` lists every process that is still kept.", http: 404, exit: 4 },
  PROCESS_AMBIGUOUS: { kind: "refusal", doc: "The prefix fits more than one process.", hint: "Give more digits of the id; the message lists what fits.", http: 409, exit: 4 },
  PROCESS_ENDED: { kind: "refusal", doc: "The process is over, so it takes no input, signal or size.", hint: "`herma inspect ID` tells how it ended; start it again if you need it.", http: 409, exit: 5 },
  PROCESS_NOT_STARTED: { kind: "refusal", doc: "The process has not been spawned yet.", hint: "Try again when `herma inspect ID` says running.", http: 409, exit: 5 },
  PROCESS_EXISTS: { kind: "refusal", doc: "The home has a process of this id already.", hint: "Start with a new id.", http: 409, exit: 5 },
  STDIN_CLOSED: { kind: "refusal", doc: "The process was started without an open standard input, or it was closed.", hint: "Start it with --stdin or --tty to be able to write to it.", http: 409, exit: 5 },
  STDIN_FULL: { kind: "refusal", doc: "The process does not read its input, and as much is waiting for it as may.", hint: "Wait until it reads, then send the rest.", http: 429, exit: 5 },
  NO_TERMINAL: { kind: "refusal", doc: "The process has no terminal, so it has no size and no screen.", hint: "Start it with --tty.", http: 409, exit: 5 },
  KILL_SURVIVORS: { kind: "refusal", doc: "Every signal of a kill has been sent, and members of the process's tree still live.", hint: "The message names them. Kill again, or look at what they wait for with `ps`: state D is a disk or network wait, in which no signal is heard.", http: 409, exit: 7 },
  IDENTITY_UNPROVEN: { kind: "refusal", doc: "The pid could not be proven to be the recorded process, so nothing was signalled.", hint: "Nothing to do: Herma never signals what it cannot prove to be its own.", http: 409, exit: 7 },
  LIMIT_PROCESSES: { kind: "refusal", doc: "As many processes live as may. None of them is ended to make room.", hint: "End one of the listed processes, or raise processes.live_max in herma.yaml.", http: 429, exit: 5 },
  COMMAND_TOO_LONG: { kind: "refusal", doc: "The command and the other wishes of this start do not fit into spec.json (1 MiB).", hint: "Put the command into a script and run that, or send its data as input.", http: 413, exit: 2 },
  LIMIT_UNAVAILABLE: {
    kind: "refusal",
    doc: "A limit was asked for that cannot be enforced here, so nothing was started or changed.",
    hint: "Limits of memory, processes and processor time need a cgroup in which the keeper may make others: as root, or under systemd with delegation. The message says what is missing; the start works without the limit.",
    http: 501,
    exit: 6,
  },
  NAME_TAKEN: { kind: "refusal", doc: "A live process has this name.", hint: "Choose another name, or kill the one that has it.", http: 409, exit: 5 },
  ENSURE_DIFFERS: { kind: "refusal", doc: "A live process has this name, but was started with other options than `ensure` asks for.", hint: "The message names what differs. Kill that process first, or choose another name.", http: 409, exit: 5 },
  KEEPER_LEAVING: { kind: "refusal", doc: "The keeper was told to end, so it starts nothing more.", hint: "Try again: the next start brings up a new keeper.", http: 503, exit: 6 },
  REQUEST_EXPIRED: { kind: "refusal", doc: "The keeper got to a request only after its caller had stopped waiting for it, so it was not carried out.", hint: "Nothing was done; try again. The keeper, or the machine, was busy or stopped for a while.", http: 408, exit: 6 },
  GATEWAY_RUNNING: { kind: "refusal", doc: "Another gateway holds the lock of this home.", hint: "`herma gateway status` shows it; stop it, or use another --home.", http: 409, exit: 1 },
  GATEWAY_SURVIVES: { kind: "refusal", doc: "The gateway was told to end and still lives.", hint: "`herma gateway stop --force` ends it without waiting for running work.", http: 409, exit: 7 },
  GATEWAY_INSIDE: { kind: "refusal", doc: "A process of the gateway asked to stop or restart it. The order is kept until the work under way is done.", hint: "Nothing to do. From a terminal that the gateway did not start, the order is carried out at once.", http: 409, exit: 5 },
  GATEWAY_RESTART_LIMIT: { kind: "refusal", doc: "The gateway was restarted from inside too often within an hour.", hint: "`herma gateway history` tells why it restarts. From a terminal, `herma gateway restart` works all the same.", http: 429, exit: 5 },
  GATEWAY_START_FAILED: { kind: "fault", doc: "The gateway could not come up, for a reason that is neither its configuration nor another gateway.", hint: "The message has the reason. Once that is mended, start it again.", http: 500, exit: 1 },
  GATEWAY_DRAINING: { kind: "refusal", doc: "The gateway is draining or stopping and takes no new work. Running work goes on, and reading works.", hint: "Try again shortly. `herma gateway status` tells whether it drains; `herma gateway undrain` takes a drain back.", http: 503, exit: 5 },
  GATEWAY_DOWN: { kind: "refusal", doc: "No gateway runs in this home, so it cannot be asked.", hint: "`herma gateway run` starts one.", http: 409, exit: 3 },
  SERVICE_NOT_INSTALLED: { kind: "refusal", doc: "The gateway of this home is not installed as a service.", hint: "`herma gateway install` installs it.", http: 409, exit: 3 },
  SERVICE_UNAVAILABLE: { kind: "refusal", doc: "This machine has no service manager that Herma knows, or it cannot be used here.", hint: "Have whatever starts programs on this machine run `herma gateway run`.", http: 501, exit: 78 },
  SERVICE_FAILED: { kind: "fault", doc: "The service manager did not do what it was told.", hint: "The message has its words; `herma gateway logs` shows what the gateway said.", http: 500, exit: 6 },
  CONFIG_INVALID: { kind: "refusal", doc: "herma.yaml cannot be used.", hint: "The message names the line; `herma config check` shows every problem.", http: 500, exit: 78 },
  IMPORT_UNUSABLE: { kind: "refusal", doc: "The settings to import are not there, cannot be read, or are no config.yaml.", hint: "Name the home of a Hermes agent, or its config.yaml. Nothing was written.", http: 400, exit: 78 },
  PORT_TAKEN: { kind: "refusal", doc: "The port is in use by another program, or this user may not use it.", hint: "Choose another with --port, or 0 for any free one.", http: 500, exit: 1 },
  HOME_UNUSABLE: { kind: "refusal", doc: "The home folder cannot be made, read or written.", hint: "Check the folder's owner and permissions, or choose another with --home.", http: 500, exit: 78 },
  HOME_NEWER: { kind: "refusal", doc: "A file in the home was written by a newer Herma, in a form that this version does not know.", hint: "Use that version, or a newer one; or choose another home with --home. Nothing was changed.", http: 500, exit: 78 },
  NODE_TOO_OLD: { kind: "refusal", doc: "This Node.js is too old to run Herma.", hint: "Install Node.js 24 or newer, or run `npm ci` in the checkout, which brings one.", http: 500, exit: 78 },
  PLATFORM_UNSUPPORTED: { kind: "refusal", doc: "The keeper does not run on this system.", hint: "Use Linux, macOS, or WSL on Windows.", http: 501, exit: 78 },
  DEADLINE: { kind: "refusal", doc: "What was waited for has not happened in time.", hint: "Wait again; nothing was changed.", http: 408, exit: 124 },
  KEEPER_UNAVAILABLE: { kind: "fault", doc: "The keeper could not be started, or does not answer in time.", hint: "The log of the keeper (`keepers/*/log` in the home) tells why; `herma keeper status` lists the keepers.", http: 503, exit: 6 },
  KEEPER_SILENT: {
    kind: "fault",
    doc: "A keeper holds its lock but gives no answer in time (wedged, stopped or overloaded). It is not replaced, because its processes live.",
    hint: "`herma keeper status` shows its pid; look at what it waits for. Should you have to kill it, the next one takes its processes over, except those with a terminal.",
    http: 504,
    exit: 6,
  },
  KEEPER_PROTOCOL: { kind: "fault", doc: "A keeper answered in a form this version does not know.", hint: "It comes from another version; it leaves when its last process ends. `herma keeper stop` ends it and its processes.", http: 502, exit: 6 },
  FILE_CORRUPT: { kind: "fault", doc: "A file in the home cannot be read in its format. It, or a copy of it, was set aside as `.corrupt`.", hint: "Nothing else is affected; `herma doctor` and `herma inspect` name the file.", http: 500, exit: 6 },
  DISK_FULL: { kind: "fault", doc: "The disk of the home is full.", hint: "Make room; running processes go on, and what could not be kept is recorded as lost.", http: 507, exit: 6 },
  TOO_MANY_FILES: { kind: "fault", doc: "No file descriptors are left.", hint: "Raise the limit (ulimit -n), or end some processes.", http: 503, exit: 6 },
  IO: { kind: "fault", doc: "The system refused a read or write.", hint: "The message has the system's reason.", http: 500, exit: 6 },
  INTERNAL: { kind: "bug", doc: "Something that cannot happen did.", hint: "Please report it with the log.", http: 500, exit: 70 },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorCatalogue;

/** What crosses a border when something fails: problem details (RFC 9457) with the catalogue's code and hint. */
export type ErrorBody = {
  code: ErrorCode;
  message: string;
  hint: string;
  /** Facts a program can use, such as the survivors of a kill. */
  data?: Record<string, unknown>;
};

/** An error of the catalogue. Every error that leaves a room is one; anything else thrown is a bug. */
export class HermaError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly data: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; data?: Record<string, unknown>; hint?: string } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "HermaError";
    this.code = code;
    this.hint = options.hint ?? errorCatalogue[code].hint;
    this.data = options.data;
  }

  get row(): ErrorRow {
    return errorCatalogue[this.code];
  }

  toBody(): ErrorBody {
    const body: ErrorBody = { code: this.code, message: this.message, hint: this.hint };
    if (this.data !== undefined) body.data = this.data;
    return body;
  }

  /** Rebuilds an error that came over a wire; an unknown code (from another version) becomes `INTERNAL` with its text kept. */
  static fromBody(body: { code?: unknown; message?: unknown; hint?: unknown; data?: unknown }): HermaError {
    const known = typeof body.code === "string" && Object.hasOwn(errorCatalogue, body.code);
    const code = known ? (body.code as ErrorCode) : "INTERNAL";
    const message = typeof body.message === "string" ? body.message : `unreadable error ${JSON.stringify(body.code)}`;
    const options: { hint?: string; data?: Record<string, unknown> } = {};
    if (typeof body.hint === "string") options.hint = body.hint;
    if (typeof body.data === "object" && body.data !== null) options.data = body.data as Record<string, unknown>;
    return new HermaError(code, message, options);
  }
}

/** Type guard for catch clauses. */
export function isHermaError(error: unknown, code?: ErrorCode): error is HermaError {
  return error instanceof HermaError && (code === undefined || error.code === code);
}
