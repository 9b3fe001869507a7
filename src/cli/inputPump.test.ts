import { expect, test } from "vitest";
import { HermaError } from "../contract/index.ts";
import type { Registry } from "../processes/index.ts";
import type { Clock } from "../system/index.ts";
import { InputPump } from "./inputPump.ts";

const id = "proc_0123456789ab";

/** Takes writes one at a time, and refuses those that `refusal` says. */
function sink(refusal: (write: number) => HermaError | null = () => null) {
  const sizes: number[] = [];
  let text = "";
  let eof = false;
  let writes = 0;
  let under = 0;
  const registry = {
    write: async (_id: string, input: { data: string | Uint8Array; eof?: boolean }) => {
      under += 1;
      expect(under).toBe(1);
      await Promise.resolve();
      under -= 1;
      const refused = refusal(writes++);
      if (refused !== null) throw refused;
      expect(eof).toBe(false);
      sizes.push(input.data.length);
      text += Buffer.from(input.data as Uint8Array).toString();
      eof = input.eof === true;
      return { bytes_written: input.data.length, offset: 0 };
    },
  } as unknown as Registry;
  // Time goes by itself: what is asked for later happens on the next turn.
  const clock = {
    after: (_ms: number, fn: () => void) => {
      queueMicrotask(fn);
      return { cancel: () => {} };
    },
  } as unknown as Clock;
  return { pump: new InputPump(registry, clock, id), taken: () => ({ sizes, text, eof, writes }) };
}

test("bytes arrive in order, joined into few requests, and the end behind them", async () => {
  const { pump, taken } = sink();
  for (let piece = 0; piece < 100; piece++) void pump.push(Buffer.from(`${piece},`));
  await pump.finish(true);
  const { text, eof, sizes } = taken();
  expect(text).toBe(Array.from({ length: 100 }, (_, piece) => `${piece},`).join(""));
  expect(eof).toBe(true);
  expect(sizes.length).toBeLessThan(5);
  expect(pump.closed).toBe(true);
});

test("a large input goes in bounded pieces, and its source waits", async () => {
  const { pump, taken } = sink();
  await pump.push(Buffer.alloc(1_000_000, "x"));
  await pump.finish(false);
  const { sizes, text, eof } = taken();
  expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
  expect(text.length).toBe(1_000_000);
  expect(eof).toBe(false);
});

test("a full input is tried again, nothing is lost", async () => {
  const { pump, taken } = sink((write) => (write < 3 ? new HermaError("STDIN_FULL", "full") : null));
  await pump.push(Buffer.from("hello"));
  await pump.finish(true);
  expect(taken()).toMatchObject({ text: "hello", eof: true });
});

test("an ended process closes the pump quietly; anything else is told", async () => {
  const ended = sink(() => new HermaError("PROCESS_ENDED", "over"));
  await ended.pump.push(Buffer.from("x"));
  await ended.pump.finish(true);
  expect(ended.pump.closed).toBe(true);
  expect(ended.taken().writes).toBe(1);
  const broken = sink(() => new HermaError("KEEPER_SILENT", "wedged"));
  await expect(broken.pump.push(Buffer.alloc(400_000))).rejects.toThrow("wedged");
  const later = sink(() => new HermaError("KEEPER_SILENT", "wedged"));
  await later.pump.push(Buffer.from("x"));
  await expect(later.pump.finish(false)).rejects.toThrow("wedged");
});
