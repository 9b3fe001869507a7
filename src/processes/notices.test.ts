import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../test/setup/waiting.ts";
import { timestampOf } from "../contract/index.ts";
import { fakeKeeper } from "./testing/fakeKeeper.ts";
import { openTestRegistry, system } from "./testing/openTestRegistry.ts";

test("whoever has subscribed outlives a database that cannot be opened, and is rung for again when it can", async () => {
  const waits: number[] = [];
  const after: typeof system.clock.after = (ms, ...more) => {
    waits.push(ms);
    return system.clock.after(ms, ...more);
  };
  const { home, registry } = openTestRegistry({}, { system: { ...system, clock: { ...system.clock, after } } });
  const keeper = await fakeKeeper(system, home);
  const session = "s";
  let rings = 0;
  const unsubscribe = registry.notices.subscribe({ session }, () => {
    rings += 1;
  });
  onTestFinished(unsubscribe);
  const oneEnds = async (): Promise<void> => {
    const { id } = await registry.start({ command: "a", owner: { kind: "tool", session }, notifyOnComplete: true });
    keeper.ends(id, { ended_at: timestampOf(system.clock.wallMs()) });
  };
  await oneEnds();
  await expect.poll(() => rings, { timeout: 30_000 }).toBeGreaterThan(0);
  // What a timer throws here ends the program: nobody has called it.
  const database = join(home, "herma.db");
  for (const end of ["", "-wal", "-shm"]) rmSync(database + end, { force: true });
  mkdirSync(database);
  const rungBefore = rings;
  expect(() => registry.notices.list()).toThrow(expect.objectContaining({ code: "IO" }));
  waits.length = 0;
  await until("it has looked in vain, and will look again", () => waits.includes(1000));
  rmSync(database, { recursive: true });
  await oneEnds();
  await expect.poll(() => rings, { timeout: 30_000 }).toBeGreaterThan(rungBefore);
});
