import { expect, test } from "vitest";
import { type ConformanceWorld, settled } from "./world.ts";

export function toolsConform(given: () => ConformanceWorld): void {
  test("run returns what a tool printed, at most so much of it", async () => {
    const world = given();
    const run = (argv: string[], bytesMax = 1000, timeoutMs = 20_000) =>
      settled(world, world.system.spawner.run({ argv, cwd: world.folder, variables: world.variables, timeoutMs, bytesMax }));
    expect(await run(world.programs.print("hello\n"))).toEqual({ code: 0, stdout: Buffer.from("hello\n") });
    expect(await run(world.programs.exit(3))).toEqual({ code: 3, stdout: Buffer.alloc(0) });
    expect((await run(world.programs.flood(100_000), 1000))?.stdout).toHaveLength(1000);
    expect(await run(["no-such-program"])).toBeNull();
    expect(await run(world.programs.ignoreTerm(), 1000, 200)).toBeNull();
  });

  test("a tool that goes on is heard while it does, and ends when it is told to", async () => {
    const world = given();
    let text = "";
    const stream = (argv: string[]) =>
      world.system.spawner.stream({ argv, cwd: world.folder, variables: world.variables }, (bytes) => {
        text += Buffer.from(bytes).toString();
        return undefined;
      });
    const one = stream(world.programs.ignoreTerm());
    await world.until("it is heard", () => text === "ready\n");
    one!.end();
    one!.end();
    expect(await settled(world, one!.ended)).toBeNull();
    const other = stream(world.programs.print("last words"));
    expect(await settled(world, other!.ended)).toBe(0);
    expect(text).toBe("ready\nlast words");
    expect(stream(["no-such-program"])).toBeNull();
  });

  test("a tool whose words are not taken waits, and nothing is lost", async () => {
    const world = given();
    const bytes = 500_000;
    let heard = 0;
    const gates: (() => void)[] = [];
    const take = (chunk: Uint8Array): Promise<void> => {
      heard += chunk.length;
      return new Promise((resolve) => gates.push(resolve));
    };
    const tool = world.system.spawner.stream({ argv: world.programs.flood(bytes), cwd: world.folder, variables: world.variables }, take);
    await world.until("it is heard", () => heard > 0);
    await world.pass(30);
    expect(gates).toHaveLength(1);
    for (let round = 0; heard < bytes && round < 10_000; round += 1) {
      gates.shift()?.();
      await world.pass(1);
    }
    for (const open of gates) open();
    expect(await settled(world, tool!.ended)).toBe(0);
    expect(heard).toBe(bytes);
  });
}
