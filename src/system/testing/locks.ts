import { expect, onTestFinished, test } from "vitest";
import type { Lock } from "../types.ts";
import type { ConformanceWorld } from "./world.ts";

function take(world: ConformanceWorld, path: string): Lock {
  const lock = world.system.locks.tryTake(path);
  if (lock === null) throw new Error(`${path} is held`);
  onTestFinished(() => lock.release());
  return lock;
}

export function locksConform(given: () => ConformanceWorld): void {
  test("a lock is held once and free after its release", () => {
    const world = given();
    const { locks, files } = world.system;
    const path = `${world.folder}/lock`;
    const lock = take(world, path);
    expect(locks.tryTake(path)).toBeNull();
    expect(files.stat(path)).toMatchObject({ kind: "file", mode: 0o600 });
    lock.release();
    lock.release();
    take(world, path).release();
    expect(files.stat(path)).not.toBeNull();
  });

  test("the body is rewritten in place, shorter too", () => {
    const world = given();
    const { files } = world.system;
    const path = `${world.folder}/lock`;
    const lock = take(world, path);
    lock.writeBody('{"pid":12345678}');
    const before = files.stat(path);
    lock.writeBody('{"pid":1}');
    expect(files.read(path)?.toString()).toBe('{"pid":1}');
    expect(files.stat(path)?.ino).toBe(before?.ino);
  });

  test("a path that names another file, or none, is not ours", () => {
    const world = given();
    const { files, locks } = world.system;
    const path = `${world.folder}/lock`;
    const lock = take(world, path);
    expect(lock.pathIsOurs()).toBe(true);
    files.remove(path);
    expect(lock.pathIsOurs()).toBe(false);
    const second = take(world, path);
    expect(second.pathIsOurs()).toBe(true);
    expect(lock.pathIsOurs()).toBe(false);
    expect(locks.tryTake(path)).toBeNull();
    lock.release();
    expect(lock.pathIsOurs()).toBe(false);
    expect(second.pathIsOurs()).toBe(true);
  });

  test("[S7] [compat 5] [defect 6.2.5] [peer 6] looking tells the holder and takes nothing", () => {
    const world = given();
    const { locks, processes, files } = world.system;
    const path = `${world.folder}/lock`;
    expect(locks.look(path)).toEqual({ held: false });
    expect(files.stat(path)).toBeNull();
    const lock = take(world, path);
    expect(locks.look(path)).toEqual({ held: true, pid: processes.self().pid });
    lock.release();
    expect(locks.look(path)).toEqual({ held: false });
  });

  test("that nobody is named proves nothing while the body's process lives or cannot be read", async () => {
    const world = given();
    const { locks, processes } = world.system;
    const path = `${world.folder}/lock`;
    const lock = take(world, path);
    lock.writeBody(JSON.stringify({ pid: processes.self().pid }));
    lock.release();
    expect(locks.look(path)).toEqual({ held: "unknown" });
    const again = take(world, path);
    again.writeBody("noise");
    again.release();
    expect(locks.look(path)).toEqual({ held: "unknown" });
    const stranger = await world.neglected();
    stranger.end();
    await world.until("it has ended", () => processes.look(stranger.pid).kind === "dead");
    const third = take(world, path);
    third.writeBody(JSON.stringify({ pid: stranger.pid }));
    third.release();
    expect(locks.look(path)).toEqual({ held: false });
  });

  test("another program's lock keeps us out until it lets go", async () => {
    const world = given();
    const { locks } = world.system;
    const path = `${world.folder}/lock`;
    const other = await world.lockElsewhere(path);
    expect(locks.tryTake(path)).toBeNull();
    expect(locks.look(path)).toEqual({ held: true, pid: other.pid });
    await other.release();
    take(world, path);
  });
}
