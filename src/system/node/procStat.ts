import type { ProcessRow } from "../types.ts";

/** Fields of `/proc/<pid>/stat` behind the name, counted from 0 (state). */
const field = { state: 0, parent: 1, group: 2, session: 3, threads: 17, startTime: 19 } as const;

/**
 * Reads one `/proc/<pid>/stat`; null when it is not in that form. The name stands between the first "(" and the LAST ")", because it may hold
 * blanks, parentheses and newlines itself. A dead main thread whose other threads go on is no zombie.
 */
export function parseProcStat(text: string): ProcessRow | null {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return null;
  const fields = text.slice(close + 2).split(" ");
  const number = (index: number): number => Number(fields[index]);
  const row: ProcessRow = {
    pid: Number(text.slice(0, open)),
    parent: number(field.parent),
    group: number(field.group),
    session: number(field.session),
    name: text.slice(open + 1, close),
    startTime: number(field.startTime),
    zombie: isDeadState(fields[field.state]) && number(field.threads) <= 1,
    stopped: fields[field.state] === "T" || fields[field.state] === "t",
  };
  const whole = [row.pid, row.parent, row.group, row.session, row.startTime].every(Number.isSafeInteger);
  return whole && row.pid > 0 ? row : null;
}

function isDeadState(state: string | undefined): boolean {
  return state === "Z" || state === "X" || state === "x";
}
