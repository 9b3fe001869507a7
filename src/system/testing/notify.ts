import { expect, test } from "vitest";
import type { ConformanceWorld } from "./world.ts";

export function notifyConforms(given: () => ConformanceWorld): void {
  test.each(["path", "abstract name"])("a service manager at a %s is told, word for word", async (kind) => {
    const world = given();
    const { notify } = world.system;
    const unique = Buffer.from(world.system.random(6)).toString("hex");
    const socket = kind === "path" ? `${world.folder}/notify` : `@herma-test-${unique}`;
    const manager = await world.manager(socket);
    if ("skip" in manager) return;
    expect(notify.send(socket, "READY=1\nSTATUS=ünder way")).toBe(true);
    expect(notify.send(socket, "WATCHDOG=1")).toBe(true);
    await world.until("both were heard", () => manager.told().length === 2);
    expect(manager.told()).toEqual(["READY=1\nSTATUS=ünder way", "WATCHDOG=1"]);
  });

  test("where nobody listens, and at what is no address, nothing happens", () => {
    const world = given();
    const long = `/${"x".repeat(200)}`;
    for (const socket of [`${world.folder}/nobody`, "@herma-test-nobody", "", "@", "/", "relative", long, "/with\0zero"])
      expect(world.system.notify.send(socket, "READY=1")).toBe(false);
  });
}
