import { z } from "zod";
import { ExitFile, Survivor } from "./disk/exit.ts";
import { Identity } from "./disk/identity.ts";
import { Limits, LimitsChange, TerminalSize } from "./disk/spec.ts";
import { RestartSurvival, SignalName, StateFile } from "./disk/state.ts";
import { ProcessId, Timestamp } from "./ids.ts";

/**
 * The keeper's API, version 1: HTTP/1.1 on a unix socket, JSON bodies, errors as {@link ErrorBody} with the catalogue's status.
 * `POST /hangup` is stable in every version for ever: stop everything and leave.
 */
export const keeperProtocol = 1;

/**
 * Header of a request: the moment, in milliseconds since the epoch, after which its caller may no longer wait for it. A keeper that gets to the
 * request later, for instance because it was stopped for a while, refuses it with REQUEST_EXPIRED and changes nothing; a start is recorded as failed.
 * A request without the header never expires.
 */
export const deadlineHeader = "herma-deadline";

export const KeeperHello = z.object({
  protocol: z.int(),
  version: z.string(),
  generation: z.string(),
  instance_id: z.string(),
  identity: Identity,
  home: z.string(),
  started_at: Timestamp,
  restart_survival: RestartSurvival,
  /** Live processes it holds. */
  held: z.int(),
  leaving: z.boolean(),
});
export type KeeperHello = z.infer<typeof KeeperHello>;

/** `POST /v1/processes`: start the process whose spec.json stands. Starting an id twice answers the first one's state. */
export const KeeperStart = z.object({
  id: ProcessId,
  /** The starter's variables; they overlay the login shell's. Values never reach a file. */
  variables: z.record(z.string(), z.string()),
  /** False: `variables` are all there is. */
  login_variables: z.boolean().default(true),
  /** Names of the login shell's variables that are passed although they would be held back as secrets. */
  pass_variables: z.array(z.string()).max(1000).default([]),
});
export type KeeperStart = z.input<typeof KeeperStart>;

/** A process as its keeper sees it now. */
export const KeeperProcess = z.object({
  state: StateFile,
  exit: ExitFile.nullable(),
  /** Absolute offset behind the last byte of output. */
  output_end: z.int(),
});
export type KeeperProcess = z.infer<typeof KeeperProcess>;

/** `POST /v1/processes/:id/input`. */
export const KeeperInput = z.object({
  /** Bytes, base64. */
  data: z.base64().default(""),
  /** Close standard input afterwards (terminals: send end-of-file, Ctrl-D). */
  eof: z.boolean().default(false),
});
export type KeeperInput = z.input<typeof KeeperInput>;
export const KeeperInputResult = z.object({
  bytes_written: z.int(),
  /** Where output stood when the input was taken: anchor a wait behind it. */
  offset: z.int(),
});
export type KeeperInputResult = z.infer<typeof KeeperInputResult>;

/** `GET /v1/processes/:id/input-state`. Null: it cannot be told. */
export const KeeperInputState = z.object({
  /** Somebody sleeps in the kernel until there is input for it. */
  waiting: z.boolean().nullable(),
  /** What is typed is shown, and taken by lines; null without a terminal. */
  echo: z.boolean().nullable(),
  line_mode: z.boolean().nullable(),
  /** Leader of the group in the terminal's foreground. */
  foreground_pid: z.int().nullable(),
});
export type KeeperInputState = z.infer<typeof KeeperInputState>;

/** `POST /v1/processes/:id/resize`. */
export const KeeperResize = TerminalSize;

/** `POST /v1/processes/:id/limits`: changes its limits; all of them or, when one cannot be enforced, none. */
export const KeeperLimits = LimitsChange;
export const KeeperLimitsResult = z.object({
  /** What holds from now on. */
  limits: Limits,
});
export type KeeperLimitsResult = z.infer<typeof KeeperLimitsResult>;

/** `POST /v1/processes/:id/signal`: one signal, no ladder, no intent. */
export const KeeperSignal = z.object({
  /** Such as `SIGHUP`. */
  signal: SignalName,
  /** Send it to the whole tree instead of to the process group. */
  tree: z.boolean().default(false),
});
export type KeeperSignal = z.input<typeof KeeperSignal>;
export const KeeperSignalResult = z.object({ signalled: z.array(z.int()) });
export type KeeperSignalResult = z.infer<typeof KeeperSignalResult>;

/** `POST /v1/processes/:id/kill`: the ladder. Answers when the verdict stands. */
export const KeeperKill = z.object({
  source: z.string().min(1).max(64).default("process.kill"),
  /** Kept with its end, for whoever asks why. */
  reason: z.string().max(500).optional(),
  /** Milliseconds from TERM to KILL; absent: the spec's. 0: TERM only. */
  grace_ms: z.int().min(0).max(3_600_000).optional(),
});
export type KeeperKill = z.input<typeof KeeperKill>;
export const KeeperKillResult = z.object({
  /** `killed`: nothing of the tree is left. `already_exited`: it had ended before. `survivors`: the ladder is exhausted. */
  verdict: z.enum(["killed", "already_exited", "survivors"]),
  survivors: z.array(Survivor),
  exit: ExitFile.nullable(),
});
export type KeeperKillResult = z.infer<typeof KeeperKillResult>;
