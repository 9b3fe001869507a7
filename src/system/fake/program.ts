import type { FakeKernel, FakeProcess } from "./kernel.ts";
import { FakeCrash, type Owner } from "./time.ts";

/** Who makes a change: a program that may be crashed by it, or the test itself. */
export type Actor = {
  /** Throws {@link FakeCrash} when it is dead: the dead make no system calls. */
  demandAlive(): void;
  /** Ends the program as SIGKILL does, and throws {@link FakeCrash}. */
  crash(why: string): never;
};

/** The test's own hand: it cannot crash. */
export const testActor: Actor = {
  demandAlive: () => {},
  crash: (why) => {
    throw new Error(`the test itself cannot crash ${why}`);
  },
};

/** A program of ours on the fake machine, such as a keeper. When it dies, what it held is let go. */
export class FakeProgram implements Actor, Owner {
  readonly process: FakeProcess;
  /** Another text plays a program in a container of its own. */
  pidNamespace = "pid:[fake]";
  /** Pids of children that its spawner waits for. */
  readonly ownChildren = new Set<number>();
  readonly #kernel: FakeKernel;

  constructor(kernel: FakeKernel, process: FakeProcess) {
    this.#kernel = kernel;
    this.process = process;
  }

  get dead(): boolean {
    return this.process.dead;
  }

  demandAlive(): void {
    if (this.dead) throw new FakeCrash(`${this.process.name} is dead`);
  }

  crash(why: string): never {
    this.kill();
    throw new FakeCrash(`${this.process.name} crashed ${why}`);
  }

  /** Ends it as SIGKILL does: at once, without a last word. */
  kill(): void {
    this.#kernel.end(this.process, { code: null, signal: "SIGKILL" });
  }

  /** Calls back when it dies, unless the returned function was called before. */
  whenDead(letGo: () => void): () => void {
    this.process.onEnd.push(letGo);
    return () => {
      const at = this.process.onEnd.indexOf(letGo);
      if (at >= 0) this.process.onEnd.splice(at, 1);
    };
  }
}
