import { z } from "zod";
import {
  ChangeBody,
  DrainRequest,
  HandOver,
  KeeperKill,
  KeeperSignal,
  NoticeState,
  ProcessId,
  StartBody,
  TerminalSize,
  WaitUntil,
} from "../contract/index.ts";

/** A wait through HTTP ends after this at the latest; the client asks again. */
export const waitSecondsMax = 300;

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

export const DrainQuery = z.strictObject({
  /** Answers when everything has drained or nobody asks for a drain any more, after so many seconds at the latest. */
  wait_seconds: wholeNumber.pipe(z.int().min(0).max(60)).optional(),
});
export const DrainRequestBody = DrainRequest;
