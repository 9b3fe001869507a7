import type { System } from "../types.ts";
import { fakeDescriptors } from "./descriptors.ts";
import { FakeFiles } from "./files.ts";
import { fakeGroups } from "./groups.ts";
import { FakeLocks } from "./locks.ts";
import { FakeMachine, type FakeMachineOptions } from "./machine.ts";
import { FakeProgram } from "./program.ts";
import { fakeSockets } from "./sockets.ts";
import { FakeSpawner } from "./spawner.ts";
import { FakeTable } from "./table.ts";
import { fakeLoopObserver, fakeVitals } from "./vitals.ts";

export { type DiskFault, FakeDisk } from "./disk.ts";
export { FakeKernel, FakeProcess, type SentSignal } from "./kernel.ts";
export { FakeMachine, type FakeMachineOptions } from "./machine.ts";
export { FakeProgram } from "./program.ts";
export { type ForkOptions, type Script, ScriptRun, type TerminalView } from "./script.ts";
export { FakeCrash, FakeTime } from "./time.ts";

/** The system of one program on a fake machine, with the machine and the program for the test to play with. */
export type FakeSystem = System & { readonly machine: FakeMachine; readonly program: FakeProgram };

/** A machine with one program on it. Further programs on the same machine come from {@link fakeProgram}. */
export function fakeSystem(options: FakeMachineOptions = {}): FakeSystem {
  return fakeProgram(new FakeMachine(options), "herma");
}

/**
 * One more program on a machine, such as a second gateway or the next keeper. It has a pid of its own; `system.program.kill()` ends it as SIGKILL
 * does: its timers, readers, watches and locks are gone, its children get another parent, and every call it still makes throws FakeCrash.
 */
export function fakeProgram(machine: FakeMachine, name: string): FakeSystem {
  const process = machine.kernel.create({ parent: null, name, leads: true });
  const program = new FakeProgram(machine.kernel, process);
  const processes = new FakeTable(machine, program);
  return {
    machine,
    program,
    platform: machine.platform,
    clock: {
      monotonicMs: () => machine.time.nowMs,
      wallMs: () => machine.time.nowMs + machine.time.wallOffsetMs,
      after: (ms, fn) => machine.time.after(ms, program, fn),
    },
    files: new FakeFiles(machine, program),
    locks: new FakeLocks(machine, program, processes),
    processes,
    spawner: new FakeSpawner(machine, program, () => processes.reapOrphans()),
    shell: { commandShell: () => "/bin/sh", snapshot: async () => machine.snapshot },
    scopes: {
      probe: async () => machine.restartSurvival,
      wrap: (unit, argv) => (machine.restartSurvival === "scoped" ? ["systemd-run", "--scope", `--unit=${unit}`, "--", ...argv] : argv),
    },
    groups: fakeGroups(machine, program),
    sockets: fakeSockets(machine),
    descriptors: fakeDescriptors(machine, program),
    notify: { send: (socket, text) => machine.notified.get(socket)?.push(text) !== undefined },
    memory: { keepSmall: () => {} },
    vitals: fakeVitals(machine, program),
    loop: fakeLoopObserver,
    random: (bytes) => machine.random(bytes),
  };
}
