import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { deadline, event, until } from "./waiting.ts";

const never = new Promise<never>(() => {});

describe("deadline", () => {
  test("gives the value, or the promise's own rejection", async () => {
    await expect(deadline(Promise.resolve(5), 1000, "five")).resolves.toBe(5);
    await expect(deadline(Promise.reject(new Error("own")), 1000, "five")).rejects.toThrow("own");
  });
  test("names what was waited for", async () => {
    await expect(deadline(never, 5, "the moon")).rejects.toThrow("not within 5 ms: the moon");
  });
});

describe("until", () => {
  test("looks again by the clock", async () => {
    let looks = 0;
    expect(await until("third look", () => (++looks === 3 ? looks : null))).toBe(3);
  });
  test("takes 0 and the empty text for an answer", async () => {
    expect(await until("zero", () => 0)).toBe(0);
    expect(await until("nothing", () => "")).toBe("");
  });
  test("looks again when woken, and ends the subscription", async () => {
    const bell = new EventEmitter();
    let open = false;
    const waiting = until("open", () => open, {
      pollMs: 60_000,
      wake: (look) => {
        bell.on("ring", look);
        return () => bell.off("ring", look);
      },
    });
    setImmediate(() => {
      open = true;
      bell.emit("ring");
    });
    expect(await waiting).toBe(true);
    expect(bell.listenerCount("ring")).toBe(0);
  });
  test("does not lose a wake that comes while it looks", async () => {
    let look = (): void => {};
    let state = 0;
    const found = await until(
      "state 1",
      async () => {
        const seen = state;
        if (seen === 0) {
          state = 1;
          look();
        }
        return seen === 1;
      },
      {
        pollMs: 60_000,
        wake: (again) => {
          look = again;
          return () => {};
        },
      },
    );
    expect(found).toBe(true);
  });
  test("ends at the deadline, and at once when the condition throws", async () => {
    await expect(until("the moon", () => false, { deadlineMs: 20 })).rejects.toThrow("not within 20 ms: the moon");
    await expect(
      until("a throw", () => {
        throw new Error("own");
      }),
    ).rejects.toThrow("own");
  });
});

describe("event", () => {
  test("gives the arguments", async () => {
    const emitter = new EventEmitter();
    setImmediate(() => emitter.emit("done", 1, 2));
    expect(await event(emitter, "done")).toEqual([1, 2]);
  });
  test("unsubscribes when late", async () => {
    const emitter = new EventEmitter();
    await expect(event(emitter, "done", 5)).rejects.toThrow("event done");
    expect(emitter.listenerCount("done")).toBe(0);
  });
});
