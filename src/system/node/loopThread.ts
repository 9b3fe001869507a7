/**
 * The thread beside the event loop (loopObserver.ts). It imports nothing of the house but a few numbers: it must be small, start fast, and
 * work when the rest of the program does not.
 */
import fs from "node:fs";
import nodeProcess from "node:process";
import { workerData } from "node:worker_threads";
import { endProgram, mainStack } from "./loopEnd.ts";
import type { LoopOrder } from "./loopObserver.ts";
import { looked, type Standing, slots } from "./loopShared.ts";

const { shared, plan, debugged } = workerData as LoopOrder;
const numbers = new Float64Array(shared);
const begunMs = performance.now();

let standing: Standing = { beats: numbers[slots.beats]!, stillMs: 0 };
let lookedMs = begunMs;
let reportedMs = Number.NEGATIVE_INFINITY;
let reportedFrozen = false;
let longestStillMs = 0;
let ending = false;

const timer = setInterval(look, plan.beatMs);
look();

function look(): void {
  if (ending) return;
  const nowMs = performance.now();
  standing = looked(standing, numbers[slots.beats]!, nowMs - lookedMs, plan.beatMs);
  lookedMs = nowMs;
  longestStillMs = Math.max(longestStillMs, standing.stillMs);
  const frozen = standing.stillMs >= plan.standstillMs;
  if (frozen !== reportedFrozen || nowMs - reportedMs >= (frozen ? plan.standstillMs : plan.reportMs)) report(frozen, nowMs);
  if (plan.endMs === null || debugged || standing.stillMs < plan.endMs) return;
  ending = true;
  void end().finally(() => {
    ending = false;
  });
}

/** Replaced whole, without waiting for the disk: the report is only needed while the machine runs. */
function report(frozen: boolean, nowMs: number): void {
  reportedMs = nowMs;
  reportedFrozen = frozen;
  try {
    replace(
      plan.reportPath,
      JSON.stringify({
        format: 1,
        ...plan.facts,
        at: timestamp(),
        loop: frozen ? "frozen" : "alive",
        still_ms: Math.round(standing.stillMs),
        longest_still_ms: Math.round(longestStillMs),
        rss_bytes: nodeProcess.memoryUsage.rss(),
        heap_bytes: numbers[slots.heapBytes],
        heap_bytes_max: numbers[slots.heapBytesMax],
      }),
    );
  } catch {
    // The disk is full or gone; the next one may be written.
  }
}

/** Ends the program: diary, state, exit. Not if the loop turns again while its stack is taken. */
async function end(): Promise<void> {
  const stack = await mainStack();
  if (numbers[slots.beats] !== standing.beats) {
    stack.goOn();
    return;
  }
  clearInterval(timer);
  const seconds = Math.round(standing.stillMs / 1000);
  const at = timestamp();
  const detail = `its event loop stood still for ${seconds} s`;
  const state = ownState();
  const phase = state?.phase ?? null;
  attempt(() => append(plan.end.diaryPath, { ...plan.end.entry, at, detail, phase, uptime_s: uptimeSeconds(), stack: stack.text }));
  if (state !== null) attempt(() => changeState(state, at, detail));
  await endProgram(plan.end.exitCode, `herma: ${detail}; ending. It stood here:\n${stack.text ?? "(nothing tells)"}\n`);
}

function append(path: string, entry: Record<string, unknown>): void {
  const file = fs.openSync(
    path,
    fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_CREAT | (fs.constants.O_NOFOLLOW ?? 0),
    0o600,
  );
  fs.writeSync(file, `${JSON.stringify(entry)}\n`);
  fs.fdatasyncSync(file);
  fs.closeSync(file);
}

/** What the program wrote of itself last; null when the file is another's by now, or cannot be read. */
function ownState(): Record<string, unknown> | null {
  try {
    const state = JSON.parse(fs.readFileSync(plan.end.statePath, "utf8")) as Record<string, unknown>;
    return state.instance_id === plan.facts.instance_id ? state : null;
  } catch {
    return null;
  }
}

/** The file has one writer, the program; its loop will never write again, so this is its last word. */
function changeState(state: Record<string, unknown>, at: string, detail: string): void {
  const seq = typeof state.seq === "number" ? state.seq + 1 : 1;
  replace(plan.end.statePath, JSON.stringify({ ...state, ...plan.end.change, exit_reason: detail, updated_at: at, seq }));
}

function replace(path: string, text: string): void {
  const temporary = `${path}.loop.tmp`;
  fs.writeFileSync(temporary, text, { mode: 0o600 });
  fs.renameSync(temporary, path);
}

function uptimeSeconds(): number {
  const startedMs = Date.parse(String(plan.facts.started_at));
  return Number.isNaN(startedMs) ? Math.round(performance.now() - begunMs) / 1000 : Math.max(0, Date.now() - startedMs) / 1000;
}

function timestamp(): string {
  return new Date().toISOString().replace("Z", "+00:00");
}

function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // Every step is tried, even if the one before has failed.
  }
}
