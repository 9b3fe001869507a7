import type { LoopObserver, Vitals } from "../types.ts";
import type { FakeMachine } from "./machine.ts";
import type { FakeProgram } from "./program.ts";

/** What the fake machine tells: its processes, and the numbers that the test has set on it. */
export function fakeVitals(machine: FakeMachine, program: FakeProgram): Vitals {
  return {
    program: (pid) => {
      const found = machine.kernel.processes.get(pid) ?? null;
      const unknown = { pid, name: null, state: null, parent: null, uid: null, commandLine: null, tracer: null };
      if (found === null) return unknown;
      const state = found.state === "running" ? "S (sleeping)" : found.state === "stopped" ? "T (stopped)" : "Z (zombie)";
      return { pid, name: found.name, state, parent: found.parent, uid: 0, commandLine: found.name, tracer: 0 };
    },
    machine: () => ({ ...machine.vitals }),
    memory: () => {
      program.demandAlive();
      return machine.memory;
    },
  };
}

/** Watches nothing: time on the fake machine passes only while no program computes, so no loop ever stands still. */
export const fakeLoopObserver: LoopObserver = {
  watch: () => ({ takeLagMs: () => 0, stop: async () => {} }),
};
