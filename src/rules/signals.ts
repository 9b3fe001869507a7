/** Linux's numbers (x86 and ARM). Other systems number some of them otherwise; what crosses a border is always the name. */
const numbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGIOT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPOLL: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};
/** As the C library counts them: the kernel's first two real-time signals belong to its threads. */
const realTime = { first: 34, last: 64 };

/** The Linux number of a signal's name, such as `SIGTERM` or `SIGRTMIN+3`; null for anything else. */
export function signalNumber(name: string): number | null {
  const known = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
  if (known !== undefined) return known;
  const match = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (match === null) return null;
  const [, border, sign, digits] = match;
  if ((border === "MIN" && sign === "-") || (border === "MAX" && sign === "+")) return null;
  const distance = Number(digits ?? 0);
  const number = border === "MIN" ? realTime.first + distance : realTime.last - distance;
  return number >= realTime.first && number <= realTime.last ? number : null;
}
