import { HermaError, type Survivor } from "../contract/index.ts";
import { killLadder } from "../rules/index.ts";
import type { System } from "../system/index.ts";
import { type Member, survivorsOf, type Tree } from "./tree.ts";

/** After KILL new children may still appear for an instant, and some ends cannot be waited for; look again this often. */
const rescanMs = 25;

type Slice = Pick<System, "clock" | "processes">;

/** Ends a tree step by step: TERM, grace, KILL, and a verdict that names who is left. One ladder per process at a time. */
export class Ladder {
  readonly #system: Slice;
  readonly #tree: Tree;
  #graceMs: number;
  #termDeadlineMs: number | null = null;
  #cut: (() => void) | null = null;
  #stopped = false;

  constructor(system: Slice, tree: Tree, graceMs: number) {
    this.#system = system;
    this.#tree = tree;
    this.#graceMs = graceMs;
  }

  /**
   * A second wish for the same end: a shorter grace shortens the one that runs, a longer one changes nothing. A wish for 0 (TERM only)
   * shortens nothing, and to a ladder of TERM only another wish adds the KILL.
   */
  hasten(graceMs: number): void {
    if (graceMs <= 0 || this.#termDeadlineMs === null) return;
    if (this.#graceMs <= 0) this.#graceMs = graceMs;
    this.#termDeadlineMs = Math.min(this.#termDeadlineMs, this.#system.clock.monotonicMs() + graceMs);
    this.#cut?.();
  }

  /** Ends the climb where it is: {@link run} then throws KEEPER_LEAVING, and the next keeper goes on. */
  stop(): void {
    this.#stopped = true;
    this.#cut?.();
  }

  /** Runs to the verdict: nobody ([]), or those who outlived the last step. */
  async run(): Promise<Survivor[]> {
    // Asked anew at each step, because a second wish may have added one.
    for (let step = 0; ; step += 1) {
      const rung = killLadder(this.#graceMs)[step];
      if (rung === undefined) return survivorsOf(this.#tree.scan());
      if (await this.#step(rung.signal, rung.thenWaitMs)) return [];
    }
  }

  async #step(signal: "SIGTERM" | "SIGKILL", waitMs: number): Promise<boolean> {
    const { clock } = this.#system;
    let deadlineMs = clock.monotonicMs() + waitMs;
    if (signal === "SIGTERM") this.#termDeadlineMs = deadlineMs;
    const signalled = new Set<string>();
    let emptyPasses = 0;
    if (signal === "SIGKILL") this.#tree.endLimited();
    for (;;) {
      const members = await this.#tree.rescan();
      if (this.#stopped) throw stopped();
      if (members.length === 0) {
        // Two empty passes: a child born during the first one is seen by the second.
        emptyPasses += 1;
        if (emptyPasses >= 2) return true;
        continue;
      }
      emptyPasses = 0;
      const fresh = members.filter((member) => !signalled.has(keyOf(member)));
      this.#tree.send(signal, fresh);
      // A stopped process acts on TERM only once it runs again.
      if (signal === "SIGTERM") this.#tree.send("SIGCONT", fresh);
      for (const member of fresh) signalled.add(keyOf(member));
      if (signal === "SIGTERM") deadlineMs = this.#termDeadlineMs ?? deadlineMs;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) return false;
      await this.#gone(members, signal === "SIGKILL" ? Math.min(leftMs, rescanMs) : leftMs);
    }
  }

  /** Waits until all members have ended, the time is over, or the wait was cut short. */
  async #gone(members: readonly Member[], ms: number): Promise<void> {
    const { clock, processes } = this.#system;
    const handles = members.map((member) => processes.open(member.identity)).filter((handle) => typeof handle !== "string");
    await new Promise<void>((resolve) => {
      let left = handles.length;
      // Whose end cannot be waited for is looked at again; never at once, or the look would be all this program does.
      const timer = clock.after(left < members.length ? Math.min(ms, rescanMs) : ms, resolve);
      this.#cut = () => {
        timer.cancel();
        resolve();
      };
      for (const handle of handles) {
        handle.onEnd(() => {
          left -= 1;
          if (left === 0) this.#cut?.();
        });
      }
    });
    this.#cut = null;
    for (const handle of handles) handle.close();
  }
}

function stopped(): HermaError {
  return new HermaError("KEEPER_LEAVING", "the keeper is leaving; the next one goes on with the kill");
}

function keyOf(member: Member): string {
  return `${member.identity.pid}:${member.identity.start_time}`;
}
