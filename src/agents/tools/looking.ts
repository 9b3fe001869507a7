import type { Interest, ProcessId, ProcessView } from "../../contract/index.ts";
import { freshPolls, judgePoll, type PollState, shortPoll } from "../../rules/index.ts";
import { type Asked, type Deps, maxTokensOf, type PollMemory, problem } from "./asked.ts";
import { patternOf } from "./conditions.ts";
import { answer, block, commandLine, endWords, firstHint, omittedHint } from "./results.ts";
import type { JsonObject, ToolCall, ToolResult } from "./types.ts";

const listedDefault = 50;
const listedMax = 500;
const previewBytes = 200;
const linesDefault = 200;
const linesMax = 10_000;
const matchesDefault = 50;
const matchesMax = 200;
const pollSecondsDefault = 5;
/** Most pairs of reader and process whose polls in vain are counted. */
const polledMax = 1000;

/** `list`: processes of this task or session, newest first; with neither, all of the home. */
export function list({ registry, options }: Deps, asked: Asked): ToolResult {
  const { session, task } = options;
  const everything = registry.plain.list({ all: true });
  const isOurs = (view: ProcessView): boolean =>
    (session === undefined && task === undefined) ||
    (task !== undefined && view.owner.task === task) ||
    (session !== undefined && view.owner.session === session);
  const ours = everything.filter(isOurs);
  const limit = Math.min(asked.limit ?? listedDefault, listedMax);
  // Live processes first, so that ended ones do not crowd them out.
  const chosen = [...ours.filter((view) => view.exit === null), ...ours.filter((view) => view.exit !== null)].slice(0, limit);
  const others = everything.filter((view) => view.exit === null && !isOurs(view)).length;
  return answer({
    processes: chosen.map((view) => entryOf({ registry, options }, view)),
    ...(chosen.length < ours.length ? { more: ours.length - chosen.length } : {}),
    ...(others > 0 ? { running_elsewhere: others } : {}),
  });
}

function entryOf({ registry, options }: Pick<Deps, "registry" | "options">, view: ProcessView): JsonObject {
  const words = endWords(view);
  const interest = registry.interest(view.id);
  const elsewhere = options.task !== undefined && view.owner.task !== options.task;
  return {
    session_id: view.id,
    ...(view.name === null ? {} : { name: view.name }),
    command: commandLine(view),
    cwd: view.cwd,
    pid: view.pid,
    started_at: view.started_at,
    uptime_seconds: view.uptime_seconds === null ? null : Math.floor(view.uptime_seconds),
    status: words.status ?? "running",
    ...(words.exit_code === undefined ? {} : { exit_code: words.exit_code }),
    output_preview: previewOf(registry, view),
    ...(elsewhere ? { session_scoped: true } : {}),
    ...(interest === null ? {} : toldOf(registry, view, interest)),
    ...(view.problem === null ? {} : { problem: view.problem }),
  };
}

function toldOf(registry: Deps["registry"], { id }: ProcessView, interest: Interest): JsonObject {
  const watches = registry.plain.interest.watches(id);
  const patterns = watches.map(({ rule }) => (typeof rule.match === "string" ? rule.match : `re2:${rule.match.re2}`));
  return {
    ...(interest.notify_on_complete ? { notify_on_complete: true } : {}),
    ...(patterns.length === 0 ? {} : { watch_patterns: patterns, watch_hit: watches.some(({ hits }) => hits > 0) }),
  };
}

/** Pruning may take a process away between the list and the look. */
function previewOf(registry: Deps["registry"], view: ProcessView): string {
  try {
    return registry.plain.read(view.id, { view: "tail", maxBytes: previewBytes }).text;
  } catch {
    return "";
  }
}

/** `poll`: its state, and the output that this reader has not acknowledged. With nothing new it first waits a little, then gives a short answer. */
export async function poll(deps: Deps, id: ProcessId, asked: Asked, call: ToolCall): Promise<ToolResult> {
  const { registry, polls } = deps;
  const maxTokens = maxTokensOf(asked.max_tokens);
  const shownView = asked.view === "delta" ? "delta" : "headTail";
  let view = registry.plain.get(id);
  let read = registry.readNew(id, { view: shownView, maxTokens });
  if (view.exit === null && read.text === "" && read.to === read.from) {
    await somethingNew(deps, id, read.to, call);
    view = registry.plain.get(id);
    read = registry.readNew(id, { view: shownView, maxTokens });
  }
  const known = polls.get(id);
  const news = read.to > read.from || view.exit !== null || (known !== undefined && known.phase !== view.phase);
  const interest = registry.interest(id);
  const wakeable = registry.wakes;
  const judged = judgePoll(known?.state ?? freshPolls, {
    news,
    running: view.exit === null,
    armed: interest?.notify_on_complete === true,
    wakeable,
  });
  remember(polls, id, { state: judged.state, phase: view.phase });
  if (judged.advice === "arm") registry.changeInterest(id, { notify_on_complete: true });
  if (!news) return answer({ ...shortPoll(id, "running", read.to, judged.advice) });
  return answer(
    {
      session_id: id,
      command: commandLine(view),
      ...endWords(view),
      pid: view.pid,
      uptime_seconds: view.uptime_seconds === null ? null : Math.floor(view.uptime_seconds),
      output_preview: read.text,
      ...block({
        view,
        reason: view.exit === null ? "look" : "exit",
        read,
        wakeArmed: interest?.notify_on_complete === true,
        hint: firstHint(omittedHint(id, read)),
      }),
    },
    () => registry.acknowledge(read),
  );
}

function remember(polls: PollMemory, id: ProcessId, state: { readonly state: PollState; readonly phase: string }): void {
  polls.delete(id);
  polls.set(id, state);
  if (polls.size > polledMax) polls.delete(polls.keys().next().value as ProcessId);
}

/** Resolves at the first output behind `since`, at the end, or when the wait of an empty poll is over. */
async function somethingNew({ registry, options }: Deps, id: ProcessId, since: number, { signal }: ToolCall): Promise<void> {
  const seconds = options.pollSeconds ?? pollSecondsDefault;
  if (seconds <= 0 || signal?.aborted === true) return;
  const over = new AbortController();
  const timer = options.clock.after(seconds * 1000, () => over.abort());
  try {
    for await (const _chunk of registry.plain.follow(id, {
      since,
      signal: signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]),
    }))
      break;
  } finally {
    timer.cancel();
  }
}

/** `log`: lines as the original pages them, or bytes from an offset, or the screen of a terminal. Output counts as read only with since=last. */
export function log({ registry }: Deps, id: ProcessId, asked: Asked): ToolResult {
  const maxTokens = maxTokensOf(asked.max_tokens);
  const view = registry.plain.get(id);
  const head = { session_id: id, command: commandLine(view), ...endWords(view) };
  const paged = asked.limit !== undefined || (asked.offset ?? 0) > 0;
  const side = paged ? pageSide(asked) : null;
  if (side === null && (asked.since !== undefined || asked.view !== undefined)) {
    const since = sinceOf(asked.since);
    if (since === null) return problem("since must be a byte offset such as 4096, start, or last.");
    if (asked.view === "screen" && view.tty === null)
      return problem(`${id} has no terminal and so no screen; start it with pty=true, or use log without view.`);
    const last = since === "last";
    const read = last
      ? registry.readNew(id, { maxTokens, view: asked.view ?? "delta" })
      : registry.plain.read(id, {
          ...(since === undefined ? {} : { since }),
          ...(asked.view === undefined ? {} : { view: asked.view }),
          maxTokens,
        });
    const noPage = paged && "limit and offset count lines from either end, so they were ignored: max_tokens bounds this.";
    const hint = firstHint(noPage, omittedHint(id, read));
    const content = { ...head, output: read.text, ...block({ view, reason: "look", read, hint }) };
    return answer(content, () => {
      registry.acknowledge(read);
      registry.endKnown(read);
    });
  }
  const limit = Math.min(asked.limit ?? linesDefault, linesMax);
  const lines = { offset: asked.offset ?? 0, limit };
  const read = registry.plain.read(id, { lines, maxTokens, ...(side === "head" ? { view: side } : {}) });
  const shownLines = read.text === "" ? 0 : read.text.replace(/\n$/, "").split("\n").length;
  return answer(
    {
      ...head,
      output: read.text,
      total_lines: read.total_lines ?? shownLines,
      showing: `${shownLines} lines`,
      ...block({ view, reason: "look" }),
    },
    () => registry.endKnown(read),
  );
}

/** From which end lines are paged; null where a view or an offset in bytes leaves nothing to count them from. */
function pageSide({ since, view }: Asked): "head" | "tail" | null {
  const start = since?.trim().toLowerCase() === "start";
  if (since !== undefined && !start) return null;
  if (view === undefined) return start ? "head" : "tail";
  if (view === "head" || (view === "tail" && !start)) return view;
  return null;
}

function sinceOf(since: string | undefined): number | "start" | "last" | undefined | null {
  if (since === undefined) return undefined;
  const word = since.trim().toLowerCase();
  if (word === "start" || word === "last") return word;
  const offset = Number(word);
  return word !== "" && Number.isSafeInteger(offset) && offset >= 0 ? offset : null;
}

/** `search`: all kept lines that match the pattern, with their offsets. Very long output is searched in parts. */
export function search({ registry }: Deps, id: ProcessId, asked: Asked): ToolResult {
  if (asked.pattern === undefined || asked.pattern === "" || asked.pattern === "re2:")
    return problem('search needs a pattern: {"action": "search", "session_id": "proc_…", "pattern": "ERROR"}, or re2:PATTERN.');
  const since = sinceOf(asked.since);
  if (since === null || since === "last") return problem("since of a search must be a byte offset such as 4096, or start.");
  const limit = Math.min(asked.limit ?? matchesDefault, matchesMax);
  const read = registry.plain.read(id, {
    ...(since === undefined ? {} : { since }),
    search: { ...patternOf(asked.pattern), matchesMax: limit },
    maxTokens: maxTokensOf(asked.max_tokens),
  });
  const matches = (read.matches ?? []).map(({ offset, line }) => ({ offset, line }));
  const total = read.matches_total ?? matches.length;
  const view = registry.plain.get(id);
  const hint =
    total > matches.length
      ? `There are more: narrow the pattern, raise limit or max_tokens, or go on with since=${read.to}.`
      : read.more
        ? `Searched up to byte ${read.to} of ${read.end}: go on with since=${read.to}.`
        : undefined;
  const range = { from: read.from, to: read.to, ...(read.more ? { more: true } : {}) };
  return answer({
    session_id: id,
    ...endWords(view),
    matches,
    matches_total: total,
    ...block({ view, reason: "look", hint }),
    output_range: range,
    cursor: read.to,
  });
}
