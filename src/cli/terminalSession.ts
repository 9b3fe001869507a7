import nodeProcess from "node:process";
import type { ProcessView, TerminalSize } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import { TerminalQueries } from "../rules/index.ts";
import type { Clock, Timer } from "../system/index.ts";
import type { Cli } from "./cli.ts";
import { DetachKeys } from "./detachKeys.ts";
import { endingSentence, exitCodeOf, waitForEnd } from "./endings.ts";
import { follow } from "./follow.ts";
import { InputPump } from "./inputPump.ts";
import { output, whenReaderLeaves } from "./output.ts";
import { screenNow } from "./screen.ts";
import { TerminalModes } from "./terminalModes.ts";
import { terminalSize } from "./terminalSize.ts";

/** A single Ctrl-\ is passed on when no second one follows within this time. */
const detachKeysMs = 1000;
const leavingSignals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

type Leaving = { readonly kind: "detached" } | { readonly kind: "signal"; readonly exitCode: number };

/**
 * Joins our terminal with the process's until it ends (returns its exit code), Ctrl-\ is pressed twice (0), or a signal ends us (128 + n).
 * In every case our terminal is left as it was found. `fromStart`: the process has just been started, so everything it wrote is shown;
 * otherwise its screen is painted first.
 */
export async function attachTerminal(cli: Cli, registry: Registry, view: ProcessView, options: { fromStart: boolean }): Promise<number> {
  const clock = (await cli.system()).clock;
  const leave = new AbortController();
  let leaving: Leaving | null = null;
  const goAway = (how: Leaving) => {
    leaving ??= how;
    leave.abort();
  };
  const modes = new TerminalModes();
  const show = (bytes: string | Uint8Array) => {
    modes.feed(typeof bytes === "string" ? Buffer.from(bytes).toString("latin1") : Buffer.from(bytes).toString("latin1"));
    return output.write(bytes);
  };
  whenReaderLeaves(() => goAway({ kind: "signal", exitCode: leavingSignals.SIGHUP }));
  const keyboard = new Keyboard(new InputPump(registry, clock, view.id), clock, goAway);
  const unwatch = watchTerminal(registry, view, goAway);
  try {
    let since = 0;
    if (!options.fromStart) {
      const size = terminalSize() ?? view.tty!;
      const screen = await screenNow(registry, view.id, view.tty!, size);
      since = screen.upTo;
      // Rows are painted from the top, as the program's own cursor addresses count them.
      await show(`\x1b[2J\x1b[H${screen.text}`);
      await registry.resize(view.id, size).catch(() => {});
    }
    // The keeper answers the questions of every terminal program; our terminal must not answer as well.
    const questions = new TerminalQueries(view.tty!);
    await follow(registry, view.id, {
      since,
      signal: leave.signal,
      gaps: false,
      bytes: (bytes) => show(questions.withoutQuestions(bytes)),
    });
  } finally {
    unwatch();
    keyboard.close();
    if (nodeProcess.stdout.writable) void output.write(modes.restoring());
  }
  return await farewell(registry, view, leaving);
}

async function farewell(registry: Registry, view: ProcessView, leaving: Leaving | null): Promise<number> {
  const name = view.name ?? view.id;
  if (leaving !== null) {
    output.note(`\r\nherma: left ${name}, which runs on; \`herma attach ${name}\` comes back`);
    return leaving.kind === "detached" ? 0 : leaving.exitCode;
  }
  const { exit } = await waitForEnd(registry, view);
  output.note(`\r\nherma: ${name} ${endingSentence(exit)}`);
  return exitCodeOf(exit);
}

/** Passes on changes of our terminal's size, and leaves when we are told to. Returns its end. */
function watchTerminal(registry: Registry, view: ProcessView, goAway: (how: Leaving) => void): () => void {
  let wanted: TerminalSize | null = null;
  let busy = false;
  const resize = async () => {
    wanted = terminalSize();
    if (busy) return;
    busy = true;
    while (wanted !== null) {
      const size: TerminalSize = wanted;
      wanted = null;
      // A process that has just ended has no size; its end is told elsewhere.
      await registry.resize(view.id, size).catch(() => {});
    }
    busy = false;
  };
  const resized = () => void resize();
  const rawAgain = () => {
    nodeProcess.stdin.setRawMode(true);
    resized();
  };
  nodeProcess.stdout.on("resize", resized);
  nodeProcess.on("SIGCONT", rawAgain);
  const signals = Object.entries(leavingSignals).map(([signal, exitCode]) => {
    const listener = () => goAway({ kind: "signal", exitCode });
    nodeProcess.on(signal, listener);
    return () => nodeProcess.off(signal, listener);
  });
  return () => {
    nodeProcess.stdout.off("resize", resized);
    nodeProcess.off("SIGCONT", rawAgain);
    for (const off of signals) off();
  };
}

/** Our keyboard in raw mode: what is typed goes to the process, Ctrl-\ twice goes away. */
class Keyboard {
  readonly #pump: InputPump;
  readonly #clock: Clock;
  readonly #goAway: (how: Leaving) => void;
  readonly #keys = new DetachKeys();
  #timer: Timer | null = null;

  constructor(pump: InputPump, clock: Clock, goAway: (how: Leaving) => void) {
    this.#pump = pump;
    this.#clock = clock;
    this.#goAway = goAway;
    nodeProcess.stdin.setRawMode(true);
    nodeProcess.stdin.on("data", this.#typed);
    nodeProcess.stdin.on("end", this.#gone);
    // A terminal that was closed under us.
    nodeProcess.stdin.on("error", this.#gone);
    nodeProcess.stdin.resume();
  }

  readonly #typed = (bytes: Buffer): void => {
    this.#timer?.cancel();
    const { forward, detach } = this.#keys.feed(bytes.toString("latin1"));
    this.#send(forward);
    if (detach) this.#goAway({ kind: "detached" });
    else if (this.#keys.holding) this.#timer = this.#clock.after(detachKeysMs, () => this.#send(this.#keys.release()));
  };

  readonly #gone = (): void => this.#goAway({ kind: "signal", exitCode: leavingSignals.SIGHUP });

  #send(typed: string): void {
    this.#pump.push(Buffer.from(typed, "latin1")).catch((error: unknown) => {
      output.note(`\r\nherma: what was typed did not arrive: ${(error as Error).message}`);
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#pump.stop();
    nodeProcess.stdin.off("data", this.#typed);
    nodeProcess.stdin.off("end", this.#gone);
    nodeProcess.stdin.pause();
    try {
      nodeProcess.stdin.setRawMode(false);
    } catch {
      // The terminal is gone, and its mode with it.
    }
  }
}
