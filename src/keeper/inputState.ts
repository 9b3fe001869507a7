import type { KeeperInputState, StateFile } from "../contract/index.ts";
import type { System, TerminalChild } from "../system/index.ts";

const nothing: KeeperInputState = { waiting: false, echo: null, line_mode: null, foreground_pid: null };
const standardInput = 0;

/**
 * Whether a process waits for input, as the kernel has it and not as its silence suggests: whoever is in the foreground of its terminal (or, of
 * one without a terminal, whoever is in its session) sleeps in a read of it.
 */
export function inputState(
  { processes }: Pick<System, "processes">,
  { state, terminal, justWritten }: { readonly state: StateFile; readonly terminal: TerminalChild | null; readonly justWritten: boolean },
): KeeperInputState {
  const { identity, session } = state;
  // Whoever still sleeps in its read then has been answered: it does not wait for that any more.
  if (identity === null || state.phase === "ended" || justWritten) return nothing;
  if (terminal !== null) {
    const seen = terminal.state();
    if (seen === null) return { ...nothing, waiting: null };
    const { echo, lineMode, foregroundGroup, path } = seen;
    const pids = membersOf(processes, (row) => foregroundGroup !== null && row.group === foregroundGroup);
    return { waiting: anyOf(processes, pids, path), echo, line_mode: lineMode, foreground_pid: foregroundGroup };
  }
  if (state.stdin !== "open") return nothing;
  const source = processes.openedAs(identity.pid, standardInput);
  if (source === null) return { ...nothing, waiting: null };
  const pids = membersOf(processes, (row) => row.session === session);
  return { ...nothing, waiting: anyOf(processes, pids, source) };
}

type Row = ReturnType<System["processes"]["list"]>[number];

function membersOf(processes: System["processes"], fits: (row: Row) => boolean): number[] {
  return processes
    .list()
    .filter((row) => fits(row) && !row.zombie && !row.stopped)
    .map((row) => row.pid);
}

/** One that waits is enough; otherwise one that cannot be told leaves it open. */
function anyOf(processes: System["processes"], pids: readonly number[], source: string): boolean | null {
  let answer: boolean | null = false;
  for (const pid of pids) {
    const sleeps = processes.sleepsReading(pid, source);
    if (sleeps === true) return true;
    if (sleeps === null) answer = null;
  }
  return answer;
}
