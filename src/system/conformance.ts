import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { descriptorsConform } from "./testing/descriptors.ts";
import { fullDiskConforms, readingConforms, writingConforms } from "./testing/files.ts";
import { groupsConform } from "./testing/groups.ts";
import { locksConform } from "./testing/locks.ts";
import { notifyConforms } from "./testing/notify.ts";
import { handlesConform, tableConforms } from "./testing/processes.ts";
import { adoptionConforms, spawningConforms, streamsConform, terminalsConform } from "./testing/spawner.ts";
import { toolsConform } from "./testing/tools.ts";
import { vitalsConform } from "./testing/vitals.ts";
import type { ConformanceWorld } from "./testing/world.ts";

export type { ConformanceWorld, Programs, Stranger } from "./testing/world.ts";

/**
 * What every implementation of {@link import("./types.ts").System} must do, told as tests. A world is made for each test and closed after it.
 */
export function conformance(name: string, makeWorld: () => ConformanceWorld | Promise<ConformanceWorld>): void {
  describe(name, () => {
    let world: ConformanceWorld;
    beforeEach(async () => {
      world = await makeWorld();
    });
    afterEach(() => world.close());
    const given = (): ConformanceWorld => world;
    describe("clock", () => clockConforms(given));
    describe("files: reading", () => readingConforms(given));
    describe("files: writing", () => writingConforms(given));
    describe("files: full disks", () => fullDiskConforms(given));
    describe("locks", () => locksConform(given));
    describe("notify", () => notifyConforms(given));
    describe("process table", () => tableConforms(given));
    describe("handles", () => handlesConform(given));
    describe("spawning", () => spawningConforms(given));
    describe("tools", () => toolsConform(given));
    describe("streams", () => streamsConform(given));
    describe("adoption", () => adoptionConforms(given));
    describe("groups", () => groupsConform(given));
    describe("terminals", () => terminalsConform(given));
    describe("vitals", () => vitalsConform(given));
    describe("descriptors", () => descriptorsConform(given));
  });
}

function clockConforms(given: () => ConformanceWorld): void {
  test("timers come in order, on a later turn, and never after their end", async () => {
    const { system, until, pass } = given();
    const heard: string[] = [];
    const start = system.clock.monotonicMs();
    const cancelled = system.clock.after(5, () => heard.push("cancelled"));
    // Far apart: of those that are due together, after a moment in which the machine did something else, any may be first.
    system.clock.after(400, () => heard.push("400"));
    system.clock.after(0, () => heard.push("0"));
    cancelled.cancel();
    cancelled.cancel();
    expect(heard).toEqual([]);
    await until("all timers rang", () => heard.length === 2);
    expect(heard).toEqual(["0", "400"]);
    expect(system.clock.monotonicMs() - start).toBeGreaterThanOrEqual(399);
    await pass(10);
    expect(heard).toHaveLength(2);
  });

  test("a wait of two months does not ring at once", async () => {
    const { system, pass } = given();
    let rang = false;
    const timer = system.clock.after(60 * 24 * 3_600_000, () => {
      rang = true;
    });
    await pass(20);
    timer.cancel();
    expect(rang).toBe(false);
  });

  test("random bytes are as many as asked for, and not the same twice", () => {
    const { system } = given();
    expect(system.random(6)).toHaveLength(6);
    expect(Buffer.from(system.random(16)).equals(system.random(16))).toBe(false);
  });
}
