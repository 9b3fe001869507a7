import { HermaError, type ProcessId, type WaitReason } from "../contract/index.ts";
import type { Timer } from "../system/index.ts";
import { openBell } from "./bell.ts";
import type { Context } from "./context.ts";
import { getProcess, isOver, requireFolder } from "./list.ts";
import type { WaitOptions, WaitResult } from "./types.ts";

const deadlineSecondsDefault = 180;
/** Timers of the system hold no more than 2^31 - 1 ms; longer ones are set again. */
const timerMsMax = 2_147_483_647;

/** See `Registry.wait`. */
export async function waitForProcesses(context: Context, options: WaitOptions): Promise<WaitResult> {
  const seconds = options.deadlineSeconds ?? deadlineSecondsDefault;
  if (Number.isNaN(seconds) || seconds < 0) throw new HermaError("BAD_REQUEST", "deadlineSeconds is 0 or more");
  const ids = [...new Set(options.ids)];
  if (ids.length === 0) throw new HermaError("BAD_REQUEST", "there is nothing to wait for: name at least one process");
  for (const id of ids) requireFolder(context, id);
  const reason = await untilOver(context, ids, { ...options, deadlineMs: seconds * 1000 });
  return { reason, processes: ids.map((id) => getProcess(context, id)) };
}

async function untilOver(
  context: Context,
  ids: readonly ProcessId[],
  options: WaitOptions & { readonly deadlineMs: number },
): Promise<WaitReason> {
  const pending = new Set(ids);
  const met = (): boolean => {
    for (const id of pending) if (isOver(context, id)) pending.delete(id);
    return options.mode === "any" ? pending.size < ids.length : pending.size === 0;
  };
  if (met()) return "exit";
  const given = AbortSignal.any(options.signal === undefined ? [context.closing] : [options.signal, context.closing]);
  if (given.aborted) return "interrupted";
  if (options.deadlineMs === 0) return "deadline";
  const over = new AbortController();
  const deadline = deadlineTimer(context, options.deadlineMs, () => over.abort());
  const signal = AbortSignal.any([given, over.signal]);
  // Output rings nobody who waits for an end.
  const bell = openBell(context, { ids, heard: (event) => event.type === "exit", signal });
  try {
    for (;;) {
      // The end wins over a deadline of the same moment.
      if (met()) return "exit";
      if (given.aborted) return "interrupted";
      if (over.signal.aborted) return "deadline";
      await bell.rung();
    }
  } finally {
    deadline.cancel();
    bell.close();
  }
}

function deadlineTimer({ system }: Context, ms: number, late: () => void): Timer {
  const endMs = system.clock.monotonicMs() + ms;
  let timer: Timer | null = null;
  const set = (): void => {
    const left = endMs - system.clock.monotonicMs();
    if (left <= 0) late();
    else timer = system.clock.after(Math.min(left, timerMsMax), set);
  };
  set();
  return { cancel: () => timer?.cancel() };
}
