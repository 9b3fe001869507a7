import { constants } from "node:os";

/** First and last real-time signal a program may use on Linux (glibc keeps the two below for itself). */
const realTimeFirst = 34;
const realTimeLast = 64;

const names = new Map<number, string>();
const numbers = new Map<string, number>();
for (const [name, number] of Object.entries(constants.signals)) {
  numbers.set(name, number);
  // SIGIOT and SIGPOLL come after the names people know.
  if (!names.has(number)) names.set(number, name);
}

/** Name of a signal as the records write it: SIGTERM, SIGRTMIN+3; SIG<number> for one the system does not name. */
export function signalName(number: number): string {
  const name = names.get(number);
  if (name !== undefined) return name;
  return number >= realTimeFirst && number <= realTimeLast ? `SIGRTMIN+${number - realTimeFirst}` : `SIG${String(number).padStart(2, "0")}`;
}

/** Number of a signal by name, or null when this system has none of that name. */
export function signalNumber(name: string): number | null {
  const number = numbers.get(name);
  if (number !== undefined) return number;
  const realTime = /^SIGRTMIN\+(\d{1,2})$/.exec(name);
  if (realTime === null) return null;
  const value = realTimeFirst + Number(realTime[1]);
  return value <= realTimeLast ? value : null;
}

/** What a wait status says: an exit code, or the signal that ended it. Exactly one is not null. */
export function decodeWaitStatus(status: number): { readonly code: number | null; readonly signal: string | null } {
  const signal = status & 0x7f;
  if (signal === 0) return { code: (status >> 8) & 0xff, signal: null };
  return { code: null, signal: signalName(signal) };
}
