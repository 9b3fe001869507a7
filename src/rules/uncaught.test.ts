import { expect, test } from "vitest";
import { transientPerMinuteMax, uncaughtVerdict } from "./uncaught.ts";

function coded(code: string, cause?: unknown): Error {
  return Object.assign(new Error(code, cause === undefined ? {} : { cause }), { code });
}

test("trouble of the network passes, wherever it stands in the chain of causes", () => {
  expect(uncaughtVerdict(coded("ECONNRESET"), 0)).toBe("transient");
  expect(uncaughtVerdict(new TypeError("fetch failed", { cause: coded("UND_ERR_CONNECT_TIMEOUT") }), 0)).toBe("transient");
  expect(uncaughtVerdict(Object.assign(new Error("x"), { name: "TimedOut" }), 0)).toBe("transient");
  let deep: unknown = coded("ETIMEDOUT");
  for (let depth = 0; depth < 11; depth += 1) deep = new Error("around", { cause: deep });
  expect(uncaughtVerdict(deep, 0)).toBe("transient");
  expect(uncaughtVerdict(new Error("around", { cause: deep }), 0)).toBe("bug");
});

test("all else is a bug, whatever was thrown", () => {
  for (const thrown of [new TypeError("x is not a function"), coded("ENOSPC"), "ECONNRESET", null, undefined, 7, { code: 7 }])
    expect(uncaughtVerdict(thrown, 0)).toBe("bug");
  const circle: { cause?: unknown } = {};
  circle.cause = circle;
  expect(uncaughtVerdict(circle, 0)).toBe("bug");
});

test("too many failed connections within a minute count as a bug", () => {
  expect(uncaughtVerdict(coded("ECONNRESET"), transientPerMinuteMax - 1)).toBe("transient");
  expect(uncaughtVerdict(coded("ECONNRESET"), transientPerMinuteMax)).toBe("bug");
});
