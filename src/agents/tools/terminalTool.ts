import {
  foregroundSecondsDefault,
  foregroundSecondsMax,
  HermaError,
  type Lifetime,
  type LimitsChange,
  type ProcessView,
  processNamePattern,
  type WakePolicy,
} from "../../contract/index.ts";
import type { StartOptions } from "../../processes/index.ts";
import { originalWords } from "../../rules/index.ts";
import { maxTokensOf } from "./asked.ts";
import { watchRulesOf } from "./conditions.ts";
import { terminalDescription, terminalFields, timeoutAbout } from "./descriptions.ts";
import { parseFields, schemaOf, type Values } from "./fields.ts";
import { detachingTrick } from "./guard.ts";
import { limitsOf } from "./limits.ts";
import { answer, block, firstHint, ignoredHint, omittedHint, refusal, sentenceOf } from "./results.ts";
import type { ToolRegistry } from "./toolRegistry.ts";
import type { JsonObject, Tool, ToolCall, ToolResult, ToolsOptions } from "./types.ts";

type Asked = Values<typeof terminalFields>;
type Deps = { readonly registry: ToolRegistry; readonly options: ToolsOptions };

/** The exit code of a command that was killed because its time was over, as timeout(1) has it. */
const timeoutExitCode = 124;
const yieldSecondsMax = 300;
/** The keeper ends a foreground command by itself this much later than its timeout, in case the program that waits for it has gone. */
const backstopMs = 5000;

/** `terminal`: starts a command and waits for it, or does not. */
export function terminalTool(deps: Deps): Tool {
  const { foregroundSeconds = foregroundSecondsDefault } = deps.options;
  if (!(foregroundSeconds > 0 && foregroundSeconds <= foregroundSecondsMax))
    throw new HermaError("BAD_REQUEST", `foregroundSeconds: ${foregroundSeconds} is not a number above 0, up to ${foregroundSecondsMax}`);
  const timeout = { ...terminalFields.timeout, about: timeoutAbout(foregroundSeconds) };
  return {
    name: "terminal",
    description: terminalDescription,
    inputSchema: schemaOf({ ...terminalFields, timeout }, ["command"]),
    run: async (input, call = {}) => {
      const parsed = parseFields("terminal", terminalFields, input);
      if (!parsed.ok) return failed(parsed.error);
      const wrong = wrongAsked(parsed.values);
      if (wrong !== null) return failed(wrong);
      try {
        const { values, ignored } = parsed;
        return values.background === true ? await background(deps, values, ignored) : await foreground(deps, values, ignored, call);
      } catch (error) {
        const sentence = sentenceOf(error);
        return failed(parsed.values.background === true ? `Failed to start background process: ${sentence}` : sentence);
      }
    },
  };
}

function failed(error: string): ToolResult {
  return refusal({ output: "", exit_code: -1, error });
}

/** Parameters that exclude each other, as a sentence that names the right call. */
function wrongAsked(asked: Asked): string | null {
  if (asked.command === undefined || asked.command.trim() === "") return 'terminal needs command, such as {"command": "npm test"}.';
  if (asked.command.includes("\0")) return "command must not contain NUL characters.";
  if (asked.name !== undefined && !processNamePattern.test(asked.name))
    return "name is 1 to 64 letters, digits, dots, dashes or underscores, and begins with a letter or digit.";
  if (asked.ensure === true && asked.name === undefined) return "ensure needs a name: it returns the process of that name when one runs.";
  if (asked.background === true) return null;
  if (asked.yield_seconds === undefined && (asked.timeout ?? 0) > foregroundSecondsMax)
    return `A foreground timeout is at most ${foregroundSecondsMax} seconds. For longer work use background=true with notify_on_complete=true, or yield_seconds.`;
  const trick = detachingTrick(asked.command);
  if (trick !== null)
    return `${trick} hides the process: nothing would know its output or its end. Run the command itself with background=true.`;
  return null;
}

async function background({ registry, options }: Deps, asked: Asked, ignored: readonly string[]): Promise<ToolResult> {
  const { notices, watch, notify } = interestOf(registry, asked);
  const view = await registry.start({
    ...startRequest(options, asked),
    ...(notify || watch.wake !== undefined ? { notifyOnComplete: true } : {}),
    ...watch,
  });
  if (view.exit?.cause === "failed_start") return failedStart(view);
  const silent = !notify && Object.keys(watch).length === 0 && asked.on_exit === undefined;
  return answer({
    output: "Background process started",
    session_id: view.id,
    pid: view.pid,
    exit_code: 0,
    error: null,
    ...(view.name === null ? {} : { name: view.name }),
    ...(view.cwd_requested === undefined ? {} : { note: `${view.cwd_requested} is no folder; it runs in ${view.cwd}` }),
    ...notices,
    ...block({
      view,
      reason: "yield",
      wakeArmed: notify,
      hint: firstHint(
        ignoredHint("terminal", ignored),
        notify && "You will be told when it ends: do other work, do not poll.",
        silent &&
          registry.wakes &&
          "It runs silently: with notify_on_complete=true you would be told of its end (process update can still set it).",
      ),
    }),
    ...(view.restart_survival === null ? {} : { restart_survival: view.restart_survival }),
  });
}

function failedStart(view: ProcessView): ToolResult {
  const { exit_code } = originalWords(view);
  const reason = view.exit?.failure?.message ?? "no reason is known";
  return refusal({
    output: "",
    session_id: view.id,
    exit_code,
    error: `Failed to start background process: ${reason}`,
    ...block({ view, reason: "exit" }),
  });
}

/** What the caller wants to be told of, and Hermes's words for wishes that were not taken. */
function interestOf(
  registry: ToolRegistry,
  asked: Asked,
): { readonly notify: boolean; readonly watch: Pick<StartOptions, "watch" | "wake">; readonly notices: JsonObject } {
  const patterns = (asked.watch_patterns ?? []).filter((pattern) => pattern !== "");
  const notify = asked.notify_on_complete === true;
  if ((notify || patterns.length > 0 || asked.on_exit !== undefined) && !registry.wakes)
    return { notify: false, watch: {}, notices: { notify_unsupported: "Nobody can be told here: use process poll or wait." } };
  const wake = asked.on_exit === undefined ? {} : { wake: asked.on_exit as Partial<WakePolicy> };
  const both = "watch_patterns ignored because notify_on_complete=true: the two together would tell everything twice.";
  const watched = patterns.length > 0 && !notify;
  return {
    notify,
    watch: { ...wake, ...(watched ? { watch: watchRulesOf(patterns) } : {}) },
    notices: {
      ...(notify ? { notify_on_complete: true } : {}),
      ...(watched ? { watch_patterns: patterns } : {}),
      ...(notify && patterns.length > 0 ? { watch_patterns_ignored: both } : {}),
    },
  };
}

function startRequest(options: ToolsOptions, asked: Asked): StartOptions {
  const workdir = asked.workdir ?? options.cwd;
  const limits: LimitsChange = { ...limitsOf(asked.limits ?? {}) };
  const timeoutMs = runMsOf(options, asked);
  if (timeoutMs !== null) limits.run_ms_max = Math.min(timeoutMs, limits.run_ms_max ?? timeoutMs);
  return {
    command: asked.command ?? "",
    owner: {
      kind: options.ownerKind ?? "tool",
      ...(options.session === undefined ? {} : { session: options.session }),
      ...(options.task === undefined ? {} : { task: options.task }),
    },
    limits,
    ...(workdir === undefined ? {} : { cwd: workdir }),
    ...(asked.pty === true ? { tty: true } : {}),
    ...(asked.stdin === "pipe" ? { stdin: "pipe" as const } : {}),
    ...(asked.lifetime === undefined ? {} : { lifetime: asked.lifetime as Lifetime }),
    ...(asked.name === undefined ? {} : { name: asked.name }),
    ...(asked.ensure === true ? { ensure: true } : {}),
  };
}

/** Milliseconds after which the keeper ends the command because of its timeout; null for a background command without one. */
function runMsOf(options: ToolsOptions, asked: Asked): number | null {
  if (asked.background !== true && asked.yield_seconds === undefined) return foregroundSecondsOf(options, asked) * 1000 + backstopMs;
  return asked.timeout === undefined ? null : asked.timeout * 1000;
}

function foregroundSecondsOf(options: ToolsOptions, asked: Asked): number {
  return asked.timeout ?? options.foregroundSeconds ?? foregroundSecondsDefault;
}

async function foreground({ registry, options }: Deps, asked: Asked, ignored: readonly string[], call: ToolCall): Promise<ToolResult> {
  const yields = asked.yield_seconds !== undefined;
  const seconds = yields ? Math.min(asked.yield_seconds ?? 0, yieldSecondsMax) : foregroundSecondsOf(options, asked);
  const started = await registry.start(startRequest(options, asked));
  const { id } = started;
  const waited =
    started.exit === null
      ? await registry.plain.wait({ ids: [id], deadlineSeconds: seconds, ...(call.signal === undefined ? {} : { signal: call.signal }) })
      : null;
  const interrupted = waited?.reason === "interrupted";
  let late = waited?.reason === "deadline" && !yields;
  if (late) {
    const killed = await registry.plain.kill(id, { source: "terminal.timeout", reason: `ran for ${seconds} s` });
    late = killed.verdict !== "already_exited";
  }
  const view = registry.plain.get(id);
  const read = registry.readNew(id, { view: "headTail", maxTokens: maxTokensOf(asked.max_tokens) });
  const words = originalWords(view);
  const misplaced =
    (asked.notify_on_complete === true || (asked.watch_patterns ?? []).length > 0 || Object.keys(asked.on_exit ?? {}).length > 0) &&
    "notify_on_complete, watch_patterns and on_exit work with background=true only.";
  const content: JsonObject = {
    output: read.text,
    exit_code: late ? timeoutExitCode : words.status === "running" ? null : words.exit_code,
    error: errorOf(view, { late, interrupted, seconds }),
    ...(started.cwd_requested === undefined ? {} : { note: `${started.cwd_requested} is no folder; it ran in ${started.cwd}` }),
    ...(view.exit === null || read.omitted_bytes > 0 ? { session_id: id } : {}),
    ...(view.exit === null ? { status: "running" } : {}),
    ...block({
      view,
      reason: interrupted ? "interrupted" : view.exit === null ? "yield" : late ? "deadline" : "exit",
      read,
      hint: firstHint(
        ignoredHint("terminal", ignored),
        misplaced,
        view.exit === null && "It goes on: process wait or poll with its session_id.",
        omittedHint(id, read),
      ),
    }),
  };
  return answer(content, () => {
    registry.acknowledge(read);
    registry.endKnown(read);
  });
}

function errorOf(
  view: ProcessView,
  how: { readonly late: boolean; readonly interrupted: boolean; readonly seconds: number },
): string | null {
  if (how.late) return `Command timed out after ${how.seconds} seconds and was killed.`;
  if (view.exit === null) return how.interrupted ? "The wait was interrupted; the command goes on." : null;
  return view.exit.cause === "failed_start" ? (view.exit.failure?.message ?? "It could not be started.") : null;
}
