import { expect, onTestFinished, test } from "vitest";
import type { Identity } from "../../contract/index.ts";
import type { Group, GroupLimits, System } from "../types.ts";
import { type ConformanceWorld, startPiped } from "./world.ts";

const mebibyte = 1_048_576;
let names = 0;

function endOne(system: System, identity: Identity): void {
  const handle = system.processes.open(identity);
  if (typeof handle === "string") return;
  handle.send("SIGKILL");
  handle.close();
}

function freshName(): string {
  names += 1;
  return `herma-test-${Date.now().toString(36)}-${names}`;
}

/** A group that a test which fails does not leave behind either. */
function makeGroup(world: ConformanceWorld, limits: GroupLimits, name = freshName()): Group {
  const { system, until } = world;
  const group = system.groups.make(name, limits);
  onTestFinished(async () => {
    for (const pid of group.members()) {
      const identity = system.processes.identityOf(pid);
      if (identity !== null) endOne(system, identity);
    }
    await until("the group is gone", () => group.remove());
  });
  return group;
}

/** What every implementation of groups must do. The world says why where its machine has none. */
export function groupsConform(given: () => ConformanceWorld): void {
  test("a group holds a child and what it starts, and is removed when they are gone", async (context) => {
    const { system, programs, until, noGroups } = given();
    context.skip(noGroups !== null, noGroups ?? "");
    const name = freshName();
    const group = makeGroup(given(), { pidsMax: 50 }, name);
    expect(system.groups.list(name).map((each) => each.name)).toEqual([name]);
    const parent = startPiped(given(), programs.leaveBehind(), { group });
    await until("the parent has exited, and its word has come", () => parent.exits.length === 1 && parent.text().endsWith("\n"));
    const left = Number(parent.text());
    expect(parent.exits[0]).toMatchObject({ code: 5 });
    await until("the child is in it, without its parent", () => {
      const members = group.members();
      return members.includes(left) && !members.includes(parent.child.pid);
    });
    expect(group.remove()).toBe(false);
    expect(system.groups.of(left, name)?.folders.toSorted()).toEqual(group.folders.toSorted());
    expect(system.groups.of(left, `${name}-other`)).toBeNull();
    expect(system.groups.of(system.processes.self().pid, name)).toBeNull();
    const members = group.members().map((pid) => system.processes.identityOf(pid));
    system.groups.open(group.folders)?.kill();
    for (const identity of members) if (identity !== null) endOne(system, identity);
    await until("it can be removed", () => group.remove());
    expect(system.groups.open(group.folders)).toBeNull();
    expect(system.groups.list(name)).toEqual([]);
    expect(group.remove()).toBe(true);
  });

  test("limits can be changed and lifted; memory that ran out is counted from none", async (context) => {
    const { until, noGroups } = given();
    context.skip(noGroups !== null, noGroups ?? "");
    const group = makeGroup(given(), { memoryBytesMax: 64 * mebibyte, cpuPercentMax: 50, pidsMax: 10 });
    group.limit({ memoryBytesMax: 128 * mebibyte, pidsMax: null, cpuPercentMax: 250 });
    group.limit({ memoryBytesMax: 32 * mebibyte, cpuPercentMax: null });
    group.limit({ memoryBytesMax: null });
    expect(group.memoryKills()).toBe(0);
    expect(group.members()).toEqual([]);
    await until("it can be removed", () => group.remove());
  });

  test("what a member of a group cannot run fails as it does outside", async (context) => {
    const { system, notExecutable, noFormat, folder, variables, noGroups } = given();
    context.skip(noGroups !== null, noGroups ?? "");
    const group = makeGroup(given(), { pidsMax: 10 });
    const output = `${folder}/group-output`;
    system.files.makeFifo(output);
    for (const [argv, error] of [
      [["no-such-program-anywhere"], "ENOENT"],
      [[notExecutable], "EACCES"],
      [[noFormat], "ENOEXEC"],
    ] as const) {
      const spawned = system.spawner.spawnPiped({ argv, cwd: folder, variables, output, stdin: "none", group }, () => {
        throw new Error("nothing was started, so nothing can end");
      });
      expect(spawned).toMatchObject({ ok: false, failure: { error } });
    }
    expect(group.remove()).toBe(true);
  });

  test("a child in a group has the variables it was given and no others", async (context) => {
    const { programs, until, variables, noGroups } = given();
    context.skip(noGroups !== null, noGroups ?? "");
    const group = makeGroup(given(), { pidsMax: 10 });
    const shown = async (name: string, given_: Record<string, string>): Promise<string> => {
      const child = startPiped(given(), programs.showVariable(name), { group, variables: { ...variables, ...given_ } });
      await until("it has ended", () => child.exits.length === 1 && child.text() !== "");
      return child.text().trim();
    };
    expect(await shown("GIVEN", { GIVEN: "a b'c" })).toBe("a b'c");
    await until("it can be removed", () => group.remove());
  });
}
