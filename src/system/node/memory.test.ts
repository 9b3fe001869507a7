import process from "node:process";
import { expect, test } from "vitest";
import { nodeSystem } from "./nodeSystem.ts";

/** Prints its heap in bytes: grown by garbage, and once it has shrunk (or when it has not for 20 s). */
const program = `
const { nodeMemory } = await import(${JSON.stringify(new URL("./memory.ts", import.meta.url).href)});
nodeMemory().keepSmall();
const total = () => process.memoryUsage().heapTotal;
let kept = Array.from({ length: 200_000 }, (_, index) => ({ text: "line " + index, at: [index] }));
await new Promise((resolve) => setImmediate(resolve));
const grown = total();
kept = null;
const until = performance.now() + 20_000;
while (total() > grown / 2 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(JSON.stringify({ grown, rested: total(), gc: typeof globalThis.gc }));
process.exit(0);
`;

test("a program that keeps small gives back after a burst what it does not need", { timeout: 30_000 }, async () => {
  const argv = [process.execPath, "--input-type=module", "-e", program];
  const ended = await nodeSystem().spawner.run({ argv, cwd: "/", variables: {}, timeoutMs: 30_000, bytesMax: 10_000 });
  const { grown, rested, gc } = JSON.parse(String(ended?.stdout));
  expect(grown).toBeGreaterThan(20_000_000);
  expect(rested).toBeLessThanOrEqual(grown / 2);
  // The door to the collection is not left open for what else runs there.
  expect(gc).toBe("undefined");
});
