import { HermaError } from "../../contract/index.ts";
import type { Descriptors } from "../types.ts";
import type { FakeMachine } from "./machine.ts";
import type { FakeProgram } from "./program.ts";

/** Descriptors of the fake machine are numbers that mean the same in every program. */
export function fakeDescriptors(machine: FakeMachine, program: FakeProgram): Descriptors {
  return {
    expect: (path) => {
      program.demandAlive();
      if (machine.platform !== "linux") return null;
      if (machine.descriptorPlaces.has(path)) throw new HermaError("IO", `no socket can stand at ${path}: EADDRINUSE`);
      const left: number[] = [];
      machine.descriptorPlaces.set(path, left);
      const close = (): void => {
        if (machine.descriptorPlaces.get(path) === left) machine.descriptorPlaces.delete(path);
      };
      program.whenDead(close);
      return { take: () => left.shift() ?? null, close };
    },
    pass: (path, fd) => {
      program.demandAlive();
      const left = machine.descriptorPlaces.get(path);
      left?.push(fd);
      return left !== undefined;
    },
    close: () => program.demandAlive(),
  };
}
