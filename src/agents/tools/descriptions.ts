import { foregroundSecondsDefault, foregroundSecondsMax } from "../../contract/index.ts";
import type { Fields } from "./fields.ts";

// Every word here is paid for in each turn of each conversation: the two tools together stay below 1,200 tokens (a test counts).

export const waitSecondsDefault = 180;
export const waitSecondsMax = 300;

const weights = ["turn", "context", "ignore"] as const;
const onExit = "What its end does, by outcome {success, failure, stopped, lost}: turn (wakes you), context, ignore";
const limits = "{memory_mb, pids, cpu_percent, run_seconds, output_mb}";

/** What a model is told of `timeout`: the default is a setting. */
export function timeoutAbout(foregroundSeconds: number): string {
  return `Seconds until it is killed. Foreground: default ${foregroundSeconds}, at most ${foregroundSecondsMax}`;
}

export const terminalDescription = [
  "Run a shell command. In the foreground it returns output and exit_code when the command ends; after timeout seconds it is killed (exit_code 124), unless yield_seconds is given.",
  "Servers, watchers, long builds: background=true returns a session_id at once for the process tool.",
  "The process goes on through restarts of the agent. With notify_on_complete you are told of its end: do other work, do not poll. Do not use nohup, setsid or &.",
].join(" ");

export const terminalFields = {
  command: { kind: "string" },
  background: { kind: "boolean" },
  timeout: {
    kind: "integer",
    min: 1,
    about: timeoutAbout(foregroundSecondsDefault),
  },
  workdir: { kind: "string" },
  pty: { kind: "boolean", about: "Give it a terminal, for interactive programs" },
  notify_on_complete: { kind: "boolean", about: "With background: you are told when it ends" },
  watch_patterns: { kind: "strings", about: "With background: you are told of lines with these texts, or re2:PATTERN" },
  yield_seconds: { kind: "number", min: 0, about: "Return after this time and leave it running" },
  name: { kind: "string", about: "Use it in place of the session_id" },
  ensure: { kind: "boolean", about: "With name: return the one that runs already, if it is the same" },
  stdin: { kind: "string", words: ["none", "pipe"], about: "pipe: process write works. Default none" },
  lifetime: { kind: "string", words: ["turn", "session", "project", "host"] },
  on_exit: { kind: "map", words: weights, about: onExit },
  limits: { kind: "map", about: limits },
  max_tokens: { kind: "integer", min: 1, about: "Of output. Default 2000, at most 10000" },
} as const satisfies Fields;

export const actions = [
  "list",
  "poll",
  "log",
  "wait",
  "kill",
  "write",
  "submit",
  "close",
  "signal",
  "keys",
  "resize",
  "search",
  "update",
  "hand_over",
] as const;
export type Action = (typeof actions)[number];

type OfAction = Exclude<keyof typeof processFields, "action" | "session_id" | "session_ids">;

/** What each action makes something of, besides the process it is about. */
export const parametersOf: Readonly<Record<Action, readonly OfAction[]>> = {
  list: ["limit"],
  poll: ["view", "max_tokens"],
  log: ["offset", "limit", "since", "view", "max_tokens"],
  wait: ["mode", "until", "after", "timeout", "max_tokens"],
  kill: ["signal"],
  write: ["data", "then_wait", "until", "max_tokens"],
  submit: ["data", "then_wait", "until", "max_tokens"],
  close: [],
  signal: ["signal", "data"],
  keys: ["data", "then_wait", "until", "max_tokens"],
  resize: ["data"],
  search: ["pattern", "since", "limit", "max_tokens"],
  update: ["notify_on_complete", "watch_patterns", "on_exit", "limits"],
  hand_over: ["to", "data"],
};

/** Parameters that show that another action is meant, with the sentence that names it. Ignoring them would answer another question. */
export const meantOtherwise: Readonly<Partial<Record<Action, Readonly<Partial<Record<OfAction, string>>>>>> = {
  poll: { until: "poll waits for nothing: use wait, which takes until and timeout." },
  log: { pattern: "log shows lines whatever they have in them: use search, which takes pattern." },
  wait: { pattern: 'wait takes what it waits for as until: {"action": "wait", "session_id": "proc_…", "until": "match:TEXT"}.' },
  close: { data: "close sends no data: use write or submit first, then close." },
};

export const processDescription = [
  "Work with processes started by terminal.",
  "list; poll: state and new output; log: last lines, or from offset; wait: until it ends, or until a condition; kill: it and all its children;",
  "write: data as it is; submit: data and Enter; close: end of input; keys: names such as 'ctrl-c up enter' to a terminal; resize: data '30x120';",
  "signal: send one; search: lines with pattern; update: notify_on_complete, watch_patterns, on_exit, limits; hand_over: to another session, data: what it is for.",
  "Prefer one wait to many polls. Offsets are bytes of its output; each result's cursor is the next.",
].join(" ");

export const processFields = {
  action: { kind: "string", words: actions },
  session_id: { kind: "string", about: "Id, its first characters, or name" },
  session_ids: { kind: "strings", about: "wait: several" },
  mode: { kind: "string", words: ["any", "all"], about: "wait: for one of several, or all (default)" },
  until: { kind: "string", about: "wait, then_wait: exit (default), match:TEXT, re2:PATTERN, quiet:SECONDS, port:NUMBER, http://…, input" },
  after: { kind: "integer", min: 0, about: "wait: only matches behind this offset" },
  timeout: { kind: "number", min: 0, about: `wait: seconds, default ${waitSecondsDefault}, at most ${waitSecondsMax}. Nothing is killed` },
  data: { kind: "string" },
  then_wait: {
    kind: "number",
    min: 0,
    about: "write, submit, keys: then wait so many seconds for until (default quiet:1) and return new output",
  },
  offset: { kind: "integer", min: 0, about: "log: first line; 0 or absent: the last ones" },
  limit: { kind: "integer", min: 1, about: "log: lines (default 200); list, search: entries" },
  since: { kind: "string", about: "log, search: byte offset, start, or last (what you have not read)" },
  view: { kind: "string", words: ["delta", "tail", "head", "headTail", "screen"], about: "screen: what a terminal shows now" },
  to: { kind: "string", about: "hand_over: session" },
  pattern: { kind: "string", about: "search: TEXT or re2:PATTERN" },
  signal: { kind: "string", about: "signal: such as INT, HUP" },
  notify_on_complete: { kind: "boolean" },
  watch_patterns: { kind: "strings", about: "update: more of them" },
  on_exit: { kind: "map", words: weights },
  limits: { kind: "map" },
  max_tokens: { kind: "integer", min: 1 },
} as const satisfies Fields;
