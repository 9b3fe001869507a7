import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../test/setup/folders.ts";
import { until } from "../../test/setup/waiting.ts";
import { homePaths } from "../contract/index.ts";
import { FakeMachine, fakeProgram } from "../system/fake/index.ts";
import { nodeSystem } from "../system/index.ts";
import { DrainLeases, drainEpoch } from "./drainLeases.ts";
import { watchDrain } from "./drainWatch.ts";

const home = "/home";
const paths = homePaths(home);

function stage(machine = new FakeMachine()) {
  const system = fakeProgram(machine, "gateway");
  system.files.makeFolder(home);
  const odd: string[] = [];
  const leases = new DrainLeases({ home, system, onOdd: ({ what }) => odd.push(what) });
  const marker = (): Record<string, unknown> | null => {
    const bytes = system.files.read(paths.drainMarker);
    return bytes === null ? null : (JSON.parse(bytes.toString()) as Record<string, unknown>);
  };
  return { machine, system, leases, odd, marker };
}

test("[D1] [D2] [D4] a lease stands in the original's marker under the original's name; taking it back removes it", () => {
  const { system, leases, marker } = stage();
  leases.begin({ principal: "nas", suppressNotification: true });
  expect(paths.drainMarker).toBe(join(home, ".drain_request.json"));
  expect(marker()).toMatchObject({
    action: "drain",
    requested_at: "2026-01-01T00:00:00.000+00:00",
    principal: "nas",
    epoch: drainEpoch(system),
    suppress_notification: true,
  });
  expect(system.files.stat(paths.drainMarker)?.mode).toBe(0o600);
  expect(system.files.read(paths.drainMarker)?.toString()).not.toMatch(/": |, "/);
  expect(leases.cancel("nas")).toBe(true);
  expect(marker()).toBeNull();
  expect(leases.cancel("nas")).toBe(false);
});

test("[D3] asking again renews; [defect 6.4.2] each has their own", async () => {
  const { machine, leases, marker } = stage();
  leases.begin({ principal: "a", ttlMs: 10_000 });
  await machine.time.advance(8_000);
  leases.begin({ principal: "a", ttlMs: 10_000 });
  leases.begin({ principal: "b", ttlMs: 60_000 });
  await machine.time.advance(8_000);
  leases.look();
  expect(marker()).toMatchObject({ principal: "a, b", requested_at: "2026-01-01T00:00:08.000+00:00" });
  await machine.time.advance(2_000);
  leases.look();
  expect(marker()).toMatchObject({ principal: "b" });
  expect(leases.cancel("a")).toBe(false);
  expect(leases.leases.map(({ principal }) => principal)).toEqual(["b"]);
});

test("[compat 26] [peer 26] a lease ends by itself, to the moment, also when the clock is set back meanwhile", async () => {
  const { machine, system, leases, marker } = stage();
  const changes: number[] = [];
  watchDrain({
    home,
    system,
    leases,
    changed: () => changes.push(machine.time.nowMs),
    failed: (error) => {
      throw error;
    },
    mayLook: () => true,
  });
  leases.begin({ principal: "a", ttlMs: 10_500 });
  await machine.time.advance(3_000);
  machine.time.wallOffsetMs -= 5 * 3_600_000;
  await machine.time.advance(7_400);
  expect(leases.leases).toHaveLength(1);
  await machine.time.advance(100);
  expect(leases.leases).toEqual([]);
  expect(marker()).toBeNull();
  // The first: what is left is told anew, an hour at most by the clock that was set.
  expect(changes).toEqual([4_000, 10_500]);
});

test("[compat 26] leases outlive a restart of the gateway and not one of the machine", () => {
  const { machine, leases } = stage();
  leases.begin({ principal: "a" });
  const next = stage(machine);
  next.leases.look();
  expect(next.leases.leases).toMatchObject([{ principal: "a", from: "request" }]);
  machine.reboot();
  const rebooted = stage(machine);
  rebooted.leases.look();
  expect(rebooted.leases.leases).toEqual([]);
  expect(rebooted.marker()).toBeNull();
});

test("[D8] where the system tells of no change the marker is found by a look within a second; [D6] noise drains", async () => {
  const { machine, system, leases, odd } = stage();
  const seen: number[] = [];
  const blind = { ...system, files: Object.assign(Object.create(system.files) as typeof system.files, { watch: () => () => {} }) };
  watchDrain({ home, system: blind, leases, changed: () => seen.push(machine.time.nowMs), failed: () => {}, mayLook: () => true });
  await machine.time.advance(300);
  fakeProgram(machine, "nas").files.replace(paths.drainMarker, "{", { durable: false });
  await machine.time.advance(1_000);
  expect(seen).toHaveLength(1);
  expect(seen[0]).toBeLessThanOrEqual(1_300);
  expect(leases.leases).toMatchObject([{ principal: "external", from: "unreadable" }]);
  await machine.time.advance(5_000);
  expect(odd).toEqual(["unreadable"]);
});

test("nothing is looked at or written once the home is somebody else's", async () => {
  const { machine, system, leases } = stage();
  let ours = true;
  watchDrain({ home, system, leases, changed: () => {}, failed: () => {}, mayLook: () => ours });
  leases.begin({ principal: "a", ttlMs: 2_000 });
  ours = false;
  const { steps } = machine.disk;
  await machine.time.advance(60_000);
  expect(machine.disk.steps).toBe(steps);
});

test("a look that fails is tried again each second, also when a lease is over", async () => {
  const { machine, system, leases } = stage();
  const failures: unknown[] = [];
  leases.begin({ principal: "a", ttlMs: 2_000 });
  const close = watchDrain({ home, system, leases, changed: () => {}, failed: (error) => failures.push(error), mayLook: () => true });
  for (let nth = 1; nth <= 1_000; nth += 1) machine.disk.failAt(nth, "EIO");
  await machine.time.advance(10_000);
  expect(failures.length).toBeGreaterThan(5);
  expect(failures.length).toBeLessThan(12);
  close();
});

test("[D6] leases that cannot be read are told, and the marker still counts", () => {
  const { machine, system, leases } = stage();
  leases.begin({ principal: "a", ttlMs: 60_000 });
  system.files.replace(paths.drainLeases, "{}", { durable: false });
  const next = stage(machine);
  next.leases.look();
  expect(next.odd).toEqual(["leases_unreadable"]);
  expect(next.leases.leases).toMatchObject([{ principal: "a", from: "marker" }]);
  expect(next.leases.cancel("a")).toBe(true);
  expect(next.marker()).toBeNull();
});

test("a begin that cannot be written throws and holds nothing; the disk is brought in line afterwards", () => {
  for (let nth = 1; nth <= 12; nth += 1) {
    const { machine, leases, marker } = stage();
    leases.begin({ principal: "a" });
    machine.disk.failAt(nth, "EIO");
    try {
      leases.begin({ principal: "b" });
    } catch {
      expect(leases.leases.map(({ principal }) => principal)).toEqual(["a"]);
      leases.look();
      expect(marker()).toMatchObject({ principal: "a" });
    }
  }
});

test.each([
  ["darwin", ""],
  ["win32", ""],
  ["linux", "fake-boot-1:1"],
] as const)("the epoch on %s", (platform, epoch) => {
  expect(drainEpoch(fakeProgram(new FakeMachine({ platform }), "gateway"))).toBe(epoch);
});

test("[D8] on the real system a marker that another program writes is seen without waiting for a look", async () => {
  const folder = temporaryFolder();
  const system = nodeSystem();
  const leases = new DrainLeases({ home: folder, system });
  // With this clock nothing is ever looked at by itself.
  const timeless = { ...system, clock: { ...system.clock, after: () => ({ cancel: () => {} }) } };
  onTestFinished(watchDrain({ home: folder, system: timeless, leases, changed: () => {}, failed: () => {}, mayLook: () => true }));
  writeFileSync(
    homePaths(folder).drainMarker,
    JSON.stringify({ action: "drain", requested_at: new Date().toISOString(), principal: "nas" }),
  );
  await until("the marker is seen", () => leases.leases[0]?.principal === "nas");
});
