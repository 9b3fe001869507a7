import { bodyProvesFree } from "../node/locks.ts";
import { fault } from "../node/systemError.ts";
import type { Lock, Locks, LockView } from "../types.ts";
import { systemError } from "./disk.ts";
import type { FakeMachine } from "./machine.ts";
import type { FakeProgram } from "./program.ts";
import type { FakeTable } from "./table.ts";
import { FakeCrash } from "./time.ts";

/** Locks of the fake machine: by inode, let go when their program dies. */
export class FakeLocks implements Locks {
  readonly #machine: FakeMachine;
  readonly #program: FakeProgram;
  readonly #table: FakeTable;

  constructor(machine: FakeMachine, program: FakeProgram, table: FakeTable) {
    this.#machine = machine;
    this.#program = program;
    this.#table = table;
  }

  tryTake(path: string): Lock | null {
    const { disk, locked } = this.#machine;
    const program = this.#program;
    program.demandAlive();
    try {
      const found = disk.find(path);
      if (found !== null && found.kind !== "file") throw systemError(found.kind === "link" ? "ELOOP" : "EISDIR");
      const node = found ?? disk.makeFile(program, path, 0o600);
      if (locked.has(node.ino)) return null;
      locked.set(node.ino, program.process.pid);
      let held = true;
      const release = (): void => {
        if (held) locked.delete(node.ino);
        held = false;
      };
      program.whenDead(release);
      return {
        path,
        writeBody: (text) => {
          const bytes = Buffer.from(text);
          try {
            disk.write(program, path, node, 0, bytes);
            disk.truncate(program, node, bytes.length);
          } catch (error) {
            if (error instanceof FakeCrash) throw error;
            throw fault("write", path, error);
          }
        },
        pathIsOurs: () => held && disk.find(path) === node,
        release,
      };
    } catch (error) {
      if (error instanceof FakeCrash) throw error;
      throw fault("lock", path, error);
    }
  }

  look(path: string): LockView {
    const { disk, locked, showsLocks } = this.#machine;
    this.#program.demandAlive();
    const node = disk.find(path);
    if (node === null) return { held: false };
    if (node.kind !== "file" || !showsLocks) return { held: "unknown" };
    const pid = locked.get(node.ino);
    if (pid !== undefined && this.#table.look(pid).kind !== "dead") return { held: true, pid };
    return bodyProvesFree(this.#table, node.data.toString("utf8")) ? { held: false } : { held: "unknown" };
  }
}
