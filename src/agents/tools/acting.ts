import { HermaError, type ProcessId, type ProcessView, TerminalSize } from "../../contract/index.ts";
import { keyBytes, keyNames, needsTerminal, originalWords } from "../../rules/index.ts";
import { type Asked, type Deps, problem } from "./asked.ts";
import { untilOf } from "./conditions.ts";
import type { Action } from "./descriptions.ts";
import { shortened } from "./fields.ts";
import { answer, block, endWords, sentenceOf } from "./results.ts";
import type { ToolCall, ToolResult } from "./types.ts";
import { waitAfter } from "./waiting.ts";

const thenWaitUntilDefault = { quietSeconds: 1 };

/** Actions that change something of one process. */
export async function actOn(deps: Deps, action: Action, id: ProcessId, asked: Asked, call: ToolCall): Promise<ToolResult> {
  const view = deps.registry.plain.get(id);
  if (action === "kill") return await kill(deps, id, asked);
  if (view.exit !== null) return alreadyExited(view);
  switch (action) {
    case "write":
      if (asked.data === undefined) return needs("write", '"data": "yes\\n"');
      return await send(deps, view, asked.data, asked, call);
    case "submit":
      // A terminal's Enter is a carriage return; on a pipe a line ends with a line feed.
      return await send(deps, view, `${asked.data ?? ""}${view.tty === null ? "\n" : "\r"}`, asked, call);
    case "keys":
      return await sendKeys(deps, view, asked, call);
    case "close":
      await deps.registry.plain.write(id, { data: "", eof: true });
      return answer({
        status: "ok",
        message: view.tty === null ? "stdin closed" : "EOF sent",
        ...block({ view: deps.registry.plain.get(id), reason: "look" }),
      });
    case "signal":
      return await signal(deps, view, asked);
    case "resize":
      return await resize(deps, view, asked);
    default:
      return problem(`${action} is no action on one process.`);
  }
}

function needs(action: string, parameter: string): ToolResult {
  return problem(`${action} needs data: {"action": "${action}", "session_id": "proc_…", ${parameter}}.`);
}

function alreadyExited(view: ProcessView): ToolResult {
  return answer({
    status: "already_exited",
    error: `Process ${view.id} has already ended.`,
    exit_code: originalWords(view).exit_code,
    ...block({ view, reason: "look" }),
  });
}

async function kill({ registry }: Deps, id: ProcessId, asked: Asked): Promise<ToolResult> {
  if (asked.signal !== undefined)
    return problem(
      `kill always ends the whole process; for one signal use {"action": "signal", "session_id": "${id}", "signal": ${shortened(asked.signal)}}.`,
    );
  const result = await registry.plain.kill(id, { source: "process.kill" });
  const view = result.process;
  const words = originalWords(view);
  if (result.verdict === "already_exited")
    return answer({ status: "already_exited", session_id: id, exit_code: words.exit_code, ...block({ view, reason: "look" }) });
  return answer({
    status: "killed",
    session_id: id,
    ...(words.exit_code === null ? {} : { exit_code: words.exit_code }),
    completion_reason: words.completion_reason ?? "killed",
    termination_source: words.termination_source ?? "process.kill",
    ...block({ view, reason: "exit" }),
  });
}

async function send(deps: Deps, view: ProcessView, data: string, asked: Asked, call: ToolCall): Promise<ToolResult> {
  const until = asked.then_wait === undefined || asked.until === undefined ? thenWaitUntilDefault : untilOf(asked.until);
  if (typeof until === "string" && until !== "exit") return problem(until);
  if (asked.then_wait === undefined && asked.until !== undefined)
    return problem("until needs then_wait here: the seconds to wait for it at most.");
  if (view.stdin !== "open" && view.tty === null)
    return problem(
      `Process stdin not available: ${view.id} was started without it, or it was closed. Start it with stdin=pipe or pty=true.`,
    );
  let written: { readonly bytes_written: number; readonly offset: number };
  try {
    written = await deps.registry.plain.write(view.id, { data });
  } catch (error) {
    // Between the look and the write it may have ended, or have closed its input.
    if (!(error instanceof HermaError)) throw error;
    const now = deps.registry.plain.get(view.id);
    return now.exit === null ? problem(sentenceOf(error)) : alreadyExited(now);
  }
  const ok = { status: "ok", bytes_written: written.bytes_written };
  if (asked.then_wait === undefined) return answer({ ...ok, ...block({ view, reason: "look" }), cursor: written.offset });
  const waited = await waitAfter(
    deps,
    view.id,
    { until, seconds: asked.then_wait, after: written.offset, maxTokens: asked.max_tokens },
    call,
  );
  // The status of the wait is the newer one.
  return { ...waited, content: { ...ok, ...waited.content } };
}

async function sendKeys(deps: Deps, view: ProcessView, asked: Asked, call: ToolCall): Promise<ToolResult> {
  const names = (asked.data ?? "").split(/[\s,]+/).filter((name) => name !== "");
  if (names.length === 0) return needs("keys", '"data": "ctrl-c"');
  const bytes: string[] = [];
  for (const name of names) {
    const key = keyBytes(name) ?? ([...name].length === 1 ? name : null);
    if (key === null)
      return problem(
        `${shortened(name)} is no key; there are ${keyNames.join(", ")}, ctrl- and alt- with a character. Text goes with write.`,
      );
    if (view.tty === null && needsTerminal(key))
      return problem(`${view.id} has no terminal, so ${name} would mean nothing to it: use signal with INT for ctrl-c, close for ctrl-d.`);
    bytes.push(view.tty === null && key === "\r" ? "\n" : key);
  }
  return await send(deps, view, bytes.join(""), asked, call);
}

async function signal({ registry }: Deps, view: ProcessView, asked: Asked): Promise<ToolResult> {
  const name = asked.signal ?? asked.data;
  if (name === undefined) return problem(`signal needs a signal: {"action": "signal", "session_id": "${view.id}", "signal": "INT"}.`);
  if (/^\s*-?\d+\s*$/.test(name)) return problem(`signal takes a name such as INT, TERM or HUP, not the number ${name.trim()}.`);
  const { signalled } = await registry.plain.signal(view.id, { signal: name });
  const now = registry.plain.get(view.id);
  return answer({ status: "ok", session_id: view.id, signalled: signalled.length, ...block({ view: now, reason: "look" }) });
}

async function resize({ registry }: Deps, view: ProcessView, asked: Asked): Promise<ToolResult> {
  const match = /^\s*(\d{1,4})\s*[x× ,]\s*(\d{1,4})\s*$/.exec(asked.data ?? "");
  const size = match === null ? null : TerminalSize.safeParse({ rows: Number(match[1]), cols: Number(match[2]) });
  if (size === null || !size.success)
    return problem(
      `resize needs data as ROWSxCOLUMNS, each from 1 to 1000: {"action": "resize", "session_id": "${view.id}", "data": "30x120"}.`,
    );
  if (view.tty === null) return problem(`${view.id} has no terminal to resize; start it with pty=true.`);
  await registry.plain.resize(view.id, size.data);
  return answer({ ...endWords(view), status: "ok", message: `terminal is ${size.data.rows}x${size.data.cols}` });
}
