import nodeProcess from "node:process";
import { isHermaError, type ProcessId } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { output } from "./output.ts";

const relayed = ["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
/** This many Ctrl-C kill the process, tree and all. */
const interruptsToKill = 3;

/**
 * Passes signals that reach `herma run` on to its process. Two are special: SIGHUP with a terminal on our side means that the terminal was
 * closed, and then the process is left alone; the third Ctrl-C kills the whole tree.
 */
export class SignalRelay {
  #registry: Registry | null = null;
  #id: ProcessId | null = null;
  #early: NodeJS.Signals[] = [];
  #interrupts = 0;
  #hungUp: () => void;

  /** Listens from here on, so that a signal during the start is not lost. `hungUp` is called when our terminal was closed. */
  constructor(hungUp: () => void) {
    this.#hungUp = hungUp;
    for (const signal of relayed) nodeProcess.on(signal, this.#receive);
  }

  /** The process is there: signals go to it, also those that came before. */
  aim(registry: Registry, id: ProcessId): void {
    this.#registry = registry;
    this.#id = id;
    for (const signal of this.#early.splice(0)) this.#receive(signal);
  }

  stop(): void {
    for (const signal of relayed) nodeProcess.off(signal, this.#receive);
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    if (signal === "SIGHUP" && [nodeProcess.stdin, nodeProcess.stdout, nodeProcess.stderr].some((stream) => stream.isTTY)) {
      this.#hungUp();
      return;
    }
    if (this.#registry === null || this.#id === null) {
      if (this.#early.length < 16) this.#early.push(signal);
      return;
    }
    if (signal === "SIGINT") this.#interrupts += 1;
    const kill = this.#interrupts >= interruptsToKill;
    if (this.#interrupts === interruptsToKill - 1 && nodeProcess.stderr.isTTY) output.note("herma: press Ctrl-C once more to kill it");
    const sent = kill
      ? this.#registry.kill(this.#id, { source: "process.kill", reason: "Ctrl-C" })
      : this.#registry.signal(this.#id, { signal });
    sent.catch((error: unknown) => {
      // The process has just ended; its exit code is reported as usual.
      if (!isHermaError(error, "PROCESS_ENDED")) output.note(`herma: ${signal} could not be passed on: ${(error as Error).message}`);
    });
  };
}
